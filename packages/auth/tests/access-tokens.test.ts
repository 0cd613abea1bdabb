import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { EntError } from '@ent/errors';
import { describe, expect, it } from 'vitest';
import {
  type AccessTokens,
  createAccessTokens,
  createAccessTokenVerifier,
  createKeyRing,
  createVerificationKeys,
  generateKey,
  importKey,
  importPublicKey,
  isPrincipal,
} from '../src/index.ts';

const issuer = 'https://auth.example.com';
const audience = 'https://api.example.com';
const START = Date.UTC(2030, 0, 1);

const { key, pem } = await generateKey('EdDSA');
const other = await generateKey('EdDSA');
const ec = await generateKey('ES256');

function setUp(options: { clockTolerance?: number | string; ttl?: string } = {}) {
  const clock = { time: START };
  const keys = createKeyRing({ active: key, retiring: [ec.key] });
  const tokens = createAccessTokens({ issuer, audience, keys, now: () => clock.time, ...options });
  return { tokens, clock };
}

const seconds = (ms: number): number => Math.floor(ms / 1000);
const b64 = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

const goodHeader = { alg: 'EdDSA', kid: key.kid, typ: 'at+jwt' };
const goodClaims = {
  iss: issuer,
  aud: audience,
  sub: 'u1',
  sid: 's1',
  jti: 'j1',
  iat: seconds(START),
  nbf: seconds(START),
  exp: seconds(START) + 900,
};

/** A token with any header and claims, signed with the issuer's real key. */
function forge(header: object, claims: object, privatePem = pem): string {
  const input = `${b64(header)}.${b64(claims)}`;
  return `${input}.${sign(null, Buffer.from(input), privatePem).toString('base64url')}`;
}

async function refusal(tokens: AccessTokens, token: string): Promise<{ code: string; reason: unknown }> {
  const error = await tokens.verify(token).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!EntError.is(error)) throw new Error('the token was accepted, or something else than an EntError was thrown');
  expect(error.toProblem()).toEqual({
    type: 'about:blank',
    title: 'Authentication failed',
    status: 401,
    code: 'auth.token_invalid',
  });
  expect(error.headers).toEqual({ 'www-authenticate': 'Bearer error="invalid_token"' });
  return { code: error.code, reason: error.details?.reason };
}

