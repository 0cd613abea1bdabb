// What a library can hold of OWASP ASVS 5.0.0, by the numbers of its requirements. docs/security.md has the table that
// is made of the names here: `npm run check -- asvs --update`.
import { generateKeyPairSync } from 'node:crypto';
import { base64url, SignJWT } from 'jose';
import { TOTP } from 'otpauth';
import { describe, expect, it } from 'vitest';
import { argon2 } from '../src/drivers/argon2.ts';
import {
  createAccessTokens,
  createAccessTokenVerifier,
  createKeyRing,
  createPasswordPolicy,
  createPasswords,
  createPolicy,
  createSessions,
  createThrottle,
  createVerificationKeys,
  generateKey,
  requireAuthentication,
  type SessionsOptions,
  stepUp,
  trustedPrincipal,
} from '../src/index.ts';
import { createPasswordReset } from '../src/password-reset.ts';
import { createSingleUseTokens } from '../src/single-use-tokens.ts';
import { memorySingleUseTokenStore, memoryStores, memoryThrottleStore, memoryTotpStore } from '../src/stores.ts';
import { createTotp } from '../src/totp.ts';

const SECRET = 'of the environment, at least 32 bytes';
const DAY = 86_400_000;
const START = Date.UTC(2030, 0, 1);
const { key } = await generateKey();
const foreign = await generateKey('ES256');

/** Sessions whose clock goes on by `wait`. */
function sessionsAt(options: Partial<SessionsOptions> = {}) {
  let time = START;
  const names = { issuer: 'https://me', audience: 'https://me' };
  const accessTokens = createAccessTokens({ ...names, keys: createKeyRing({ active: key }), now: () => time });
  const sessions = createSessions({ accessTokens, stores: memoryStores(), secret: SECRET, ...options });
  return { sessions, wait: (ms: number) => (time += ms) };
}

const refused = { code: 'auth.token_invalid' };
const keys = await createVerificationKeys(createKeyRing({ active: key }).jwks());
const verifier = createAccessTokenVerifier({ issuer: 'https://me', audience: 'api', keys, now: () => START });
const claims = { iss: 'https://me', aud: 'api', sub: 'ann', sid: 's', jti: 'j' };
const times = { iat: START / 1000, nbf: START / 1000, exp: START / 1000 + 60 };
/** A token of the issuer's key, with other claims or another head. */
const signed = (change: object = {}, head: object = {}): Promise<string> =>
  new SignJWT({ ...claims, ...times, ...change })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: key.kid, ...head })
    .sign(key.privateKey);

function totpOf() {
  const parts = { store: memoryTotpStore(), attempts: memoryThrottleStore() };
  return createTotp({ ...parts, issuer: 'Acme', secret: SECRET, now: () => START });
}
async function enrolled() {
  const totp = totpOf();
  const app = new TOTP({ secret: (await totp.enrol('ann', 'ann')).secret });
  const { recoveryCodes } = await totp.confirm('ann', app.generate({ timestamp: START }));
  return { totp, app, recoveryCodes };
}

