// Keys with a shared secret: HS256, HS384, HS512.
import { createHmac, createPublicKey, generateKeyPairSync, sign, subtle } from 'node:crypto';
import { inspect } from 'node:util';
import { EntError } from '@ent/errors';
import { describe, expect, it } from 'vitest';
import {
  type AccessTokenVerifier,
  createAccessTokens,
  createAccessTokenVerifier,
  createKeyRing,
  createRemoteKeys,
  createVerificationKeys,
  generateKey,
  generateSharedKey,
  importKey,
  importPublicKey,
  importSharedKey,
  openKeyRing,
  type SharedAlgorithm,
  type SharedKey,
  type VerificationKeys,
} from '../src/index.ts';
import { fileKeyStore } from '../src/stores.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startIssuer } from './support/issuer.ts';

const ALGORITHMS = ['HS256', 'HS384', 'HS512'] as const;
const about = { issuer: 'https://auth.example.com', audience: 'https://api.example.com' };
const sent = { subject: 'u1', sessionId: 's1' };
const { key: ed, pem } = await generateKey('EdDSA');
const refused = (reason: string) => ({ code: 'auth.token_invalid', details: { reason } });

const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const now = Math.floor(Date.now() / 1000);
const claims = {
  iss: about.issuer,
  aud: about.audience,
  sub: 'u1',
  sid: 's1',
  jti: 'j1',
  iat: now,
  nbf: now,
  exp: now + 600,
};

/** A token of any algorithm and name of a key, with the MAC that goes with `hash`. */
function maced(secret: string | Buffer, kid: string, alg: string, hash = `sha${alg.slice(2)}`): string {
  const input = `${b64({ alg, kid, typ: 'at+jwt' })}.${b64(claims)}`;
  return `${input}.${createHmac(hash, secret).update(input).digest('base64url')}`;
}

const secretOf = (jwk: string): Buffer => Buffer.from((JSON.parse(jwk) as { k: string }).k, 'base64url');
const jwkOf = (secret: Uint8Array | string, alg: string = 'HS256', more: object = {}): object => ({
  kty: 'oct',
  kid: 'shared',
  alg,
  k: Buffer.from(secret as string).toString('base64url'),
  ...more,
});
const verifierOf = (keys: VerificationKeys, algorithms?: readonly (SharedAlgorithm | 'EdDSA')[]): AccessTokenVerifier =>
  createAccessTokenVerifier({ ...about, keys, profile: { types: ['at+jwt'] }, algorithms });