describe('an access token', () => {
  it('proves what it was issued for', async () => {
    const { tokens } = setUp();
    const issued = await tokens.issue({
      subject: 'u1',
      sessionId: 's1',
      roles: ['member', 'admin'],
      scopes: ['users:*'],
      amr: ['pwd', 'otp'],
      authenticatedAt: new Date(START - 5000),
      claims: { tenant: 't1' },
    });
    expect(issued.expiresIn).toBe(900);
    expect(issued.expiresAt).toEqual(new Date(START + 900_000));
    const principal = await tokens.verify(issued.token);
    expect(isPrincipal(principal)).toBe(true);
    expect(principal).toMatchObject({
      subject: 'u1',
      sessionId: 's1',
      roles: ['member', 'admin'],
      scopes: ['users:*'],
      amr: ['pwd', 'otp'],
      authenticatedAt: new Date(START - 5000),
      expiresAt: issued.expiresAt,
      tokenId: issued.tokenId,
      claims: { tenant: 't1' },
    });
    expect(Object.isFrozen(principal) && Object.isFrozen(principal.roles)).toBe(true);
  });

  it('is a JWT of type at+jwt whose key and algorithm are named', async () => {
    const { token } = await setUp().tokens.issue({ subject: 'u1', sessionId: 's1' });
    const [header, payload] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString());
    expect(JSON.parse(header as string)).toEqual(goodHeader);
    expect(Object.keys(JSON.parse(payload as string) as object).sort()).toEqual(
      ['aud', 'exp', 'iat', 'iss', 'jti', 'nbf', 'sid', 'sub'].sort(),
    );
  });

  it('ends at its time, to the tolerance', async () => {
    const { tokens, clock } = setUp({ clockTolerance: '5s' });
    const { token } = await tokens.issue({ subject: 'u1', sessionId: 's1' });
    clock.time = START + 904_999;
    await tokens.verify(token);
    clock.time = START + 905_000;
    expect(await refusal(tokens, token)).toMatchObject({ reason: 'expired' });
  });

  it('is refused before its time, to the tolerance', async () => {
    const { tokens, clock } = setUp();
    const { token } = await tokens.issue({ subject: 'u1', sessionId: 's1' });
    clock.time = START - 5000;
    await tokens.verify(token);
    clock.time = START - 6001;
    expect(await refusal(tokens, token)).toMatchObject({ reason: 'claim_nbf' });
  });

  it('is refused when it was issued in the future', async () => {
    const { tokens } = setUp();
    const claims = { ...goodClaims, iat: seconds(START) + 6 };
    expect(await refusal(tokens, forge(goodHeader, claims))).toMatchObject({ reason: 'claim_iat' });
  });

  it('works with ES256 as well', async () => {
    const tokens = createAccessTokens({ issuer, audience, keys: createKeyRing({ active: ec.key }) });
    const { token } = await tokens.issue({ subject: 'u1', sessionId: 's1' });
    expect((await tokens.verify(token)).subject).toBe('u1');
  });

  it('does not take a registered claim from the application', async () => {
    const { tokens } = setUp();
    for (const name of ['sub', 'exp', 'iss', 'roles', 'scope', 'sid']) {
      await expect(tokens.issue({ subject: 'u1', sessionId: 's1', claims: { [name]: 'x' } })).rejects.toThrow(name);
    }
  });

  it('is not issued when verifiers would refuse its size', async () => {
    const { tokens } = setUp();
    const claims = { blob: 'x'.repeat(9000) };
    await expect(tokens.issue({ subject: 'u1', sessionId: 's1', claims })).rejects.toMatchObject({
      code: 'auth.configuration',
    });
  });
});

