import { type BearerFault, readBearer, refuseUnknown } from '@ent/internal';
import type { Exchange } from '@ent/middleware';
import { httpErrors } from './errors.ts';
import { demandFunction } from './internal/demand.ts';
import { demandPrefix } from './mount.ts';
import type { Authenticator } from './route.ts';

/** What the document says of {@link bearer}, beside that it is. */
export interface BearerOptions {
  /**
   * Path of the route that gives a token for a form of `grant_type=password`, `username` and `password` (RFC 6749,
   * section 4.3), as it stands in the document, such as `/auth/token`. With it the page of Swagger UI logs in by name
   * and password, where there is else a field for a token alone. Default: none.
   */
  readonly passwordFlow?: string | undefined;
}

/**
 * What {@link bearer} makes. An intersection on purpose: TypeScript leaves a call that gives a plain function type
 * until last when it infers, and the handler of a `route({ auth: bearer((token) => ...), handler })` would then not
 * know its principal.
 */
export type BearerAuthenticator<Principal> = Authenticator<Principal> & {
  readonly securitySchemes: Readonly<Record<string, object>>;
};

/**
 * An {@link Authenticator} for `Authorization: Bearer <token>` (RFC 6750).
 *
 * @param verify gives the principal of a token, or throws an `AuthenticationError`
 * @throws `http.token_missing` (401) when there is no header or another scheme;
 *   `http.token_invalid` (401) for a malformed one; `http.invalid_options`, at set-up, for a `verify` that is none, or
 *   options that cannot work
 * @example
 * ```ts no-run
 * import type { AccessTokens } from '@ent/auth';
 * import { bearer, route } from '@ent/http';
 * import { z } from 'zod';
 *
 * declare const tokens: AccessTokens;
 * const me = route({
 *   method: 'GET',
 *   path: '/me',
 *   auth: bearer((token) => tokens.verify(token)),
 *   responses: { 200: z.object({ id: z.string() }) },
 *   handler: ({ principal }) => ({ id: principal.subject }),
 * });
 * ```
 */
export function bearer<Principal>(
  verify: (token: string, exchange: Exchange) => Principal | Promise<Principal>,
  options: BearerOptions = {},
): BearerAuthenticator<Principal> {
  demandFunction(verify, 'bearer: verify');
  refuseUnknown(options, { passwordFlow: true }, 'bearer', httpErrors.invalid_options);
  const { passwordFlow: tokenUrl } = options;
  if (tokenUrl !== undefined) demandPrefix(tokenUrl, 'bearer: passwordFlow');
  const authenticate = (exchange: Exchange): Principal | Promise<Principal> => {
    const { token, fault } = { token: '', ...readBearer(exchange.header('authorization')) };
    if (fault !== undefined) throw refusal(fault);
    return verify(token, exchange);
  };
  return Object.assign(authenticate, {
    securitySchemes: {
      bearerAuth: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
      // Beside the other: a token may come by other ways too, and none of them is in the document.
      ...(tokenUrl !== undefined && {
        passwordFlow: { type: 'oauth2', flows: { password: { tokenUrl, scopes: {} } } },
      }),
    },
  });
}

/** RFC 6750, section 3: who sent no token at all is told no error. */
function refusal(fault: BearerFault): Error {
  if (fault === 'missing' || fault === 'scheme') {
    return httpErrors.token_missing('Send an access token: "Authorization: Bearer <token>".', {
      headers: { 'www-authenticate': 'Bearer' },
    });
  }
  return httpErrors.token_invalid(
    'The Authorization header is not "Bearer" and one token of at most 8,192 characters.',
    {
      headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
    },
  );
}