describe('a shared key', () => {
  it.each(ALGORITHMS)('of %s signs in one service and verifies in the other', async (alg) => {
    const { key, jwk } = await generateSharedKey(alg);
    const there = await importSharedKey(jwk);
    expect([key.alg, there.alg, there.kid]).toEqual([alg, alg, key.kid]);
    expect(secretOf(jwk)).toHaveLength(Number(alg.slice(2)) / 8);
    const tokens = createAccessTokens({ ...about, keys: createKeyRing({ active: key }) });
    const { token } = await tokens.issue(sent);
    const verifier = verifierOf(createKeyRing({ active: there }));
    expect((await verifier.verify(token)).subject).toBe('u1');
    expect((await verifier.verify(token)).subject).toBe('u1');
    // As anybody would make it.
    expect((await verifier.verify(maced(secretOf(jwk), key.kid, alg))).tokenId).toBe('j1');
    expect(JSON.parse(Buffer.from(token.split('.')[0] as string, 'base64url').toString())).toEqual({
      alg,
      kid: key.kid,
      typ: 'at+jwt',
    });
  });

  it('is another one each time, and of HS256 where nothing is said', async () => {
    const made = await Promise.all(Array.from({ length: 5 }, () => generateSharedKey()));
    expect(new Set(made.map(({ jwk }) => secretOf(jwk).toString('hex'))).size).toBe(5);
    expect(new Set(made.map(({ key }) => key.kid)).size).toBe(5);
    expect(made[0]?.key.alg).toBe('HS256');
  });

  it.each(ALGORITHMS)('of %s verifies no MAC of another hash, whatever the token says', async (alg) => {
    const { key, jwk } = await generateSharedKey('HS512');
    const bound = await importSharedKey({ ...(JSON.parse(jwk) as object), alg });
    const verifier = verifierOf(createKeyRing({ active: bound }));
    for (const said of ALGORITHMS) {
      for (const hash of ['sha256', 'sha384', 'sha512']) {
        const token = maced(secretOf(jwk), key.kid, said, hash);
        if (said === alg && hash === `sha${alg.slice(2)}`) await verifier.verify(token);
        else
          await expect(verifier.verify(token)).rejects.toMatchObject(refused(said === alg ? 'signature' : 'algorithm'));
      }
    }
    await expect(verifier.verify(maced('', key.kid, alg))).rejects.toMatchObject(refused('signature'));
    const unsigned = `${b64({ alg, kid: key.kid, typ: 'at+jwt' })}.${b64(claims)}.`;
    await expect(verifier.verify(unsigned)).rejects.toMatchObject({ code: 'auth.token_invalid' });
  });

  it.each<[SharedAlgorithm, number]>([
    ['HS256', 32],
    ['HS384', 48],
    ['HS512', 64],
  ])('of %s has %i bytes at least', async (alg, least) => {
    for (const bytes of [0, 1, 16, least - 1]) {
      const error = (await importSharedKey(jwkOf('x'.repeat(bytes), alg)).catch((thrown: unknown) => thrown)) as Error;
      expect(error).toMatchObject({ code: 'auth.configuration' });
      expect(error.message).toBe(
        `The secret of ${alg} has ${bytes} bytes, and needs at least ${least} (RFC 7518, section 3.2).`,
      );
    }
    for (const bytes of [least, 200]) expect((await importSharedKey(jwkOf('x'.repeat(bytes), alg))).alg).toBe(alg);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a text that is no JSON', 'correct horse battery staple, 32 bytes and more'],
    ['JSON that is no object', '"correct horse battery staple, 32 bytes and more"'],
    ['a PEM', pem],
    ['a public JWK', ed.jwk],
    ['a public JWK that says HS256', { ...ed.jwk, alg: 'HS256' }],
    ['a public JWK that says it is a secret', { ...ed.jwk, kty: 'oct', alg: 'HS256' }],
    ['no name', jwkOf('x'.repeat(64), 'HS256', { kid: undefined })],
    ['an empty name', jwkOf('x'.repeat(64), 'HS256', { kid: '' })],
    ['a name that is a number', jwkOf('x'.repeat(64), 'HS256', { kid: 7 })],
    ['no algorithm', jwkOf('x'.repeat(64), undefined, { alg: undefined })],
    ['several algorithms', jwkOf('x'.repeat(64), undefined, { alg: ['HS256', 'HS512'] })],
    ['the algorithm none', jwkOf('x'.repeat(64), 'none')],
    ['an algorithm with a public key', jwkOf('x'.repeat(64), 'EdDSA')],
    ['an algorithm in other letters', jwkOf('x'.repeat(64), 'hs256')],
    ['an algorithm that is a member of every object', jwkOf('x'.repeat(64), 'toString')],
    ['an algorithm of encryption', jwkOf('x'.repeat(64), 'A256GCM')],
    ['another use', jwkOf('x'.repeat(64), 'HS256', { use: 'enc' })],
    ['operations without signing', jwkOf('x'.repeat(64), 'HS256', { key_ops: ['verify'] })],
    ['operations that are no list', jwkOf('x'.repeat(64), 'HS256', { key_ops: 'sign verify' })],
    ['no secret', jwkOf('', 'HS256', { k: undefined })],
    ['a secret that is a number', jwkOf('', 'HS256', { k: 7 })],
    ['a secret of bytes', jwkOf('', 'HS256', { k: Buffer.alloc(64) })],
    ['a secret with padding', jwkOf('', 'HS256', { k: Buffer.alloc(64).toString('base64') })],
    ['a secret that is no base64url', jwkOf('', 'HS256', { k: 'correct horse battery staple, 32 bytes and more' })],
  ])('is not read from %s, and the error does not quote it', async (_name, source) => {
    const error = await importSharedKey(source as never).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'auth.configuration' });
    const printed = inspect(error, { depth: Infinity });
    expect(printed).not.toMatch(/horse|eHh4eHh4|AAAAAAAA/);
  });

  it('is never printed, copied as text, exported or published', async () => {
    const { key, jwk } = await generateSharedKey('HS256');
    const secret = secretOf(jwk);
    const keys = createKeyRing({ active: key, next: [ed] });
    const tokens = createAccessTokens({ ...about, keys });
    const { token } = await tokens.issue(sent);
    const bad = await tokens.verify(`${token.slice(0, -4)}AAAA`).catch((thrown: unknown) => thrown);
    const shown = [
      ...[key, keys, tokens, bad].flatMap((each) => [
        JSON.stringify(each),
        inspect(each, { depth: Infinity, showHidden: true, getters: true }),
      ]),
      JSON.stringify(keys.jwks()),
      key.kid,
    ].join('\n');
    for (const form of ['base64url', 'base64', 'hex', 'latin1'] as const) {
      expect(shown).not.toContain(secret.toString(form).replace(/=+$/, ''));
    }
    expect(key.secretKey.extractable).toBe(false);
    await expect(subtle.exportKey('raw', key.secretKey)).rejects.toThrow('extractable');
    await expect(subtle.exportKey('jwk', key.secretKey)).rejects.toThrow('extractable');
    expect(Object.keys(key).sort()).toEqual(['alg', 'kid', 'secretKey']);
    expect(Object.isFrozen(key)).toBe(true);
  });

  it('is in no JWKS, wherever it stands in the ring', async () => {
    const [shared, other] = [(await generateSharedKey()).key, (await generateSharedKey('HS512')).key];
    const published = [{ ...ed.jwk }];
    expect(createKeyRing({ active: shared }).jwks()).toEqual({ keys: [] });
    expect(createKeyRing({ active: shared, next: [ed, other] }).jwks()).toEqual({ keys: published });
    expect(createKeyRing({ active: ed, next: [shared], retiring: [other] }).jwks()).toEqual({ keys: published });
    // Nor by a member that was put on it.
    const dressed = { ...shared, jwk: jwkOf('x'.repeat(32)) } as never;
    expect(createKeyRing({ active: ed, retiring: [dressed] }).jwks()).toEqual({ keys: published });
    await expect(createVerificationKeys(createKeyRing({ active: shared }).jwks())).rejects.toMatchObject({
      code: 'auth.configuration',
    });
  });

  it('changes to a key pair without one refused token', async () => {
    const { key: shared } = await generateSharedKey();
    const stages = [
      { active: shared },
      { active: shared, next: [ed] },
      { active: ed, retiring: [shared] },
      { active: ed },
    ].map((ring) => createAccessTokens({ ...about, keys: createKeyRing(ring) }));
    for (const [at, stage] of stages.entries()) {
      const { token } = await stage.issue(sent);
      for (const neighbour of stages.slice(Math.max(0, at - 1), at + 2)) await neighbour.verify(token);
    }
    // And then its tokens are none any more.
    const { token } = await (stages[1] as (typeof stages)[0]).issue(sent);
    await expect(stages[3]?.verify(token)).rejects.toMatchObject(refused('unknown_key'));
  });
});

