// Beside what people use for the same: tokens by jose, jsonwebtoken and fast-jwt; decisions by CASL, casbin and
// accesscontrol. jsonwebtoken and fast-jwt verify on the event loop, jose and @ent on the threads of web crypto.
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { AbilityBuilder, createMongoAbility, type MongoAbility } from '@casl/ability';
import { AccessControl } from 'accesscontrol';
import { newEnforcer, newModel, StringAdapter } from 'casbin';
import { createVerifier } from 'fast-jwt';
import { jwtVerify } from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import { bench } from '../../../scripts/bench.ts';
import {
  createAccessTokens,
  createKeyRing,
  createPolicy,
  createSessions,
  deriveSecret,
  generateKey,
  trustedPrincipal,
} from '../src/index.ts';
import { memoryStores } from '../src/stores.ts';

// ES256: jsonwebtoken has no EdDSA.
const { key, pem } = await generateKey('ES256');
const publicPem = createPublicKey(createPrivateKey(pem)).export({ type: 'spki', format: 'pem' }) as string;
const about = { issuer: 'me', audience: 'me' };
const keys = createKeyRing({ active: key });
const accessTokens = createAccessTokens({ ...about, keys });
const forgetful = createAccessTokens({ ...about, keys, cacheSize: 0 });
const stores = memoryStores();
const secret = deriveSecret(pem, 'refresh-tokens');
const sessions = createSessions({ accessTokens, stores, secret });
const asking = createSessions({ accessTokens, stores, secret, sessionCacheTtl: 0 });
const { accessToken: token } = await sessions.start({ subject: 'u1' });

const joseOptions = { ...about, typ: 'at+jwt', algorithms: ['ES256'] };
const jwtOptions = { ...about, algorithms: ['ES256' as const] };
const fastOptions = { key: publicPem, allowedIss: 'me', allowedAud: 'me', algorithms: ['ES256' as const] };
const fast = createVerifier(fastOptions);
const fastCached = createVerifier({ ...fastOptions, cache: 1000 });

await bench('verify a token that was not seen before (ES256)', {
  raw: () => jwtVerify(token, key.publicKey, joseOptions),
  subjects: {
    '@ent': () => forgetful.verify(token),
    jsonwebtoken: () => jsonwebtoken.verify(token, publicPem, jwtOptions),
    'fast-jwt': () => fast(token) as unknown,
  },
  clock: 'cpu',
});

await bench('verify a token that was seen before (ES256); jose and jsonwebtoken remember none', {
  raw: () => jwtVerify(token, key.publicKey, joseOptions),
  subjects: {
    '@ent': () => accessTokens.verify(token),
    '@ent: and its session': () => sessions.verify(token),
    '@ent: and its session, asking the store (memory) each time': () => asking.verify(token),
    jsonwebtoken: () => jsonwebtoken.verify(token, publicPem, jwtOptions),
    'fast-jwt: cache': () => fastCached(token) as unknown,
  },
  clock: 'cpu',
});

// 1,000 roles in chains of a hundred, each with ten permissions; a user with two roles, of which one inherits 99.
const roles: Record<string, { allow: string[]; inherits: string[] }> = {};
const control = new AccessControl();
const lines: string[] = [];
for (let role = 0; role < 1000; role++) {
  const inherits = role % 100 === 0 ? [] : [`role${role - 1}`];
  roles[`role${role}`] = { allow: Array.from({ length: 10 }, (_, n) => `kind${role}:action${n}`), inherits };
  const grant = control.grant(`role${role}`);
  for (let n = 0; n < 10; n++) {
    grant.readAny(`kind${role}-${n}`);
    lines.push(`p, role${role}, kind${role}, action${n}`);
  }
  for (const parent of inherits) {
    grant.extend(parent);
    lines.push(`g, role${role}, ${parent}`);
  }
}
const ofUser = ['role99', 'role250'];
for (const role of ofUser) lines.push(`g, u1, ${role}`);

const policy = createPolicy({ roles });
const principal = trustedPrincipal({ subject: 'u1', roles: ofUser });
const scoped = trustedPrincipal({ subject: 'u1', roles: ofUser, scopes: ['openid', 'kind40:*'] });

/** CASL has no roles: the rules of the user's roles, and of those that they inherit, are its ability. */
function abilityOf(names: readonly string[]): MongoAbility {
  const { can, build } = new AbilityBuilder(createMongoAbility);
  for (const name of names) {
    for (let at: string | undefined = name; at !== undefined; at = roles[at]?.inherits[0]) {
      for (const permission of roles[at]?.allow ?? []) {
        const [kind, action] = permission.split(':') as [string, string];
        can(action, kind);
      }
    }
  }
  return build();
}
const ability = abilityOf(ofUser);

// Same work with same work: what was put together before, beside what was put together before; and what each check
// begins with, beside the same.
await bench('decide for a user who was seen before (1,000 roles, 10,000 permissions); raw is CASL, its ability kept', {
  raw: () => ability.can('action5', 'kind40'),
  subjects: {
    '@ent': () => policy.can(principal, 'kind40:action5'),
    '@ent: refused': () => policy.can(principal, 'kind700:action5'),
    '@ent: limited by scopes': () => policy.can(scoped, 'kind40:action5'),
    'CASL: refused': () => ability.can('action5', 'kind700'),
  },
  clock: 'cpu',
});

await bench('decide for a user of each request; raw is CASL, which makes an ability', {
  raw: () => abilityOf(ofUser).can('action5', 'kind40'),
  subjects: {
    '@ent': () => policy.can(trustedPrincipal({ subject: 'u1', roles: ofUser }), 'kind40:action5'),
    accesscontrol: () => control.can(ofUser).readAny('kind40-5').granted,
  },
  clock: 'cpu',
});

const model = newModel(`
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.obj == p.obj && r.act == p.act && g(r.sub, p.sub)
`);
const enforcer = await newEnforcer(model, new StringAdapter(lines.join('\n')));
await bench('decide, against casbin, which walks all 10,000', {
  raw: () => enforcer.enforceSync('u1', 'kind245', 'action5'),
  subjects: { '@ent': () => policy.can(principal, 'kind245:action5') },
  clock: 'cpu',
  perTurn: 10,
});