describe('a hostile access token', () => {
  it('control: the forging helper makes a token that is accepted', async () => {
    expect((await setUp().tokens.verify(forge(goodHeader, goodClaims))).subject).toBe('u1');
  });

  it.each(['none', 'None', 'NONE', 'nOnE', ''])('is refused with alg %j and no signature', async (alg) => {
    const { tokens } = setUp();
    await refusal(tokens, `${b64({ ...goodHeader, alg })}.${b64(goodClaims)}.`);
    await refusal(tokens, `${b64({ ...goodHeader, alg })}.${b64(goodClaims)}.AA`);
  });

  it('is refused when the public key was used as an HMAC secret', async () => {
    const { tokens } = setUp();
    const spki = createPublicKey(pem).export({ format: 'pem', type: 'spki' }) as string;
    const raw = Buffer.from(key.jwk.x as string, 'base64url');
    for (const secret of [spki, spki.trim(), raw, JSON.stringify(key.jwk)]) {
      for (const alg of ['HS256', 'HS384', 'HS512']) {
        const input = `${b64({ ...goodHeader, alg })}.${b64(goodClaims)}`;
        const mac = createHmac(`sha${alg.slice(2)}`, secret)
          .update(input)
          .digest('base64url');
        expect(await refusal(tokens, `${input}.${mac}`)).toMatchObject({ reason: 'algorithm' });
      }
    }
  });

  it('is refused when its algorithm is not that of its key', async () => {
    const { tokens } = setUp();
    // The EC key is in the ring: both algorithms are known, but not for each other's keys.
    expect(await refusal(tokens, forge({ ...goodHeader, kid: ec.key.kid }, goodClaims))).toMatchObject({
      reason: 'algorithm',
    });
    expect(await refusal(tokens, forge({ ...goodHeader, alg: 'ES256' }, goodClaims))).toMatchObject({
      reason: 'algorithm',
    });
    await refusal(tokens, forge({ ...goodHeader, alg: 'Ed25519' }, goodClaims));
  });

  it.each([undefined, '', 'nobody', '../../etc/passwd', '__proto__', 'constructor', 7, null, ['x'], { a: 1 }])(
    'is refused with kid %j',
    async (kid) => {
      const { tokens } = setUp();
      expect(await refusal(tokens, forge({ ...goodHeader, kid }, goodClaims))).toMatchObject({ reason: 'unknown_key' });
    },
  );

  it('is refused when another key signed it, whatever keys its header brings along', async () => {
    const { tokens } = setUp();
    expect(await refusal(tokens, forge(goodHeader, goodClaims, other.pem))).toMatchObject({ reason: 'signature' });
    const brought = { ...goodHeader, kid: other.key.kid, jwk: other.key.jwk, jku: 'https://evil.example', x5u: 'x' };
    expect(await refusal(tokens, forge(brought, goodClaims, other.pem))).toMatchObject({ reason: 'unknown_key' });
    expect(await refusal(tokens, forge({ ...goodHeader, jwk: other.key.jwk }, goodClaims, other.pem))).toMatchObject({
      reason: 'signature',
    });
  });

  it.each(['JWT', 'jwt', 'id+jwt', 'application/jwt', '', undefined, 7])('is refused with typ %j', async (typ) => {
    await refusal(setUp().tokens, forge({ ...goodHeader, typ }, goodClaims));
  });

  it('is refused with a critical header or an unencoded payload', async () => {
    const { tokens } = setUp();
    await refusal(tokens, forge({ ...goodHeader, crit: ['exp'] }, goodClaims));
    await refusal(tokens, forge({ ...goodHeader, crit: ['b64'], b64: false }, goodClaims));
  });

  it.each([
    ['iss', ['https://evil.example', `${issuer}/`, '', null, [issuer], { [issuer]: 1 }]],
    ['aud', ['https://evil.example', `${audience}/`, '', null, [], ['x'], { [audience]: 1 }]],
    ['sub', ['', 7, null, ['u1'], {}]],
    ['sid', ['', 7, null, ['s1']]],
    ['jti', ['', 7, null]],
    ['exp', ['9999999999', null, true, seconds(START) - 60]],
    ['nbf', ['0', null, seconds(START) + 60]],
    ['iat', ['0', null, seconds(START) + 60]],
    ['roles', ['admin', 7, [7], [null], [['admin']], { 0: 'admin' }]],
    ['scope', [7, [7], [''], null]],
    ['amr', ['pwd', [1]]],
    ['auth_time', ['1', null]],
  ])('is refused with a wrong %s', async (name, values) => {
    const { tokens } = setUp();
    for (const value of values) await refusal(tokens, forge(goodHeader, { ...goodClaims, [name]: value }));
  });

  it.each(['iss', 'aud', 'sub', 'sid', 'jti', 'iat', 'nbf', 'exp'] as const)('is refused without %s', async (name) => {
    const { [name]: _left, ...claims } = goodClaims;
    await refusal(setUp().tokens, forge(goodHeader, claims));
  });

  it('is refused however it is cut, bent or padded', async () => {
    const { tokens } = setUp();
    const { token } = await tokens.issue({ subject: 'u1', sessionId: 's1' });
    const [header, payload, signature] = token.split('.') as [string, string, string];
    for (let length = 0; length < token.length; length += 7) await refusal(tokens, token.slice(0, length));
    for (const bent of [
      `${token}.`,
      `.${token}`,
      `${token}=`,
      ` ${token}`,
      `${token}\n`,
      `${header}.${payload}`,
      `${header}..${signature}`,
      `${header}.${payload}.`,
      `..`,
      `${header}.${payload}.${signature}.${signature}.${signature}`,
      `${header}.${payload}.${signature.slice(0, -2)}`,
      `${header}.${payload}.${signature}AAAA`,
      `${b64('null')}.${payload}.${signature}`,
      `${b64('[]')}.${payload}.${signature}`,
      `${b64('{"alg":')}.${payload}.${signature}`,
      `é${token}`,
    ]) {
      await refusal(tokens, bent);
    }
    for (const value of [undefined, null, 7, {}, [], Buffer.from(token)]) await refusal(tokens, value as never);
  });

  it('is refused unread when it is larger than 8 KiB', async () => {
    const { tokens } = setUp();
    const large = forge(goodHeader, { ...goodClaims, blob: 'x'.repeat(8192) });
    expect(await refusal(tokens, large)).toMatchObject({ reason: 'malformed' });
    expect(await refusal(tokens, 'a'.repeat(50_000_000))).toMatchObject({ reason: 'malformed' });
  });

  it('has one spelling: another last character of a part that stands for the same bytes is refused', async () => {
    const { tokens } = setUp();
    const { token } = await tokens.issue({ subject: 'u1', sessionId: 's1' });
    const parts = token.split('.');
    let others = 0;
    for (const at of [0, 1, 2]) {
      const part = parts[at] as string;
      const bytes = Buffer.from(part, 'base64url');
      for (const last of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_') {
        const spelt = part.slice(0, -1) + last;
        if (spelt === part || !Buffer.from(spelt, 'base64url').equals(bytes)) continue;
        others++;
        expect(await refusal(tokens, parts.with(at, spelt).join('.'))).toMatchObject({ reason: 'malformed' });
      }
    }
    // At least those of the signature: 64 bytes leave four bits over.
    expect(others).toBeGreaterThanOrEqual(15);
  });

  it('is refused for each changed character of header and payload', async () => {
    const { tokens } = setUp();
    const { token } = await tokens.issue({ subject: 'u1', sessionId: 's1' });
    for (let at = 0; at < token.lastIndexOf('.'); at += 5) {
      const changed = token[at] === 'A' ? 'B' : 'A';
      await refusal(tokens, token.slice(0, at) + changed + token.slice(at + 1));
    }
  });
});