describe('a public key is no secret', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-521' }).publicKey;
  const publicKey = createPublicKey(pem);
  const forms = [publicKey, rsa, ec].flatMap((key, at) => [
    [`PEM ${at}`, key.export({ format: 'pem', type: 'spki' })],
    [`PEM without its last line break ${at}`, String(key.export({ format: 'pem', type: 'spki' })).trim()],
    [`DER ${at}`, key.export({ format: 'der', type: 'spki' })],
    [`JWK ${at}`, JSON.stringify(key.export({ format: 'jwk' }))],
  ]) as [string, string | Buffer][];
  forms.push(
    ['PKCS #1 as PEM', rsa.export({ format: 'pem', type: 'pkcs1' })],
    ['PKCS #1 as DER', rsa.export({ format: 'der', type: 'pkcs1' })],
    ['JWKS', JSON.stringify(createKeyRing({ active: ed }).jwks(), null, 2)],
    ['a private key', pem],
  );

  it.each(forms)('where it is taken for one on purpose: %s', async (_name, published) => {
    for (const alg of ALGORITHMS) {
      const error = await importSharedKey(jwkOf(published, alg)).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'auth.configuration' });
    }
  });

  it.each([...forms, ['the bare number', Buffer.from(ed.jwk.x as string, 'base64url')] as const])(
    'where a token says so: %s',
    async (_name, published) => {
      const { key: shared } = await generateSharedKey();
      // Also where the ring has a shared key, so that HS256 is an algorithm of this verifier.
      for (const keys of [createKeyRing({ active: ed }), createKeyRing({ active: shared, next: [ed] })]) {
        const verifier = verifierOf(keys);
        for (const alg of ALGORITHMS) {
          await expect(verifier.verify(maced(published as string, ed.kid, alg))).rejects.toMatchObject(
            refused('algorithm'),
          );
          if (alg !== shared.alg) continue;
          const reason = keys.find(shared.kid) === undefined ? 'unknown_key' : 'signature';
          await expect(verifier.verify(maced(published as string, shared.kid, alg))).rejects.toMatchObject(
            refused(reason),
          );
        }
      }
    },
  );

  it('nor is a secret a public key: a signature in place of a MAC is refused, and a MAC in place of a signature', async () => {
    const { key: shared, jwk } = await generateSharedKey();
    const verifier = verifierOf(createKeyRing({ active: shared, next: [ed] }));
    const signed = (kid: string, alg: string): string => {
      const input = `${b64({ alg, kid, typ: 'at+jwt' })}.${b64(claims)}`;
      return `${input}.${sign(null, Buffer.from(input), pem).toString('base64url')}`;
    };
    expect((await verifier.verify(signed(ed.kid, 'EdDSA'))).subject).toBe('u1');
    await expect(verifier.verify(signed(shared.kid, 'EdDSA'))).rejects.toMatchObject(refused('algorithm'));
    await expect(verifier.verify(signed(shared.kid, 'HS256'))).rejects.toMatchObject(refused('signature'));
    await expect(verifier.verify(signed(ed.kid, 'HS256'))).rejects.toMatchObject(refused('algorithm'));
    const secret = secretOf(jwk);
    await expect(verifier.verify(maced(secret, ed.kid, 'HS256'))).rejects.toMatchObject(refused('algorithm'));
    await expect(verifier.verify(maced(secret, ed.kid, 'EdDSA', 'sha256'))).rejects.toMatchObject(refused('signature'));
    await expect(verifier.verify(maced(secret, shared.kid, 'none', 'sha256'))).rejects.toMatchObject(
      refused('algorithm'),
    );
  });
});

