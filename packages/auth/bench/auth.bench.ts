// What the rules cost on top of the libraries: raw jose and raw argon2 with the same keys and parameters.
import { hash as rawHash } from 'argon2';
import { generateKeyPairSync, hash, randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, jwtVerify, SignJWT } from 'jose';
import { bench } from '../../../scripts/bench.ts';
import { createDpop } from '../src/dpop.ts';
import { argon2 } from '../src/drivers/argon2.ts';
import {
  createAccessTokens,
  createKeyRing,
  createPasswords,
  createPolicy,
  createSessions,
  deriveSecret,
  generateKey,
  trustedPrincipal,
} from '../src/index.ts';
import { memoryReplayStore, memoryStores } from '../src/stores.ts';

const { key, pem } = await generateKey('EdDSA');
const accessTokens = createAccessTokens({ issuer: 'me', audience: 'me', keys: createKeyRing({ active: key }) });
// As for a token that is seen for the first time.
const forgetful = createAccessTokens({
  issuer: 'me',
  audience: 'me',
  keys: createKeyRing({ active: key }),
  cacheSize: 0,
});
const sessions = createSessions({ accessTokens, stores: memoryStores(), secret: deriveSecret(pem, 'refresh-tokens') });
const pair = await sessions.start({ subject: 'u1' });
const token = pair.accessToken;
const claims = { sub: 'u1', sid: 's1', jti: 'j1', roles: ['member'] };

await bench('verify an access token', {
  raw: () => jwtVerify(token, key.publicKey, { issuer: 'me', audience: 'me', typ: 'at+jwt', algorithms: ['EdDSA'] }),
  subjects: {
    '@ent': () => forgetful.verify(token),
    '@ent: verified before': () => accessTokens.verify(token),
    '@ent: verified before, session checked': () => sessions.verify(token),
  },
  clock: 'cpu',
});

// A proof is signed by the client for each request, and looked at here besides the token: its signature, its claims,
// and whether it was used before.
const client = generateKeyPairSync('ed25519');
const jwk = client.publicKey.export({ format: 'jwk' });
const jkt = await calculateJwkThumbprint(jwk);
const bound = await sessions.start({ subject: 'u1', proof: { jkt } });
const dpop = createDpop({ origin: 'https://api', replays: memoryReplayStore() });
const ath = hash('sha256', bound.accessToken, 'base64url');
const sent = { method: 'GET', url: '/docs', authorization: `DPoP ${bound.accessToken}` };
const prove = (): Promise<string> =>
  new SignJWT({ jti: randomUUID(), htm: 'GET', htu: 'https://api/docs', ath })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'dpop+jwt', jwk })
    .setIssuedAt()
    .sign(client.privateKey);
await bench('a request with a proof of possession (DPoP); raw makes and verifies the signature of one', {
  raw: async () => jwtVerify(await prove(), client.publicKey, { typ: 'dpop+jwt', algorithms: ['EdDSA'] }),
  subjects: {
    '@ent: makes one, and authenticates by it': async () =>
      dpop.authenticate({ ...sent, dpop: await prove() }, (given, proof) => sessions.verify(given, proof)),
  },
  clock: 'cpu',
});

await bench('issue an access token', {
  raw: () =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: 'EdDSA', kid: key.kid, typ: 'at+jwt' })
      .setIssuer('me')
      .setAudience('me')
      .setIssuedAt()
      .setNotBefore('0s')
      .setExpirationTime('15m')
      .sign(key.privateKey),
  subjects: { '@ent': () => accessTokens.issue({ subject: 'u1', sessionId: 's1', roles: ['member'] }) },
  clock: 'cpu',
});

let refreshToken = pair.refreshToken;
const { sessionId } = pair;
const authenticatedAt = new Date();
await bench('refresh a session, against signing the same token alone', {
  raw: () => accessTokens.issue({ subject: 'u1', sessionId, amr: ['pwd'], authenticatedAt }),
  subjects: {
    '@ent': async () => {
      refreshToken = (await sessions.refresh(refreshToken)).refreshToken;
    },
  },
  clock: 'cpu',
});

const passwords = createPasswords({ driver: argon2() });
const options = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
const stored = await passwords.hash('correct horse battery staple');
await bench('hash a password (argon2id, 19 MiB, 2, 1)', {
  raw: () => rawHash('correct horse battery staple', options),
  subjects: {
    '@ent': () => passwords.hash('correct horse battery staple'),
    '@ent: verify': () => passwords.verify('correct horse battery staple', stored),
    '@ent: verify, unknown account': () => passwords.verify('correct horse battery staple', undefined),
  },
});

const roles: Record<string, { allow: string[]; inherits: string[] }> = {};
for (let role = 0; role < 1000; role++) {
  roles[`role${role}`] = {
    allow: Array.from({ length: 10 }, (_, n) => `kind${role}:action${n}`),
    inherits: role % 100 === 0 ? [] : [`role${role - 1}`],
  };
}
const policy = createPolicy({ roles });
const plain = new Set(Object.values(roles).flatMap(({ allow }) => allow));
const principal = trustedPrincipal({ subject: 'u1', roles: ['role99', 'role250'] });
await bench('decide, with 1,000 roles and 10,000 permissions; raw is a lookup in one Set', {
  raw: () => plain.has('kind40:action5'),
  subjects: {
    '@ent': () => policy.can(principal, 'kind40:action5'),
    '@ent: refused': () => policy.can(principal, 'kind700:action5'),
    '@ent: explain': () => policy.explain(principal, 'kind40:action5'),
  },
  clock: 'cpu',
});