describe('keys', () => {
  it('come from a PKCS #8 PEM, also one with its line breaks written out', async () => {
    expect((await importKey(pem)).kid).toBe(key.kid);
    expect((await importKey(pem.replaceAll('\n', '\\n'))).kid).toBe(key.kid);
  });

  it('do not give the private half away', async () => {
    const imported = await importKey(pem);
    expect(imported.privateKey.extractable).toBe(false);
    expect(imported.jwk).not.toHaveProperty('d');
    const body = pem.split('\n')[1] as string;
    expect(JSON.stringify(imported)).not.toContain(body);
  });

  it('are refused by name of the fault, never by quoting them', async () => {
    const pkcs8 = (made: { privateKey: KeyObject }) =>
      made.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const x25519 = generateKeyPairSync('x25519', {});
    const spki = rsa.publicKey.export({ type: 'spki', format: 'pem' }) as string;
    for (const bad of ['', 'nonsense', pkcs8(rsa), pkcs8(p384), pkcs8(x25519), spki]) {
      const error = await importKey(bad).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'auth.configuration' });
      if (bad.length > 100) expect((error as Error).message).not.toContain(bad.split('\n')[1]);
    }
  });

  it('are published without private parts, and verify from there', async () => {
    const ring = createKeyRing({ active: key, next: [other.key], retiring: [ec.key] });
    const jwks = ring.jwks();
    expect(jwks.keys.map((jwk) => jwk.kid)).toEqual([key.kid, other.key.kid, ec.key.kid]);
    for (const jwk of jwks.keys) expect(jwk).not.toHaveProperty('d');
    const elsewhere = createAccessTokenVerifier({
      issuer,
      audience,
      keys: await createVerificationKeys(JSON.parse(JSON.stringify(jwks)) as typeof jwks),
    });
    for (const active of [key, ec.key]) {
      const tokens = createAccessTokens({ issuer, audience, keys: createKeyRing({ active }) });
      const { token } = await tokens.issue({ subject: 'u1', sessionId: 's1' });
      expect((await elsewhere.verify(token)).subject).toBe('u1');
    }
  });

  it('of other kinds in a JWKS are passed over; a set of none is refused, and so is a private key', async () => {
    const jwks = { keys: [{ kty: 'RSA', n: 'x', e: 'AQAB', kid: 'r' }, { kty: 'oct', k: 'AAAA', kid: 'o' }, key.jwk] };
    expect(await (await createVerificationKeys(jwks)).find(key.kid)).toBeDefined();
    expect(await (await createVerificationKeys(jwks)).find('o')).toBeUndefined();
    await expect(createVerificationKeys({ keys: [] })).rejects.toMatchObject({ code: 'auth.configuration' });
    await expect(importPublicKey({ ...key.jwk, d: 'AAAA' })).rejects.toThrow('"d"');
  });

  it.each<[string, unknown]>([
    ['of no point on the curve', { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', kid: 'bad', alg: 'ES256' }],
    ['without its coordinate', { kty: 'OKP', crv: 'Ed25519', kid: 'bad' }],
    ['whose coordinate is a number', { kty: 'OKP', crv: 'Ed25519', x: 7, kid: 'bad' }],
    ['that is private', { ...key.jwk, d: 'c2VjcmV0', kid: 'bad' }],
    ['of an unknown type', { kty: 'PQ', kid: 'bad' }],
    ['that is null', null],
    ['that is text', 'key'],
  ])('passes over a key %s, and keeps the others', async (_name, bad) => {
    for (const keys of [
      [bad, key.jwk],
      [key.jwk, bad],
    ] as object[][]) {
      const found = await createVerificationKeys({ keys });
      expect(await found.find(key.kid)).toBeDefined();
      expect(await found.find('bad')).toBeUndefined();
    }
    await expect(createVerificationKeys({ keys: [bad as object] })).rejects.toMatchObject({
      code: 'auth.configuration',
    });
  });

  it.each([undefined, null, {}, { keys: 'x' }, []])('refuses %j, which is no JWKS', async (jwks) => {
    await expect(createVerificationKeys(jwks as never)).rejects.toMatchObject({ code: 'auth.configuration' });
  });

  it('can be changed without refusing one valid token', async () => {
    const make = (ring: Parameters<typeof createKeyRing>[0]) =>
      createAccessTokens({ issuer, audience, keys: createKeyRing(ring) });
    const stages = [
      make({ active: key }),
      make({ active: key, next: [other.key] }),
      make({ active: other.key, retiring: [key] }),
      make({ active: other.key }),
    ];
    // At any time two neighbouring stages run side by side; a token may meet the one before and the one after.
    for (const [at, stage] of stages.entries()) {
      const { token } = await stage.issue({ subject: 'u1', sessionId: 's1' });
      for (const neighbour of stages.slice(Math.max(0, at - 1), at + 2)) await neighbour.verify(token);
    }
  });

  it('that are listed twice are refused', () => {
    expect(() => createKeyRing({ active: key, retiring: [key] })).toThrow('kid');
  });

  it('that cannot be reached are no fault of the token', async () => {
    const keys = {
      find: async () => {
        throw new Error('connect ECONNREFUSED');
      },
    };
    const verifier = createAccessTokenVerifier({ issuer, audience, keys });
    await expect(verifier.verify(forge(goodHeader, goodClaims))).rejects.toMatchObject({
      code: 'auth.store_failed',
      status: 503,
    });
  });
});

describe('options of access tokens', () => {
  it('that cannot work are refused at once', () => {
    const keys = createKeyRing({ active: key });
    for (const bad of [
      { issuer: '' },
      { audience: '' },
      { audience: undefined },
      { clockTolerance: '61s' },
      { clockTolerance: -1 },
      { ttl: 0 },
      { ttl: '15' },
      { ttl: 500 },
      { ttl: Number.NaN },
    ]) {
      expect(() => createAccessTokens({ issuer, audience, keys, ...(bad as object) })).toThrow(
        expect.objectContaining({ code: 'auth.configuration' }),
      );
    }
  });
});