describe('HS is taken where such a key was given, and nowhere else', () => {
  it('not from the keys of an issuer that is asked, although it publishes one', async () => {
    const { key, jwk } = await generateSharedKey();
    const published = { ...(JSON.parse(jwk) as { kty: string; kid: string }) };
    const issuer = await startIssuer('', { kid: ed.kid, alg: 'EdDSA', privateKey: ed.privateKey, jwk: { ...ed.jwk } });
    try {
      issuer.keys.push({ kid: key.kid, alg: 'HS256', privateKey: ed.privateKey, jwk: published });
      const at = { ...about, issuer: issuer.issuer };
      const good = await createAccessTokens({ ...at, keys: createKeyRing({ active: ed }) }).issue(sent);
      const bad = await createAccessTokens({ ...at, keys: createKeyRing({ active: key }) }).issue(sent);
      const remote = createRemoteKeys({ issuer: issuer.issuer, cooldown: 1 });
      for (const verifier of [createAccessTokenVerifier({ ...at, keys: remote }), createAccessTokenVerifier(at)]) {
        expect((await verifier.verify(good.token)).subject).toBe('u1');
        await expect(verifier.verify(bad.token)).rejects.toMatchObject(refused('unknown_key'));
      }
      expect(await remote.find(key.kid)).toBeUndefined();
      // A set of such keys alone is none.
      issuer.keys.shift();
      await expect(createRemoteKeys({ issuer: issuer.issuer }).refresh()).rejects.toMatchObject({
        code: 'auth.issuer_unavailable',
      });
    } finally {
      await issuer.stop();
    }
  });

  it('not from a JWKS, an import of public or private keys, or a list of their algorithms', async () => {
    const { jwk } = await generateSharedKey();
    const parsed = JSON.parse(jwk) as object;
    const keys = await createVerificationKeys({ keys: [parsed, ed.jwk] });
    expect(await keys.find((parsed as { kid: string }).kid)).toBeUndefined();
    expect(await keys.find(ed.kid)).toBeDefined();
    for (const work of [
      () => createVerificationKeys({ keys: [parsed] }),
      () => createVerificationKeys({ keys: [parsed] }, { algorithms: ['HS256' as never] }),
      () => importPublicKey(parsed),
      () => importPublicKey(parsed, ['HS256' as never]),
      () => importKey(jwk),
      () => generateKey('HS256' as never),
      () => generateSharedKey('EdDSA' as never),
      async () => createRemoteKeys({ issuer: about.issuer, algorithms: ['EdDSA', 'HS256' as never] }),
      // Without keys they are those of the issuer.
      async () => createAccessTokenVerifier({ ...about, algorithms: ['EdDSA', 'HS256'] }),
    ]) {
      const error = await work().catch((thrown: unknown) => thrown);
      if (!EntError.is(error)) throw new Error('it was accepted, or something else than an EntError was thrown');
      expect(error.code).toBe('auth.configuration');
      expect(inspect(error, { depth: Infinity })).not.toContain((parsed as { k: string }).k);
    }
  });

  it('not where the verifier is told other algorithms, of which it takes what it is told', async () => {
    const { key } = await generateSharedKey();
    const keys = createKeyRing({ active: key, next: [ed] });
    const { token } = await createAccessTokens({ ...about, keys }).issue(sent);
    await expect(verifierOf(keys, ['EdDSA', 'HS512']).verify(token)).rejects.toMatchObject(refused('algorithm'));
    expect((await verifierOf(keys, ['HS256']).verify(token)).subject).toBe('u1');
  });

  it('not with a key that nobody imported: too short, another hash, or no secret key at all', async () => {
    const short = await subtle.importKey('raw', Buffer.alloc(16, 1), { name: 'HMAC', hash: 'SHA-256' }, false, [
      'sign',
      'verify',
    ]);
    const made = [
      { kid: 'k', alg: 'HS256', secretKey: short },
      { kid: 'k', alg: 'HS256', secretKey: Buffer.alloc(32, 1) },
      { kid: 'k', alg: 'HS256', secretKey: ed.publicKey },
      { kid: 'k', alg: 'HS256' },
      { ...ed, kid: 'k', alg: 'HS256' },
    ] as unknown as SharedKey[];
    for (const key of made) {
      for (const ring of [{ active: key }, { active: ed, next: [key] }]) {
        expect(() => createKeyRing(ring)).toThrow(expect.objectContaining({ code: 'auth.configuration' }));
      }
      // Of keys that an application finds by itself: a fault of it, and no fault of a token.
      const verifier = verifierOf({ find: () => key });
      for (const secret of [Buffer.alloc(16, 1), Buffer.alloc(32, 1), Buffer.from(ed.jwk.x as string, 'base64url')]) {
        await expect(verifier.verify(maced(secret, 'k', 'HS256'))).rejects.toMatchObject({
          code: 'auth.configuration',
        });
      }
    }
    const { key, jwk } = await generateSharedKey('HS512');
    const renamed = { ...key, alg: 'HS256' } as const;
    const verifier = verifierOf(createKeyRing({ active: renamed }));
    for (const hash of ['sha256', 'sha512']) {
      const token = maced(secretOf(jwk), key.kid, 'HS256', hash);
      await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'auth.token_invalid' });
    }
  });

  it('a key with the name of another one is refused, of whichever kind they are', async () => {
    const clash = await importSharedKey(jwkOf('x'.repeat(32), 'HS256', { kid: ed.kid }));
    expect(() => createKeyRing({ active: ed, next: [clash] })).toThrow('the same "kid"');
  });
});

