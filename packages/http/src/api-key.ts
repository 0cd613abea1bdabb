import { refuseUnknown } from '@ent/internal';
import type { Exchange } from '@ent/middleware';
import type { BearerAuthenticator } from './bearer.ts';
import { httpErrors } from './errors.ts';
import { demandFunction } from './internal/demand.ts';
import { TOKEN } from './internal/token.ts';
import type { Authenticator } from './route.ts';

/** How {@link apiKey} reads a key. */
export interface ApiKeyOptions<Principal> {
  /** Name of the header. Default: `x-api-key`. */
  readonly header?: string | undefined;
  /** Who says who calls where the header is not there, such as `bearer(...)`. Default: nobody, which is a 401. */
  readonly or?: Authenticator<Principal> | undefined;
}

/**
 * An {@link Authenticator} for programs: the key is the whole value of a header, `x-api-key: <key>`. A key in the URL,
 * which ends up in logs, is not looked at. To take keys as bearer tokens, give `bearer()` what verifies them.
 *
 * @param verify gives the principal of a key, such as `verify` of `createApiKeys`, or throws an `AuthenticationError`
 * @throws `http.token_missing` (401) without the header; `http.token_invalid` (401) when it came twice, holds a space,
 *   a comma or more than 8,192 characters; `http.invalid_options`, at set-up, for options that cannot work
 * @example
 * ```ts no-run
 * import type { Sessions } from '@ent/auth';
 * import type { ApiKeys } from '@ent/auth/api-keys';
 * import { apiKey, bearer, route } from '@ent/http';
 * import { z } from 'zod';
 *
 * declare const keys: ApiKeys;
 * declare const sessions: Sessions;
 * const me = route({
 *   method: 'GET',
 *   path: '/me',
 *   auth: apiKey((key) => keys.verify(key), { or: bearer((token) => sessions.verify(token)) }),
 *   responses: { 200: z.object({ id: z.string() }) },
 *   handler: ({ principal }) => ({ id: principal.subject }),
 * });
 * ```
 */
export function apiKey<Principal>(
  verify: (key: string, exchange: Exchange) => Principal | Promise<Principal>,
  options: ApiKeyOptions<Principal> = {},
): BearerAuthenticator<Principal> {
  demandFunction(verify, 'apiKey: verify');
  refuseUnknown(options, { header: true, or: true }, 'apiKey', httpErrors.invalid_options);
  const { header = 'x-api-key', or } = options;
  if (typeof header !== 'string' || !TOKEN.test(header)) {
    throw httpErrors.invalid_options('apiKey: header must be the name of a header.');
  }
  if (or !== undefined) demandFunction(or, 'apiKey: or');
  const name = header.toLowerCase();
  const authenticate = (exchange: Exchange): Principal | Promise<Principal> => {
    const key = exchange.header(name);
    if (key === undefined) {
      if (or !== undefined) return or(exchange);
      throw httpErrors.token_missing(`Send an API key: "${name}: <key>".`, CHALLENGE);
    }
    // Of one that came twice, hosts make a list with commas.
    if (!KEY.test(key)) throw httpErrors.token_invalid(`The header "${name}" is not one API key.`, CHALLENGE);
    return verify(key, exchange);
  };
  return Object.assign(authenticate, {
    securitySchemes: { apiKey: { type: 'apiKey', in: 'header', name }, ...or?.securitySchemes },
  });
}

// Visible characters but the comma.
const KEY = /^[!-+\--~]{1,8192}$/;
// RFC 9110, section 11.6.1, wants one with each 401.
const CHALLENGE = { headers: { 'www-authenticate': 'ApiKey' } };
