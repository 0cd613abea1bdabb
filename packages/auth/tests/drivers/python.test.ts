// Python's libraries beside ours, both ways: one process of Python, which is given what we made and gives what it made.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram, installedFolder } from '@ent/testkit';
import { TOTP } from 'otpauth';
import { beforeAll, describe, expect, it } from 'vitest';
import { createDpop } from '../../src/dpop.ts';
import { argon2 } from '../../src/drivers/argon2.ts';
import { bcrypt } from '../../src/drivers/bcrypt.ts';
import {
  createAccessTokens,
  createAccessTokenVerifier,
  createKeyRing,
  createPasswords,
  createVerificationKeys,
  generateKey,
  generateSharedKey,
  type Jwks,
  type SharedKey,
  trustedPrincipal,
} from '../../src/index.ts';
import { memoryReplayStore, memoryThrottleStore, memoryTotpStore } from '../../src/stores.ts';
import { createTotp } from '../../src/totp.ts';

// `scripts/install-services.sh pyjwt` puts it there.
const installed = installedFolder('pyjwt-2.15.1');
const program = findProgram('python', [join(installed, 'bin')]);
const isThere = program?.startsWith(installed) === true;
const required = /\ball\b|\bpyjwt\b/.test(process.env['ENT_TEST_REQUIRE'] ?? '');
const absent = isThere ? '' : ' (skipped: it is not installed; run scripts/install-services.sh pyjwt)';

const PASSWORD = 'pässwörd 🔑 mit Länge';
const TIME = Date.UTC(2030, 0, 1);
const ABOUT = { issuer: 'https://auth', audience: 'https://api' };
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;
const drivers = { argon2: argon2(), bcrypt: bcrypt({ cost: 10 }) };

/** What tests/fixtures/peers.py gives. */
interface Made {
  readonly pyjwt: readonly unknown[];
  readonly jwcrypto: readonly unknown[];
  readonly thumbprints: readonly string[];
  readonly jwks: Jwks;
  readonly written: Readonly<Record<string, Readonly<Record<'PyJWT' | 'jwcrypto', string>>>>;
  readonly shared: {
    readonly read: Readonly<Record<'PyJWT' | 'jwcrypto', readonly unknown[]>>;
    readonly written: readonly (readonly string[])[];
  };
  readonly jkt: string;
  readonly proof: string;
  readonly verified: Readonly<Record<string, readonly unknown[]>>;
  readonly hashes: Readonly<Record<string, string>>;
  readonly totp: { readonly name: unknown; readonly codes: readonly string[]; readonly verified: readonly boolean[] };
}

