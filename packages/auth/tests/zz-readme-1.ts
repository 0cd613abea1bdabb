import { createAccessTokens, createAccessTokenVerifier, createKeyRing, createVerificationKeys, generateKey } from '@ent/auth';

const keys = createKeyRing({ active: (await generateKey('ES256')).key });
const issuer = createAccessTokens({ issuer: 'https://auth', audience: 'https://api', keys });
const { token } = await issuer.issue({ subject: 'user-1', sessionId: 's1', roles: ['member'] });

const verifier = createAccessTokenVerifier({
  issuer: 'https://auth',
  audience: 'https://api',
  keys: await createVerificationKeys(keys.jwks()),
});
console.log((await verifier.verify(token)).roles);