describe('a shared key in a store', () => {
  const folders: string[] = [];
  const setUp = async () => {
    const folder = await mkdtemp(join(tmpdir(), 'shared-keys-'));
    folders.push(folder);
    const store = fileKeyStore(folder);
    const clock = { ahead: 0 };
    const open = (algorithm: SharedAlgorithm | 'EdDSA') =>
      openKeyRing({ store, secret: 's'.repeat(32), algorithm, now: () => Date.now() + clock.ahead });
    return { store, clock, open };
  };
  const done = (): Promise<unknown> => Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })));

  it.each(ALGORITHMS)('of %s is made, encrypted, read by another process, rotated and revoked', async (alg) => {
    const { store, clock, open } = await setUp();
    const [here, there] = [await open(alg), await open(alg)];
    expect(here.list().map((key) => [key.alg, key.state])).toEqual([
      [alg, 'active'],
      [alg, 'next'],
    ]);
    expect(there.list()).toEqual(here.list());
    const tokensOf = (keys: typeof here) => createAccessTokens({ ...about, keys });
    const { token } = await tokensOf(here).issue(sent);
    expect((await tokensOf(there).verify(token)).subject).toBe('u1');
    clock.ahead += 600_000;
    await here.rotate();
    await there.reload();
    expect((await tokensOf(there).verify(token)).subject).toBe('u1');
    expect((await tokensOf(here).verify((await tokensOf(there).issue(sent)).token)).subject).toBe('u1');
    const last = await tokensOf(here).issue(sent);
    await here.rotate({ revoke: true });
    await expect(tokensOf(here).verify(last.token)).rejects.toMatchObject(refused('unknown_key'));
    // Nothing of it is to be seen: neither in the store nor from the ring.
    const stored = await store.read();
    const parts = (stored?.data ?? '').split('.').map((part) => Buffer.from(part, 'base64url').toString('latin1'));
    for (const text of [...parts, JSON.stringify([here.list(), here.jwks()]), inspect(here, { depth: Infinity })]) {
      expect(text).not.toMatch(/"k"|oct/);
    }
    expect(here.jwks()).toEqual({ keys: [] });
    await done();
  });

  it('gives way to a key pair by rotations, and no token is refused', async () => {
    const { open, clock } = await setUp();
    const before = await open('HS256');
    const tokens = [(await createAccessTokens({ ...about, keys: before }).issue(sent)).token];
    const after = await open('EdDSA');
    const issuer = createAccessTokens({ ...about, keys: after });
    const kinds: string[][] = [];
    for (let n = 0; n < 2; n++) {
      clock.ahead += 600_000;
      await after.rotate();
      tokens.push((await issuer.issue(sent)).token);
      kinds.push(after.list().map(({ alg, state }) => `${alg} ${state}`));
    }
    expect(kinds).toEqual([
      ['HS256 retiring', 'HS256 active', 'EdDSA next'],
      ['HS256 retiring', 'HS256 retiring', 'EdDSA active', 'EdDSA next'],
    ]);
    for (const token of tokens) expect((await issuer.verify(token)).subject).toBe('u1');
    // A process that was opened with the old algorithm takes them too.
    await before.reload();
    for (const token of tokens) await createAccessTokens({ ...about, keys: before }).verify(token);
    // Those who only verify get the key pairs, and only those.
    expect(after.jwks().keys.map(({ alg }) => alg)).toEqual(['EdDSA', 'EdDSA']);
    const elsewhere = verifierOf(await createVerificationKeys(after.jwks()));
    expect((await elsewhere.verify(tokens.at(-1) as string)).subject).toBe('u1');
    await expect(elsewhere.verify(tokens[0] as string)).rejects.toMatchObject(refused('unknown_key'));
    await done();
  });
});
