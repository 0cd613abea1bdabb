import { EntError } from '@ent/errors';
import { describe, expect, it } from 'vitest';
import {
  createAccessTokens,
  createKeyRing,
  createSessions,
  deriveSecret,
  generateKey,
  requireAuthentication,
  type SessionsOptions,
  stepUp,
  trustedPrincipal,
} from '../src/index.ts';
import { memoryStores } from '../src/stores.ts';

const { key, pem } = await generateKey();
const START = Date.UTC(2030, 0, 1);
const MINUTE = 60_000;

function setUp(options: Partial<SessionsOptions> = {}) {
  const clock = { time: START };
  const keys = createKeyRing({ active: key });
  const accessTokens = createAccessTokens({ issuer: 'me', audience: 'me', keys, now: () => clock.time });
  const secret = deriveSecret(pem, 'refresh-tokens');
  const acr = (amr: readonly string[]) => (amr.includes('otp') ? 'urn:acme:mfa' : undefined);
  const sessions = createSessions({ accessTokens, stores: memoryStores(), secret, acr, ...options });
  return { sessions, accessTokens, clock };
}

function refusalOf(work: () => void): EntError {
  try {
    work();
  } catch (error) {
    if (EntError.is(error)) return error;
  }
  throw new Error('it was accepted, or something else than an EntError was thrown');
}

describe('a level of assurance', () => {
  it.each(['refresh', 'verify'] as const)('stands in the tokens of a session, asked at %s', async (claimsAt) => {
    const { sessions } = setUp({ claimsAt, claims: () => ({ roles: ['member'] }) });
    const weak = await sessions.verify((await sessions.start({ subject: 'ann' })).accessToken);
    expect([weak.amr, weak.acr]).toEqual([['pwd'], undefined]);
    const pair = await sessions.start({ subject: 'ann', amr: ['pwd', 'otp'] });
    for (const { accessToken } of [pair, await sessions.refresh(pair.refreshToken)]) {
      const strong = await sessions.verify(accessToken);
      expect(strong).toMatchObject({ amr: ['pwd', 'otp'], acr: 'urn:acme:mfa', roles: ['member'] });
      expect(strong.claims).not.toHaveProperty('acr');
    }
  });

  it('is set by the issuer: not among further claims', async () => {
    const { accessTokens } = setUp();
    const issuing = accessTokens.issue({ subject: 'ann', sessionId: 's', claims: { acr: 'urn:acme:mfa' } });
    await expect(issuing).rejects.toMatchObject({ code: 'auth.configuration' });
    const wrong = accessTokens.issue({ subject: 'ann', sessionId: 's', acr: 5 as never });
    await expect(wrong).rejects.toMatchObject({ code: 'auth.configuration' });
    expect(() => setUp({ acr: 'urn:acme:mfa' as never })).toThrow('"acr" must be a function');
  });
});

