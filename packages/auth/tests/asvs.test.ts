// What a library can hold of OWASP ASVS 5.0.0, by the numbers of its requirements. docs/security.md has the table that
// is made of the names here: `npm run check -- asvs --update`.
import { generateKeyPairSync } from 'node:crypto';
import { base64url, SignJWT } from 'jose';
import { TOTP } from 'otpauth';
import { describe, expect, it } from 'vitest';
import { argon2 } from '../src/drivers/argon2.ts';
import { bcrypt } from '../src/drivers/bcrypt.ts';
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
  importPublicKey,
  requireAuthentication,
  type SessionsOptions,
  stepUp,
  trustedPrincipal,
} from '../src/index.ts';
import { VERIFICATION_ALGORITHMS } from '../src/internal/algorithms.ts';
import { createSealer } from '../src/internal/sealed.ts';
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
  it('ASVS 6.2.4: a new password is none of the common ones, in whatever case', async () => {
    const policy = createPasswordPolicy({ common: ['iloveyouforever'] });
    expect((await policy.assess('ILoveYouForever', {})).issues).toMatchObject([{ code: 'common' }]);
  });

  it('ASVS 6.2.5: a password may be of any characters, and needs none of a kind', () => {
    const passwords = createPasswords({ driver: argon2() });
    for (const password of [
      'aaaaaaaaaaaaaaa',
      '000000000000000',
      '               ',
      'пароль из слов и точек',
      '🔑'.repeat(15),
    ]) {
      expect(passwords.check(password)).toEqual([]);
    }
  });

  it('ASVS 6.2.8: each character and its case count, to the last one', async () => {
    const passwords = createPasswords({ driver: argon2() });
    const password = `Nine otters ${'x'.repeat(80)}`;
    const stored = await passwords.hash(password);
    const typed = [password, password.toLowerCase(), password.slice(0, -1)];
    expect(await Promise.all(typed.map((each) => passwords.verify(each, stored)))).toEqual([true, false, false]);
  });

  it('ASVS 6.2.9: a password may have 64 characters, and more', () => {
    expect(createPasswords({ driver: argon2() }).check('otters and '.repeat(50))).toEqual([]);
  });

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

  it('ASVS 6.4.1: a token that the service makes is random, works once and ends soon', async () => {
    let time = START;
    const store = memorySingleUseTokenStore();
    const tokens = createSingleUseTokens({ store, purposes: { activation: '1h' }, now: () => time });
    const [one, two] = [
      await tokens.issue('activation', { subject: 'ann' }),
      await tokens.issue('activation', { subject: 'bob' }),
    ];
    expect([one.token.length, one.token === two.token]).toEqual([43, false]);
    await tokens.consume('activation', one.token);
    time += 3_600_001;
    for (const { token } of [one, two]) {
      await expect(tokens.consume('activation', token)).rejects.toMatchObject({ code: 'auth.single_use_invalid' });
    }
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

  it('ASVS 6.5.3: secrets and recovery codes are other ones for each account', async () => {
    const [one, two] = [await enrolled(), await enrolled()];
    const all = [one.app.secret.base32, two.app.secret.base32, ...one.recoveryCodes, ...two.recoveryCodes];
    expect(new Set(all).size).toBe(all.length);
  });

  it('ASVS 6.5.4: a recovery code has far more than 20 bits', async () => {
    const { recoveryCodes } = await enrolled();
    // Of at least 32 characters each.
    for (const code of recoveryCodes) expect(code.replaceAll('-', '').length * 5).toBeGreaterThanOrEqual(80);
  });

  it('ASVS 6.5.8: the time of a code is that of the service, whatever the app believes', async () => {
    const { totp, app } = await enrolled();
    for (const timestamp of [START - 3_600_000, START + 3_600_000]) {
      await expect(totp.verify('ann', app.generate({ timestamp }))).rejects.toMatchObject({
        code: 'auth.code_invalid',
      });
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
  it('ASVS 7.2.1: a token is good for who asks the service alone: of a session that it does not know it is none', async () => {
    const [here, elsewhere] = [sessionsAt().sessions, sessionsAt().sessions];
    const { accessToken } = await elsewhere.start({ subject: 'ann' });
    await expect(here.verify(accessToken)).rejects.toMatchObject(refused);
  });

  it('ASVS 7.2.2: each login and each refresh has tokens of its own', async () => {
    const { sessions } = sessionsAt();
    const pairs = [await sessions.start({ subject: 'ann' }), await sessions.start({ subject: 'ann' })];
    pairs.push(await sessions.refresh((pairs[0] as (typeof pairs)[0]).refreshToken));
    expect(new Set(pairs.flatMap(({ accessToken, refreshToken }) => [accessToken, refreshToken])).size).toBe(6);
  });

  it('ASVS 7.2.3: a refresh token has 256 bits, and no two are alike', async () => {
    const { sessions } = sessionsAt();
    const tokens = new Set<string>();
    for (let i = 0; i < 20; i++) tokens.add((await sessions.start({ subject: 'ann' })).refreshToken);
    expect(tokens.size).toBe(20);
    for (const token of tokens) expect(Buffer.from(token, 'base64url')).toHaveLength(32);
  });

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

  it('ASVS 7.5.2: an account sees its sessions, and ends each of them', async () => {
    const { sessions } = sessionsAt();
    await sessions.start({ subject: 'ann', userAgent: 'laptop' });
    await sessions.start({ subject: 'ann', userAgent: 'phone' });
    const listed = await sessions.list('ann');
    expect(listed.map(({ userAgent }) => userAgent).toSorted()).toEqual(['laptop', 'phone']);
    for (const { id } of listed) await sessions.revoke(id);
    expect(await sessions.list('ann')).toEqual([]);
  });

  it('ASVS 7.5.3: what needs a login of just now refuses an older one', async () => {
    const { sessions } = sessionsAt();
    const { accessToken } = await sessions.start({ subject: 'ann' });
    const principal = await sessions.verify(accessToken);
    requireAuthentication(principal, { maxAge: '5m', now: () => START + 299_000 });
    expect(() => requireAuthentication(principal, { maxAge: '5m', now: () => START + 301_000 })).toThrow(
      expect.objectContaining({ code: 'auth.step_up_required' }),
    );
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

  it('ASVS 8.4.1: rows of another tenant are found by no filter, and allowed by no check', () => {
    const ofTenant = { tenantId: { principal: 'claims.tenant' } } as const;
    const shared = createPolicy({ roles: { member: { allow: [{ permission: 'docs:read', where: ofTenant }] } } });
    const member = trustedPrincipal({ subject: 'ann', roles: ['member'], claims: { tenant: 't1' } });
    expect(['t1', 't2', undefined].map((tenantId) => shared.can(member, 'docs:read', { tenantId }))).toEqual([
      true,
      false,
      false,
    ]);
    expect(JSON.stringify(shared.filterFor(member, 'docs:read'))).toContain('"tenantId":{"eq":"t1"}');
    const homeless = trustedPrincipal({ subject: 'ann', roles: ['member'] });
    expect(shared.can(homeless, 'docs:read', { tenantId: undefined })).toBe(false);
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
    const [, payload = ''] = (await signed()).split('.');
    const none = ['none', 'None', 'NONE'].map(
      (alg) => `${base64url.encode(JSON.stringify({ alg, typ: 'at+jwt', kid: key.kid }))}.${payload}.`,
    );
    const sign = (alg: string, by: Parameters<SignJWT['sign']>[0]) =>
      new SignJWT({ ...claims, ...times }).setProtectedHeader({ alg, typ: 'at+jwt', kid: key.kid }).sign(by);
    const others = [await sign('HS256', publicKey), await sign('ES256', foreign.key.privateKey)];
    for (const token of [...none, ...others]) {
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

  it('ASVS 10.3.1: an access token is for the service that it names, and for no other', async () => {
    for (const audience of ['api', 'web']) {
      const one = createAccessTokenVerifier({ issuer: 'https://me', audience, keys, now: () => START });
      const verified = one.verify(await signed());
      if (audience === 'api') expect((await verified).subject).toBe('ann');
      else await expect(verified).rejects.toMatchObject(refused);
    }
  });

  it('ASVS 10.3.4: what a token says of the login can be asked for: its methods, its level, its age', async () => {
    const principal = await verifier.verify(
      await signed({ amr: ['pwd', 'otp'], acr: 'mfa', auth_time: START / 1000 - 60 }),
    );
    requireAuthentication(principal, { maxAge: '5m', amr: ['otp'], acr: ['mfa'], now: () => START });
    for (const required of [{ amr: ['hwk'] }, { acr: ['phr'] }, { maxAge: '30s' }] as const) {
      expect(() => requireAuthentication(principal, { ...required, now: () => START })).toThrow(
        expect.objectContaining({ code: 'auth.step_up_required' }),
      );
    }
  });

  it('ASVS 10.4.8: refresh tokens end with the session, however often they were exchanged', async () => {
    const { sessions, wait } = sessionsAt({ refreshTtl: '2d', sessionTtl: '3d' });
    const first = await sessions.start({ subject: 'ann' });
    wait(2 * DAY - 1);
    const second = await sessions.refresh(first.refreshToken);
    expect(second.refreshExpiresAt).toEqual(new Date(START + 3 * DAY));
  });

  it('ASVS 10.4.9: an account ends a session, and its refresh token with it', async () => {
    const { sessions } = sessionsAt();
    const { sessionId, refreshToken } = await sessions.start({ subject: 'ann' });
    await sessions.revoke(sessionId);
    await expect(sessions.refresh(refreshToken)).rejects.toMatchObject({ code: 'auth.refresh_invalid' });
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

describe('cryptography', () => {
  it('ASVS 11.2.2: keys, peppers and hashes are changed while what was made with the old ones works', async () => {
    const old = createPasswords({ driver: argon2(), pepper: { keys: { a: SECRET }, active: 'a' } });
    const renewed = createPasswords({
      driver: argon2({ iterations: 3 }),
      pepper: { keys: { a: SECRET, b: `${SECRET} too` }, active: 'b' },
    });
    const password = 'nine otters paint the harbour';
    const { ok, upgraded } = await renewed.verifyAndUpgrade(password, await old.hash(password));
    expect([ok, upgraded?.startsWith('$pepper$id=b$argon2id$v=19$m=19456,t=3,p=1$')]).toEqual([true, true]);
  });

  it('ASVS 11.3.2: what is encrypted is so by AES-256 with GCM, and a text that names another way is refused', async () => {
    const seal = createSealer([SECRET], { purpose: 'test', typ: 'ent-test+jwe', what: 'It' });
    const [head = '', ...rest] = (await seal.seal('text')).split('.');
    const says = JSON.parse(Buffer.from(head, 'base64url').toString()) as object;
    expect(says).toMatchObject({ alg: 'dir', enc: 'A256GCM' });
    const other = base64url.encode(JSON.stringify({ ...says, enc: 'A128CBC-HS256' }));
    await expect(seal.open([other, ...rest].join('.'))).rejects.toThrow();
  });

  it('ASVS 11.3.3: what is encrypted and was changed is refused', async () => {
    const seal = createSealer([SECRET], { purpose: 'test', typ: 'ent-test+jwe', what: 'It' });
    const sealed = await seal.seal('text');
    const parts = sealed.split('.');
    // Head, initialization vector, ciphertext and tag; there is no key in it.
    for (const at of [0, 2, 3, 4]) {
      const part = parts[at] as string;
      const changed = parts.with(at, `${part.startsWith('A') ? 'B' : 'A'}${part.slice(1)}`).join('.');
      await expect(seal.open(changed)).rejects.toThrow();
    }
    expect(await seal.open(sealed)).toBe('text');
  });

  it('ASVS 11.3.4: the same text is encrypted in another way each time', async () => {
    const seal = createSealer([SECRET], { purpose: 'test', typ: 'ent-test+jwe', what: 'It' });
    const vectors = await Promise.all(Array.from({ length: 100 }, async () => (await seal.seal('text')).split('.')[2]));
    expect(new Set(vectors).size).toBe(100);
  });

  it('ASVS 11.4.2: passwords are stored by argon2id or bcrypt, and by no cheaper settings than OWASP names', () => {
    for (const options of [{ memoryKiB: 19_455 }, { iterations: 1 }]) expect(() => argon2(options)).toThrow();
    expect(() => bcrypt({ cost: 9 })).toThrow();
  });

  it('ASVS 11.4.3: no signature is by a hash under 256 bits', async () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = publicKey.export({ format: 'jwk' });
    for (const alg of ['RS1', 'RSA1_5', 'HS1', 'none']) {
      await expect(importPublicKey({ ...jwk, alg })).rejects.toMatchObject({ code: 'auth.configuration' });
      expect(() =>
        createAccessTokenVerifier({ issuer: 'https://me', audience: 'api', keys, algorithms: [alg as never] }),
      ).toThrow(expect.objectContaining({ code: 'auth.configuration' }));
    }
    const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
    expect(VERIFICATION_ALGORITHMS.toSorted()).toEqual(algorithms.toSorted());
  });

  it('ASVS 11.6.1: keys of RSA under 2048 bits and of other curves are refused', async () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
    const other = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey;
    for (const publicKey of [weak, other]) {
      await expect(importPublicKey(publicKey.export({ format: 'jwk' }))).rejects.toMatchObject({
        code: 'auth.configuration',
      });
    }
  });
});

describe('errors', () => {
  it('ASVS 16.5.3: a store that fails lets nobody in', async () => {
    const stores = memoryStores();
    const { sessions } = sessionsAt({ stores, sessionCacheTtl: 0 });
    const { accessToken, refreshToken } = await sessions.start({ subject: 'ann' });
    stores.sessions.get = () => Promise.reject(new Error('The connection was lost.'));
    for (const work of [() => sessions.verify(accessToken), () => sessions.refresh(refreshToken)]) {
      await expect(work()).rejects.toMatchObject({ code: 'auth.store_failed', status: 503 });
    }
  });
});
