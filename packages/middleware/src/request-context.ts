import { refuseUnknown, runWithContext } from '@ent/internal';
import { middlewareErrors } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { Middleware } from './middleware.ts';

/** Options of {@link requestContext}. */
export interface RequestContextOptions {
  /** More fields for everything that happens during the exchange. Default: none. */
  fields?: ((exchange: Exchange) => Readonly<Record<string, unknown>>) | undefined;
}

/**
 * Runs everything after it in a context that carries `requestId`, across `await`, so that each log line of the exchange
 * has `http.request.id`. Put it right after `requestId()`.
 *
 * There is one async storage for all `@ent` packages; `@ent/logging` reads it.
 *
 * ```ts
 * import { requestContext, requestId } from '@ent/middleware';
 *
 * const withMethod = requestContext({ fields: ({ method }) => ({ method }) });
 * console.log([requestId(), withMethod].length);
 * ```
 */
export function requestContext(options: RequestContextOptions = {}): Middleware {
  refuseUnknown(options, { fields: true }, 'requestContext', middlewareErrors.invalid_options);
  const { fields } = options;
  return {
    name: 'request-context',
    context(exchange, run) {
      runWithContext({ ...fields?.(exchange), requestId: exchange.id }, run);
    },
  };
}