describe('authentication', () => {
  it('ASVS 6.2.11: words about the account are no password', async () => {
    const passwords = createPasswords({ driver: argon2(), policy: createPasswordPolicy({}) });
    await expect(
      passwords.hash('ann.hamilton@example.com', { about: ['ann.hamilton@example.com'] }),
    ).rejects.toMatchObject({
      code: 'auth.password_rejected',
    });
  });

  it('ASVS 6.2.12: a new password is looked for among those of breaches', async () => {
    const suffix = '1E4C9B93F3F0682250B6CF8331B7EE68FD8'; // of "password", after 5BAA6
    const policy = createPasswordPolicy({ breached: { range: async () => `${suffix}:3` } });
    const { breached, issues } = await policy.assess('password', {});
    expect([breached, issues.length]).toEqual([true, 1]);
  });

  it('ASVS 6.3.1: guesses are counted for each account and address, and then refused for a while', async () => {
    const throttle = createThrottle({ store: memoryThrottleStore(), pair: { attempts: 3, per: '15m' } });
    const guess = () => throttle.attempt({ address: '192.0.2.1', account: 'ann' });
    for (let i = 0; i < 3; i++) await guess();
    await expect(guess()).rejects.toMatchObject({ code: 'auth.too_many_attempts' });
  });

  it('ASVS 6.4.3: a password is reset by a token that works once, and nobody is logged in by it', async () => {
    const tokens = createSingleUseTokens({ store: memorySingleUseTokenStore(), purposes: { reset: '30m' } });
    const { sessions } = sessionsAt();
    const saved: string[] = [];
    const parts = { tokens, purpose: 'reset', passwords: createPasswords({ driver: argon2() }), sessions } as const;
    const reset = createPasswordReset({ ...parts, save: (_subject, hash) => saved.push(hash) > 0 });
    const { token } = await reset.request('ann');
    expect(await reset.complete(token, 'nine otters paint the harbour')).toEqual({ subject: 'ann' });
    await expect(reset.complete(token, 'nine otters paint the house')).rejects.toMatchObject({
      code: 'auth.single_use_invalid',
    });
    expect([saved.length, await sessions.list('ann')]).toEqual([1, []]);
  });

  it('ASVS 6.5.1: a code of an app and a recovery code work once', async () => {
    const { totp, app, recoveryCodes } = await enrolled();
    for (const code of [app.generate({ timestamp: START + 30_000 }), recoveryCodes[0] as string]) {
      await totp.verify('ann', code);
      await expect(totp.verify('ann', code)).rejects.toMatchObject({ code: 'auth.code_invalid' });
    }
  });

  it('ASVS 6.5.6: a second factor can be ended', async () => {
    const { totp, recoveryCodes } = await enrolled();
    expect(await totp.disable('ann')).toBe(true);
    await expect(totp.verify('ann', recoveryCodes[0] as string)).rejects.toMatchObject({ code: 'auth.code_invalid' });
  });

  it('ASVS 6.8.2: an assertion without a signature, or with one of another key, is refused', async () => {
    const [head = '', payload = ''] = (await signed()).split('.');
    const none = base64url.encode('{"alg":"none","typ":"at+jwt"}');
    for (const token of [`${head}.${payload}.`, `${none}.${payload}.`]) {
      await expect(verifier.verify(token)).rejects.toMatchObject(refused);
    }
  });

  it('ASVS 6.8.4: what needs a fresh or stronger login refuses one that says nothing of it', () => {
    const silent = trustedPrincipal({ subject: 'ann' });
    for (const required of [{ maxAge: '5m' }, { amr: ['otp'] }, { acr: ['mfa'] }] as const) {
      expect(() => requireAuthentication(silent, required)).toThrow(
        expect.objectContaining({ code: 'auth.step_up_required' }),
      );
    }
  });
});