describe.skipIf(!isThere && !required)(`Python${absent}`, () => {
  const totp = createTotp({
    store: memoryTotpStore(),
    attempts: memoryThrottleStore(),
    issuer: 'Acme',
    secret: 's'.repeat(32),
    now: () => TIME,
  });
  let jwks: Jwks;
  let shared: { key: SharedKey; jwk: string }[];
  let made: Made;

  beforeAll(async () => {
    const [active, next] = await Promise.all([generateKey('EdDSA'), generateKey('ES256')]);
    const issue = async (first: typeof active, second: typeof active): Promise<string> => {
      const keys = createKeyRing({ active: first.key, next: [second.key] });
      jwks = keys.jwks();
      return (await createAccessTokens({ ...ABOUT, keys }).issue({ subject: 'ann', sessionId: 's' })).token;
    };
    const tokens = [await issue(next, active), await issue(active, next)];
    shared = await Promise.all((['HS256', 'HS384', 'HS512'] as const).map(generateSharedKey));
    const sharedTokens = await Promise.all(
      shared.map(async ({ key }) => {
        const issuer = createAccessTokens({ ...ABOUT, keys: createKeyRing({ active: key }) });
        return (await issuer.issue({ subject: 'ann', sessionId: 's' })).token;
      }),
    );
    const { uri, secret } = await totp.enrol('ann', 'ann@example.com');
    const [ofArgon2, ofBcrypt] = [await drivers.argon2.hash(PASSWORD), await drivers.bcrypt.hash(PASSWORD)];
    const input = {
      jwks,
      tokens: [...tokens, ...tokens.map(withOtherSubject)],
      shared: shared.map(({ jwk }) => JSON.parse(jwk) as object),
      sharedTokens: [...sharedTokens, ...sharedTokens.map(withOtherSubject)],
      opaque: 'opaque',
      password: PASSWORD,
      hashes: { 'argon2-cffi': ofArgon2, 'passlib argon2': ofArgon2, bcrypt: ofBcrypt, 'passlib bcrypt': ofBcrypt },
      totp: {
        uri,
        code: new TOTP({ secret }).generate({ timestamp: TIME }),
        times: [TIME / 1000, TIME / 1000 + 30],
      },
    };
    const running = promisify(execFile)(program ?? 'python', [join(import.meta.dirname, '../fixtures/peers.py')]);
    running.child.stdin?.end(JSON.stringify(input));
    made = JSON.parse((await running).stdout) as Made;
  }, 60_000);

  it('PyJWT and jwcrypto take our access tokens, and none that was changed', () => {
    const good = expect.objectContaining({ iss: 'https://auth', aud: 'https://api', sub: 'ann', sid: 's' }) as unknown;
    expect(made.pyjwt).toEqual([good, good, 'InvalidSignatureError', 'InvalidSignatureError']);
    expect(made.jwcrypto).toEqual([good, good, 'JWTMissingKey', 'JWTMissingKey']);
  });

  it('jwcrypto gives our keys the thumbprints that they are named by', () => {
    expect(made.thumbprints).toEqual(jwks.keys.map(({ kid }) => kid));
  });

  it.each(ALGORITHMS)('PyJWT and jwcrypto write tokens of %s that are taken here', async (alg) => {
    const keys = await createVerificationKeys(made.jwks);
    const verifier = createAccessTokenVerifier({ ...ABOUT, keys });
    for (const token of Object.values(made.written[alg] ?? {})) {
      expect(await verifier.verify(token)).toMatchObject({ subject: 'ann', issuer: 'https://auth' });
      await expect(verifier.verify(withOtherSubject(token))).rejects.toMatchObject({ code: 'auth.token_invalid' });
    }
    expect(Object.keys(made.written[alg] ?? {})).toEqual(['PyJWT', 'jwcrypto']);
  });

  it('PyJWT and jwcrypto take tokens by a shared key, and none that was changed', () => {
    const good = expect.objectContaining({ iss: 'https://auth', aud: 'https://api', sub: 'ann', sid: 's' }) as unknown;
    const bad = (name: string) => Array<string>(3).fill(name);
    expect(made.shared.read.PyJWT).toEqual([good, good, good, ...bad('InvalidSignatureError')]);
    expect(made.shared.read.jwcrypto).toEqual([good, good, good, ...bad('JWTMissingKey')]);
  });

  it.each([0, 1, 2])('PyJWT and jwcrypto write tokens by shared key %i that are taken here', async (at) => {
    const key = shared[at]?.key as SharedKey;
    const verifier = createAccessTokenVerifier({ ...ABOUT, keys: createKeyRing({ active: key }) });
    const written = made.shared.written[at] ?? [];
    expect(written).toHaveLength(2);
    for (const token of written) {
      expect(await verifier.verify(token)).toMatchObject({ subject: 'ann', issuer: 'https://auth' });
      await expect(verifier.verify(withOtherSubject(token))).rejects.toMatchObject({ code: 'auth.token_invalid' });
    }
  });

  it('PyJWT proves that it holds a key, whose thumbprint is that of jwcrypto', async () => {
    const dpop = createDpop({ origin: 'https://api', replays: memoryReplayStore() });
    const request = { method: 'GET', url: '/docs', authorization: 'DPoP opaque', dpop: made.proof };
    const principal = await dpop.authenticate(request, async (_token, proof) =>
      trustedPrincipal({ subject: 'ann', jkt: proof?.jkt }),
    );
    expect(principal.jkt).toBe(made.jkt);
  });

  it('argon2-cffi, bcrypt and passlib verify our hashes', () => {
    expect(made.verified).toEqual({
      'argon2-cffi': [true, 'VerifyMismatchError'],
      'passlib argon2': [true, false],
      bcrypt: [true, false],
      'passlib bcrypt': [true, false],
    });
  });

  it.each(['argon2-cffi', 'passlib argon2', 'bcrypt', 'passlib bcrypt'])(
    '%s writes hashes that verify here',
    async (by) => {
      const passwords = createPasswords({ driver: drivers.argon2, legacy: [drivers.bcrypt] });
      const { ok, upgraded } = await passwords.verifyAndUpgrade(PASSWORD, made.hashes[by]);
      expect([ok, upgraded === undefined]).toEqual([true, by.includes('argon2')]);
      expect(await passwords.verify(`${PASSWORD}x`, made.hashes[by])).toBe(false);
    },
  );

  it('pyotp reads the address of a QR code, and its codes are taken here', async () => {
    expect(made.totp.name).toEqual(['Acme', 'ann@example.com']);
    await totp.confirm('ann', made.totp.codes[0] as string);
    expect(await totp.verify('ann', made.totp.codes[1] as string)).toMatchObject({ method: 'otp' });
    expect(made.totp.verified).toEqual([true, false]);
  });
});

/** The token as it would be of bob, with its signature. */
function withOtherSubject(token: string): string {
  const [header, payload = '', signature] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
  return [header, Buffer.from(JSON.stringify({ ...claims, sub: 'bob' })).toString('base64url'), signature].join('.');
}