describe('a sensitive action', () => {
  const at = (ageMs: number) => new Date(START - ageMs);
  const required = { maxAge: '5m', amr: ['otp'], acr: ['urn:acme:mfa', 'urn:acme:key'], now: () => START } as const;
  const strong = { subject: 'ann', amr: ['pwd', 'otp'], acr: 'urn:acme:mfa', authenticatedAt: at(0) };

  it('is done by who has logged in just now, and by enough', () => {
    for (const authenticatedAt of [at(0), at(5 * MINUTE), at(-MINUTE)]) {
      requireAuthentication(trustedPrincipal({ ...strong, authenticatedAt }), required);
    }
    requireAuthentication(trustedPrincipal({ ...strong, acr: 'urn:acme:key' }), required);
  });

  it.each<[string, object]>([
    ['age', { authenticatedAt: at(5 * MINUTE + 1) }],
    ['age', { authenticatedAt: at(-MINUTE - 1) }],
    ['age', { authenticatedAt: undefined }],
    ['age', { authenticatedAt: new Date(Number.NaN) }],
    ['amr', { amr: ['pwd'] }],
    ['amr', { amr: undefined }],
    ['amr', { amr: ['pwd otp'] }],
    ['acr', { acr: 'urn:acme:pwd' }],
    ['acr', { acr: undefined }],
    ['acr', { acr: '' }],
    ['age amr acr', { amr: [], acr: undefined, authenticatedAt: undefined }],
  ])('is refused for its %s with %j', (reason, change) => {
    const refusal = refusalOf(() => requireAuthentication(trustedPrincipal({ ...strong, ...change }), required));
    expect(refusal).toMatchObject({ code: 'auth.step_up_required', status: 401, details: { reason } });
  });

  it('says what is needed, in the form of RFC 9470', () => {
    const refused = (what: object) =>
      refusalOf(() => requireAuthentication(trustedPrincipal({ subject: 'ann' }), what)).headers?.['www-authenticate'];
    const error =
      'Bearer error="insufficient_user_authentication", error_description="A fresh or stronger login is required"';
    expect(refused(required)).toBe(`${error}, acr_values="urn:acme:mfa urn:acme:key", max_age="300"`);
    expect(refused({ maxAge: '90s' })).toBe(`${error}, max_age="90"`);
    expect(refused({ amr: ['otp'] })).toBe(error);
    const bound = trustedPrincipal({ subject: 'ann', jkt: 'a'.repeat(43) });
    const { headers } = refusalOf(() => requireAuthentication(bound, { amr: ['otp'] }));
    expect(headers?.['www-authenticate']).toBe(error.replace('Bearer', 'DPoP'));
  });

  it.each<[string, object]>([
    ['nothing', {}],
    ['no method', { amr: [] }],
    ['no level', { acr: [] }],
    ['a level that ends the header', { acr: ['a", realm="b'] }],
    ['a level of two words', { acr: ['a b'] }],
    ['no age', { maxAge: 0 }],
    ['a misspelt option', { maxage: '5m', amr: ['otp'] }],
  ])('cannot ask for %s', (_name, what) => {
    const principal = trustedPrincipal({ subject: 'ann', amr: ['otp'] });
    expect(refusalOf(() => requireAuthentication(principal, what)).code).toBe('auth.configuration');
    expect(refusalOf(() => requireAuthentication({ ...strong } as never, required)).code).toBe('auth.configuration');
  });
});

describe('a step up', () => {
  it('is a new login by all methods, in the place of the old one', async () => {
    const { sessions, clock } = setUp();
    const old = await sessions.start({ subject: 'ann' });
    clock.time += 10 * MINUTE;
    const principal = await sessions.verify(old.accessToken);
    const pair = await stepUp(sessions, principal, { amr: ['otp'], userAgent: 'Firefox', address: '192.0.2.1' });
    const now = () => clock.time;
    requireAuthentication(await sessions.verify(pair.accessToken), { maxAge: '1s', amr: ['pwd', 'otp'], now });
    await expect(sessions.verify(old.accessToken)).rejects.toMatchObject({ details: { reason: 'session' } });
    await expect(sessions.refresh(old.refreshToken)).rejects.toMatchObject({ code: 'auth.refresh_invalid' });
    expect(await sessions.list('ann')).toMatchObject([{ userAgent: 'Firefox', address: '192.0.2.1', amr: 'pwd otp' }]);
  });

  it('gives one of many that ask at once a session', async () => {
    const { sessions } = setUp();
    const principal = await sessions.verify((await sessions.start({ subject: 'ann' })).accessToken);
    const asked = Array.from({ length: 20 }, () => stepUp(sessions, principal, { amr: ['otp'] }));
    const answers = await Promise.allSettled(asked);
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await sessions.list('ann')).toHaveLength(1);
  });

  it('brings back no session that was ended meanwhile', async () => {
    const { sessions } = setUp();
    const principal = await sessions.verify((await sessions.start({ subject: 'ann' })).accessToken);
    await sessions.revokeAll('ann');
    await expect(stepUp(sessions, principal, { amr: ['otp'] })).rejects.toMatchObject({
      code: 'auth.credentials_invalid',
    });
    expect(await sessions.list('ann')).toEqual([]);
  });

  it('is of a session, by something', async () => {
    const { sessions } = setUp();
    const nobody = trustedPrincipal({ subject: 'ann' });
    const principal = await sessions.verify((await sessions.start({ subject: 'ann' })).accessToken);
    await expect(stepUp(sessions, nobody, { amr: ['otp'] })).rejects.toMatchObject({ code: 'auth.configuration' });
    await expect(stepUp(sessions, principal, { amr: [] })).rejects.toMatchObject({ code: 'auth.configuration' });
    await expect(stepUp(sessions, principal, {} as never)).rejects.toMatchObject({ code: 'auth.configuration' });
    await expect(stepUp({} as never, principal, { amr: ['otp'] })).rejects.toMatchObject({
      code: 'auth.configuration',
    });
  });
});