describe('sessions', () => {
  it('ASVS 7.2.4: who proves itself again gets a new session, and the old one ends', async () => {
    const { sessions } = sessionsAt();
    const old = await sessions.start({ subject: 'ann' });
    const next = await stepUp(sessions, await sessions.verify(old.accessToken), { amr: ['otp'] });
    await expect(sessions.verify(old.accessToken)).rejects.toMatchObject(refused);
    expect((await sessions.verify(next.accessToken)).amr).toEqual(['pwd', 'otp']);
  });

  it('ASVS 7.3.1: a session that is not used for a while ends', async () => {
    const { sessions, wait } = sessionsAt({ refreshTtl: '1d' });
    const { refreshToken } = await sessions.start({ subject: 'ann' });
    wait(DAY + 1);
    await expect(sessions.refresh(refreshToken)).rejects.toMatchObject({ code: 'auth.refresh_invalid' });
  });

  it('ASVS 7.3.2: a session ends after a time, however busy it is', async () => {
    const { sessions, wait } = sessionsAt({ refreshTtl: '2d', sessionTtl: '3d' });
    let { refreshToken } = await sessions.start({ subject: 'ann' });
    for (let day = 1; day <= 2; day++) {
      wait(DAY);
      ({ refreshToken } = await sessions.refresh(refreshToken));
    }
    wait(DAY + 1);
    await expect(sessions.refresh(refreshToken)).rejects.toMatchObject({ code: 'auth.refresh_invalid' });
  });

  it('ASVS 7.4.1: after logout neither token of the session works', async () => {
    const { sessions } = sessionsAt();
    const { accessToken, refreshToken } = await sessions.start({ subject: 'ann' });
    await sessions.logout(await sessions.verify(accessToken));
    await expect(sessions.verify(accessToken)).rejects.toMatchObject(refused);
    await expect(sessions.refresh(refreshToken)).rejects.toMatchObject({ code: 'auth.refresh_invalid' });
  });

  it('ASVS 7.4.2: the sessions of an account that is gone end', async () => {
    let isThere = true;
    const { sessions } = sessionsAt({ claimsAt: 'verify', claims: () => (isThere ? {} : null) });
    const { accessToken } = await sessions.start({ subject: 'ann' });
    isThere = false;
    await expect(sessions.verify(accessToken)).rejects.toMatchObject(refused);
  });

  it('ASVS 7.4.3: all sessions of an account but the own can be ended', async () => {
    const { sessions } = sessionsAt();
    const [own, other] = [await sessions.start({ subject: 'ann' }), await sessions.start({ subject: 'ann' })];
    expect(await sessions.revokeAll('ann', { except: own.sessionId })).toBe(1);
    await sessions.verify(own.accessToken);
    await expect(sessions.verify(other.accessToken)).rejects.toMatchObject(refused);
  });

  it('ASVS 7.4.5: all sessions of any account can be ended by its name', async () => {
    const { sessions } = sessionsAt();
    const [ann, bob] = [await sessions.start({ subject: 'ann' }), await sessions.start({ subject: 'bob' })];
    expect(await sessions.revokeAll('ann')).toBe(1);
    await expect(sessions.verify(ann.accessToken)).rejects.toMatchObject(refused);
    await sessions.verify(bob.accessToken);
  });
});

describe('authorization', () => {
  const policy = createPolicy({
    roles: { member: { allow: [{ permission: 'docs:read', own: true }] } },
    owners: { docs: 'owner' },
  });
  const ann = trustedPrincipal({ subject: 'ann', roles: ['member'] });

  it('ASVS 8.2.1: what no rule allows is refused', () => {
    expect(policy.can(ann, 'docs:delete', { owner: 'ann' })).toBe(false);
    expect(policy.can(trustedPrincipal({ subject: 'ann' }), 'docs:read', { owner: 'ann' })).toBe(false);
  });

  it('ASVS 8.2.2: a right to what is the own is none to what is of others', () => {
    const docs = [{ owner: 'ann' }, { owner: 'bob' }, {}, undefined];
    expect(docs.map((doc) => policy.can(ann, 'docs:read', doc))).toEqual([true, false, false, false]);
  });

  it('ASVS 8.3.2: a change of roles is in force with the next request', async () => {
    let roles = ['admin'];
    const { sessions } = sessionsAt({ claimsAt: 'verify', claims: () => ({ roles }) });
    const { accessToken } = await sessions.start({ subject: 'ann' });
    roles = [];
    expect((await sessions.verify(accessToken)).roles).toEqual([]);
  });
});

