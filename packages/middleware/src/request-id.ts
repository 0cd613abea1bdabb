import { kindOf, refuseUnknown } from '@ent/internal';
import type { Middleware } from './middleware.ts';
import { middlewareErrors } from './errors.ts';

/** Options of {@link requestId}. */
export interface RequestIdOptions {
  /** The header that carries the id, in both directions. Default: `x-request-id`. */
  header?: string | undefined;
}

// Long enough for a UUID, a trace id or an id of the usual proxies; no
// character that could break a log line or a header.
const SANE = /^[A-Za-z0-9_.:+/=@-]{1,128}$/;
const TOKEN = /^[a-z0-9-]+$/;

/**
 * Gives every exchange an id and says it in every answer, errors included.
 *
 * A sane id that came with the request is kept (1 to 128 letters, digits and `_.:+/=@-`), so that one id follows a call
 * through several services. Anything else is replaced by a UUID. Put it first in the list.
 *
 * ```ts
 * import { requestContext, requestId } from '@ent/middleware';
 *
 * const middleware = [requestId({ header: 'x-correlation-id' }), requestContext()]; // for createListener, or a host
 * console.log(middleware.map(({ name }) => name));
 * ```
 *
 * @throws `middleware.invalid_options` when `header` is not a header name
 */
export function requestId(options: RequestIdOptions = {}): Middleware {
  refuseUnknown(options, { header: true }, 'requestId', middlewareErrors.invalid_options);
  const given: unknown = options.header ?? 'x-request-id';
  if (typeof given !== 'string') {
    throw middlewareErrors.invalid_options(`requestId: header must be the name of one; got ${kindOf(given)}.`);
  }
  const header = given.toLowerCase();
  if (!TOKEN.test(header)) throw middlewareErrors.invalid_options(`requestId: "${header}" is not a header name.`);
  return {
    name: 'request-id',
    before(exchange) {
      const sent = exchange.header(header);
      if (sent !== undefined && SANE.test(sent)) exchange.id = sent;
      return undefined;
    },
    head(exchange, _status, headers) {
      headers.set(header, exchange.id);
    },
  };
}
