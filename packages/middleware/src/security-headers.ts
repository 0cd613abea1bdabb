import { refuseUnknown } from '@ent/internal';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { validateHeaderName, validateHeaderValue } from 'node:http';
import helmet from 'helmet';
import { middlewareErrors } from './errors.ts';
import type { Middleware } from './middleware.ts';

/** Options of {@link securityHeaders}. */
export interface SecurityHeadersOptions {
  /** Other values for single headers, by lower-case name; `false` leaves one out. Default: none. */
  override?: Readonly<Record<string, string | false>> | undefined;
}

/**
 * Security headers for an API, on every answer: those of helmet, with a Content-Security-Policy that allows nothing,
 * and `Cache-Control: no-store`. A header that the answer already has is kept, so that a page can bring its own policy;
 * `X-Powered-By` is taken away.
 *
 * helmet runs once, here; a request costs only the copying of its headers.
 *
 * @throws `middleware.invalid_options` when a name or value cannot stand in a header
 * @example
 * ```ts
 * import { securityHeaders } from '@ent/middleware';
 *
 * const behindPlainHttp = securityHeaders({ override: { 'strict-transport-security': false } });
 * ```
 */
export function securityHeaders(options: SecurityHeadersOptions = {}): Middleware {
  refuseUnknown(options, { override: true }, 'securityHeaders', middlewareErrors.invalid_options);
  const headers = apiProfile();
  for (const [name, value] of Object.entries(options.override ?? {})) {
    if (value === false) headers.delete(name.toLowerCase());
    else headers.set(name.toLowerCase(), checked(name, value));
  }
  const fixed = [...headers];
  return {
    name: 'security-headers',
    head(_exchange, _status, bag) {
      // Of Express. As helmet does it, except that it is gone also where it is set later.
      bag.delete('x-powered-by');
      if (bag.fill !== undefined) bag.fill(fixed);
      else for (const [name, value] of fixed) if (!bag.has(name)) bag.set(name, value);
    },
  };
}

/** An API answers with data: nothing of it is ever to be rendered, framed, run or kept by a cache. */
function apiProfile(): Map<string, string> {
  const headers = new Map<string, string>();
  const response = {
    setHeader: (name: string, value: string) => headers.set(name.toLowerCase(), value),
    removeHeader: (name: string) => headers.delete(name.toLowerCase()),
  };
  const run = helmet({
    // The last three do not follow from the first.
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    xFrameOptions: { action: 'deny' },
  });
  // It is synchronous and looks at neither the request nor anything else of the response.
  run({} as IncomingMessage, response as unknown as ServerResponse, () => {});
  return headers.set('cache-control', 'no-store');
}

function checked(name: string, value: string): string {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return value;
  } catch (cause) {
    throw middlewareErrors.invalid_options(`securityHeaders: ${JSON.stringify(name)} cannot be sent as given.`, {
      cause,
    });
  }
}
