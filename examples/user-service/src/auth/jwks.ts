import type { SigningKeys } from '@ent/auth';
import { reply, type Route, route } from '@ent/http';
import { z } from 'zod';

const Jwks = z
  .object({ keys: z.array(z.looseObject({ kty: z.string(), kid: z.string(), alg: z.string() })) })
  .meta({ id: 'Jwks', description: 'A JSON Web Key Set (RFC 7517, section 5): public keys alone.' });

/** `/.well-known/jwks.json`: by what other services check the access tokens of this one without asking it. */
export function jwksRoute(keys: SigningKeys): Route {
  return route({
    method: 'GET',
    path: '/.well-known/jwks.json',
    operationId: 'getJwks',
    summary: 'The keys that access tokens are verified with',
    description: 'For other services: the issuer and the audience of the tokens are `user-service`.',
    tags: ['auth'],
    auth: false,
    responses: { 200: Jwks },
    async handler() {
      const jwks = { keys: keys.jwks().keys.map((key) => ({ ...key })) };
      return reply(200, jwks, { 'cache-control': 'public, max-age=300' });
    },
  });
}