describe('self-contained tokens', () => {
  it('ASVS 9.1.1: a token that was changed in any part is refused', async () => {
    const token = await signed();
    expect((await verifier.verify(token)).subject).toBe('ann');
    const parts = token.split('.');
    for (const at of [0, 1, 2]) {
      const part = parts[at] as string;
      const changed = parts.with(at, `${part.slice(0, 9)}${part[9] === 'A' ? 'B' : 'A'}${part.slice(10)}`).join('.');
      await expect(verifier.verify(changed)).rejects.toMatchObject(refused);
    }
  });

  it('ASVS 9.1.2: the algorithm is the key’s: none, a shared secret and another one are refused', async () => {
    const publicKey = Buffer.from(String(key.jwk.x), 'base64url');
    const sign = (alg: string, by: Parameters<SignJWT['sign']>[0]) =>
      new SignJWT({ ...claims, ...times }).setProtectedHeader({ alg, typ: 'at+jwt', kid: key.kid }).sign(by);
    for (const token of [await sign('HS256', publicKey), await sign('ES256', foreign.key.privateKey)]) {
      await expect(verifier.verify(token)).rejects.toMatchObject(refused);
    }
    await expect(
      createVerificationKeys({ keys: [{ kty: 'oct', k: 'c2VjcmV0', kid: 'k', alg: 'HS256' }] }),
    ).rejects.toMatchObject({ code: 'auth.configuration' });
  });

  it('ASVS 9.1.3: a key that the token itself brings or names is not used', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const jwk = publicKey.export({ format: 'jwk' });
    for (const head of [{ jwk }, { jku: 'https://evil.example/jwks' }, { x5u: 'https://evil.example/x' }]) {
      const token = await new SignJWT({ ...claims, ...times })
        .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: key.kid, ...head })
        .sign(privateKey);
      await expect(verifier.verify(token)).rejects.toMatchObject(refused);
    }
  });

  it('ASVS 9.2.1: a token is good from its nbf to its exp, and without an end never', async () => {
    const now = START / 1000;
    for (const change of [{ exp: now - 60 }, { nbf: now + 60 }, { exp: undefined }]) {
      await expect(verifier.verify(await signed(change))).rejects.toMatchObject(refused);
    }
  });

  it('ASVS 9.2.2: a token of another type is no access token', async () => {
    for (const typ of ['JWT', 'logout+jwt', undefined]) {
      await expect(verifier.verify(await signed({}, { typ }))).rejects.toMatchObject(refused);
    }
  });

  it('ASVS 9.2.3: a token for another service is refused', async () => {
    for (const aud of ['web', [], ['web', 'API'], undefined]) {
      await expect(verifier.verify(await signed({ aud }))).rejects.toMatchObject(refused);
    }
  });

  it('ASVS 9.2.4: a token that is issued says for whom it is', async () => {
    const issuer = createAccessTokens({
      issuer: 'https://me',
      audience: 'https://api',
      keys: createKeyRing({ active: key }),
    });
    const { token } = await issuer.issue({ subject: 'ann', sessionId: 's' });
    const payload = JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString()) as { aud: string };
    expect(payload.aud).toBe('https://api');
    expect(() =>
      createAccessTokens({ issuer: 'https://me', audience: '', keys: createKeyRing({ active: key }) }),
    ).toThrow();
  });
});

describe('OAuth', () => {
  it('ASVS 10.3.2: scopes of a token limit what the roles give', () => {
    const policy = createPolicy({ roles: { admin: { allow: ['**'] } } });
    const limited = trustedPrincipal({ subject: 'ann', roles: ['admin'], scopes: ['docs:read'] });
    expect([policy.can(limited, 'docs:read'), policy.can(limited, 'docs:delete')]).toEqual([true, false]);
  });

  it('ASVS 10.3.3: an account is known by issuer and subject together', async () => {
    const { issuer, subject } = await verifier.verify(await signed());
    expect([issuer, subject]).toEqual(['https://me', 'ann']);
  });

  it('ASVS 10.4.5: a spent refresh token that comes back later ends the whole session', async () => {
    const { sessions, wait } = sessionsAt({ retryWindow: '10s' });
    const first = await sessions.start({ subject: 'ann' });
    const second = await sessions.refresh(first.refreshToken);
    wait(11_000);
    for (const token of [first.refreshToken, second.refreshToken]) {
      await expect(sessions.refresh(token)).rejects.toMatchObject({ code: 'auth.refresh_invalid' });
    }
    await expect(sessions.verify(second.accessToken)).rejects.toMatchObject(refused);
  });
});
