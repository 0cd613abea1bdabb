import { describe, expect, it } from 'vitest';
import { createApiKeys } from '../src/api-keys.ts';
import { argon2 } from '../src/drivers/argon2.ts';
import {
  createAccessTokens,
  createKeyRing,
  createPasswordPolicy,
  createPasswords,
  createSessions,
  deriveSecret,
  generateKey,
} from '../src/index.ts';
import { createPasswordReset, type PasswordResetOptions } from '../src/password-reset.ts';
import { createSingleUseTokens } from '../src/single-use-tokens.ts';
import { memoryApiKeyStore, memorySingleUseTokenStore, memoryStores } from '../src/stores.ts';

const { key, pem } = await generateKey();
const GOOD = 'correct horse battery staple';
const passwords = createPasswords({ driver: argon2() });

function setUp(change: Partial<PasswordResetOptions<'password-reset'>> = {}) {
  const hashes = new Map<string, string>([['ann', 'the old one']]);
  const accessTokens = createAccessTokens({ issuer: 'me', audience: 'me', keys: createKeyRing({ active: key }) });
  const secret = deriveSecret(pem, 'refresh-tokens');
  const sessions = createSessions({ accessTokens, stores: memoryStores(), secret });
  const apiKeys = createApiKeys({ store: memoryApiKeyStore(), prefix: 'acme' });
  const tokens = createSingleUseTokens({ store: memorySingleUseTokenStore(), purposes: { 'password-reset': '30m' } });
  const reset = createPasswordReset({
    tokens,
    purpose: 'password-reset',
    passwords,
    sessions,
    apiKeys,
    save: (subject, hash) => hashes.has(subject) && hashes.set(subject, hash) === hashes,
    ...change,
  });
  return { reset, hashes, sessions, apiKeys, tokens };
}

describe('a password reset', () => {
  it('sets the password and ends every session and key of the account, and of no other', async () => {
    const { reset, hashes, sessions, apiKeys } = setUp();
    const anns = [await sessions.start({ subject: 'ann' }), await sessions.start({ subject: 'ann' })];
    const bobs = await sessions.start({ subject: 'bob' });
    const { key: annsKey } = await apiKeys.create({ subject: 'ann', name: 'a', scopes: ['**'] });
    const { key: bobsKey } = await apiKeys.create({ subject: 'bob', name: 'b', scopes: ['**'] });
    const { token } = await reset.request('ann');
    expect(await reset.complete(token, GOOD)).toEqual({ subject: 'ann' });
    expect(await passwords.verify(GOOD, hashes.get('ann'))).toBe(true);
    for (const { accessToken, refreshToken } of anns) {
      await expect(sessions.verify(accessToken)).rejects.toMatchObject({ details: { reason: 'session' } });
      await expect(sessions.refresh(refreshToken)).rejects.toMatchObject({ code: 'auth.refresh_invalid' });
    }
    await expect(apiKeys.verify(annsKey)).rejects.toMatchObject({ details: { reason: 'revoked' } });
    await sessions.verify(bobs.accessToken);
    await apiKeys.verify(bobsKey);
  });

  it('works once, whatever comes at once', async () => {
    const { reset, hashes } = setUp();
    const { token } = await reset.request('ann');
    const words = ['one', 'two', 'three', 'four', 'five'].map((word) => `${word} ${GOOD}`);
    const answers = await Promise.allSettled(words.map((word) => reset.complete(token, word)));
    const winners = answers.flatMap(({ status }, at) => (status === 'fulfilled' ? [at] : []));
    expect(winners).toHaveLength(1);
    expect(await passwords.verify(words[winners[0] as number] as string, hashes.get('ann'))).toBe(true);
  });

  it('leaves the token good where the password is refused, and changes nothing', async () => {
    const { reset, hashes, sessions } = setUp();
    const session = await sessions.start({ subject: 'ann' });
    const { token } = await reset.request('ann');
    await expect(reset.complete(token, 'short')).rejects.toMatchObject({ code: 'auth.password_rejected' });
    expect(hashes.get('ann')).toBe('the old one');
    await sessions.verify(session.accessToken);
    await reset.complete(token, GOOD);
  });

  it('refuses a password that is about the account, and leaves the token good', async () => {
    const strict = createPasswords({ driver: argon2(), policy: createPasswordPolicy({}) });
    const about = async (subject: string) => [`${subject}.of.somewhere@example.com`];
    const { reset } = setUp({ passwords: strict, about });
    const { token } = await reset.request('ann');
    const call = { about: ['The Somewhere Company'] };
    for (const password of ['Ann.of.somewhere@example.com', 'the somewhere company']) {
      await expect(reset.complete(token, password, call)).rejects.toMatchObject({ issues: [{ code: 'about_you' }] });
    }
    await reset.complete(token, GOOD, call);
  });

  it('hashes nothing for a token that is made up', async () => {
    const hash = () => Promise.reject(new Error('it was asked'));
    const { reset } = setUp({ passwords: { hash } });
    await expect(reset.complete('A'.repeat(43), GOOD)).rejects.toMatchObject({ code: 'auth.single_use_invalid' });
  });

  it('ends the sessions that begin while it saves', async () => {
    const made = setUp();
    const { sessions, hashes, tokens } = made;
    let late = '';
    const reset = createPasswordReset({
      tokens,
      purpose: 'password-reset',
      passwords,
      sessions,
      save: async (subject, hash) => {
        late = (await sessions.start({ subject })).accessToken;
        hashes.set(subject, hash);
        return true;
      },
    });
    const { token } = await reset.request('ann');
    await reset.complete(token, GOOD);
    await expect(sessions.verify(late)).rejects.toMatchObject({ details: { reason: 'session' } });
  });

  it('saves nothing where sessions cannot be ended: a new password never stands beside old sessions', async () => {
    const sessions = { revokeAll: () => Promise.reject(new Error('away')) };
    const { reset, hashes } = setUp({ sessions });
    const { token } = await reset.request('ann');
    await expect(reset.complete(token, GOOD)).rejects.toThrow('away');
    expect(hashes.get('ann')).toBe('the old one');
  });

  it('of an account that is gone is refused as any other', async () => {
    const { reset } = setUp({ save: () => false });
    const { token } = await reset.request('ann');
    await expect(reset.complete(token, GOOD)).rejects.toMatchObject({
      code: 'auth.single_use_invalid',
      details: { reason: 'account' },
    });
  });

  it('is not made of what is none of its parts', () => {
    const refused = expect.objectContaining({ code: 'auth.configuration' }) as Error;
    for (const part of ['tokens', 'purpose', 'passwords', 'sessions', 'save']) {
      expect(() => setUp({ [part]: undefined })).toThrow(refused);
      expect(() => setUp({ [part]: undefined })).toThrow(part);
    }
    expect(() => setUp({ apiKeys: {} as never })).toThrow('apiKeys');
    expect(() => setUp({ about: [] as never })).toThrow('about');
    expect(() => setUp({ apikeys: {} } as never)).toThrow(refused);
  });
});
