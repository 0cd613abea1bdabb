import type { Exchange } from '@ent/middleware';
import { httpErrors } from './errors.ts';
import type { Authenticator } from './route.ts';

// RFC 6750, section 2.1: spaces, then b64token. Nothing else is a bearer token.
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/**
 * An {@link Authenticator} for `Authorization: Bearer <token>` (RFC 6750).
 *
 * @param verify gives the principal of a token, or throws an `AuthenticationError`
 * @throws `http.token_missing` (401) when there is no header, another scheme, or a malformed token
 * @example
 * ```ts no-run
 * const authenticate = bearer((token) => tokens.verify(token));
 * const me = route({ method: 'GET', path: '/me', auth: authenticate, ... });
 * ```
 */
export function bearer<Principal>(
  verify: (token: string, exchange: Exchange) => Principal | Promise<Principal>,
): Authenticator<Principal> {
  const authenticate = (exchange: Exchange): Principal | Promise<Principal> => {
    const token = BEARER.exec(exchange.header('authorization') ?? '')?.[1];
    if (token === undefined) {
      throw httpErrors.token_missing('Send an access token: "Authorization: Bearer <token>".', {
        headers: { 'www-authenticate': 'Bearer' },
      });
    }
    return verify(token, exchange);
  };
  return Object.assign(authenticate, {
    securitySchemes: { bearerAuth: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
  });
}
