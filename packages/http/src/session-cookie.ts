import { refuseUnknown } from '@ent/internal';
import { csrfCheck, type CsrfOptions, type Exchange, readCookie } from '@ent/middleware';
import type { BearerAuthenticator } from './bearer.ts';
import { httpErrors } from './errors.ts';
import { demandFunction } from './internal/demand.ts';
import { TOKEN } from './internal/token.ts';

/** How {@link sessionCookie} reads a session. */
export interface SessionCookieOptions {
  /** Name of the cookie. Default: `__Host-session`, which no site beside or below this one can set. */
  name?: string | undefined;
  /** As for `csrf()` of `@ent/middleware`; `false` where that is in the list already. Default: `{}`. */
  csrf?: CsrfOptions | false | undefined;
}

/**
 * An {@link Authenticator} for browsers: the session is in a cookie, set by `setCookie` of `@ent/middleware`. A browser
 * sends it whoever made the request, so that what changes something is checked for who did: see `csrf()`.
 *
 * @param verify gives the principal of the cookie's value, such as an access token, or throws an `AuthenticationError`
 * @throws `http.token_missing` (401) without the cookie, or with two of that name; `middleware.cross_site` (403) for
 *   what a page of another origin sends; `http.invalid_options`, at set-up, for a `verify` that is none
 * @example
 * ```ts no-run
 * import type { Sessions } from '@ent/auth';
 * import { route, sessionCookie } from '@ent/http';
 * import { z } from 'zod';
 *
 * declare const sessions: Sessions;
 * const me = route({
 *   method: 'GET',
 *   path: '/me',
 *   auth: sessionCookie((token) => sessions.verify(token)),
 *   responses: { 200: z.object({ id: z.string() }) },
 *   handler: ({ principal }) => ({ id: principal.subject }),
 * });
 * ```
 */
export function sessionCookie<Principal>(
  verify: (value: string, exchange: Exchange) => Principal | Promise<Principal>,
  options: SessionCookieOptions = {},
): BearerAuthenticator<Principal> {
  demandFunction(verify, 'sessionCookie: verify');
  refuseUnknown(options, { name: true, csrf: true }, 'sessionCookie', httpErrors.invalid_options);
  const { name = '__Host-session', csrf = {} } = options;
  if (typeof name !== 'string' || !TOKEN.test(name)) {
    throw httpErrors.invalid_options('sessionCookie: name must be the name of a cookie.');
  }
  const check = csrf === false ? undefined : csrfCheck(csrf);
  const authenticate = (exchange: Exchange): Principal | Promise<Principal> => {
    const value = readCookie(exchange, name);
    if (value === undefined) {
      throw httpErrors.token_missing('There is no session: log in.', { headers: { 'www-authenticate': 'Cookie' } });
    }
    check?.(exchange);
    return verify(value, exchange);
  };
  return Object.assign(authenticate, {
    securitySchemes: { sessionCookie: { type: 'apiKey', in: 'cookie', name } },
  });
}
