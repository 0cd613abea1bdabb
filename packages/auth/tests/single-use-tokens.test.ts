import { describe, expect, it } from 'vitest';
import { createSingleUseTokens, type SingleUseTokensOptions } from '../src/single-use-tokens.ts';
import { memorySingleUseTokenStore } from '../src/stores.ts';
import { testSingleUseTokenStore } from '../src/testing.ts';
import { reasonOf as refusedBecause } from './support/refusal.ts';

const START = Date.UTC(2030, 0, 1);
const purposes = { 'email-verification': '24h', 'password-reset': '30m' } as const;

function setUp() {
  const clock = { time: START };
  const store = memorySingleUseTokenStore();
  return { tokens: createSingleUseTokens({ store, purposes, now: () => clock.time }), clock, store };
}

const reasonOf = (work: Promise<unknown>): Promise<unknown> =>
  refusedBecause(work, {
    title: 'The link or code is not valid, or not any more',
    status: 400,
    code: 'auth.single_use_invalid',
  });

describe('the memory store of single-use tokens', () => {
  testSingleUseTokenStore({ it }, { make: () => memorySingleUseTokenStore() });
});

describe('a single-use token', () => {
  it('works once, for what it was issued for', async () => {
    const { tokens } = setUp();
    const { token, expiresAt } = await tokens.issue('email-verification', { subject: 'ann', data: 'ann@example.com' });
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(expiresAt).toEqual(new Date(START + 24 * 3_600_000));
    expect(await reasonOf(tokens.consume('password-reset', token))).toBe('unknown');
    expect(await tokens.consume('email-verification', token)).toEqual({ subject: 'ann', data: 'ann@example.com' });
    expect(await reasonOf(tokens.consume('email-verification', token))).toBe('consumed');
    expect(await reasonOf(tokens.peek('email-verification', token))).toBe('consumed');
  });

  it('is for its purpose although the row of another one is put in its place', async () => {
    const { tokens, store } = setUp();
    const records: Parameters<typeof store.insert>[0][] = [];
    const insert = store.insert.bind(store);
    store.insert = async (record) => {
      records.push(record);
      await insert(record);
    };
    const verification = await tokens.issue('email-verification', { subject: 'ann' });
    await tokens.issue('password-reset', { subject: 'ann' });
    const [first, second] = records as [(typeof records)[0], (typeof records)[0]];
    await insert({ ...first, id: second.id });
    expect(await reasonOf(tokens.consume('password-reset', verification.token))).toBe('unknown');
  });

  it('can be looked at as often as one likes', async () => {
    const { tokens } = setUp();
    const { token } = await tokens.issue('password-reset', { subject: 'ann' });
    for (let i = 0; i < 3; i++) {
      expect(await tokens.peek('password-reset', token)).toEqual({ subject: 'ann', data: undefined });
    }
    await tokens.consume('password-reset', token);
  });

  it('ends at its time', async () => {
    const { tokens, clock } = setUp();
    const { token } = await tokens.issue('password-reset', { subject: 'ann' });
    clock.time += 30 * 60_000 - 1;
    await tokens.peek('password-reset', token);
    clock.time += 1;
    expect(await reasonOf(tokens.peek('password-reset', token))).toBe('expired');
    expect(await reasonOf(tokens.consume('password-reset', token))).toBe('expired');
  });

  it('ends with the next one of the account, and leaves those of others and of other purposes alone', async () => {
    const { tokens } = setUp();
    const first = await tokens.issue('password-reset', { subject: 'ann' });
    const other = await tokens.issue('email-verification', { subject: 'ann' });
    const bobs = await tokens.issue('password-reset', { subject: 'bob' });
    const second = await tokens.issue('password-reset', { subject: 'ann' });
    expect(await reasonOf(tokens.consume('password-reset', first.token))).toBe('consumed');
    await tokens.consume('password-reset', second.token);
    await tokens.consume('email-verification', other.token);
    await tokens.consume('password-reset', bobs.token);
  });

  it('takes the others of its purpose with it, which were issued at the same time', async () => {
    const { tokens } = setUp();
    const both = await Promise.all([1, 2].map(() => tokens.issue('password-reset', { subject: 'ann' })));
    const [one, two] = both as [(typeof both)[0], (typeof both)[0]];
    await tokens.consume('password-reset', one.token);
    expect(await reasonOf(tokens.consume('password-reset', two.token))).toBe('consumed');
  });

  it('ends when it is revoked', async () => {
    const { tokens } = setUp();
    const { token } = await tokens.issue('password-reset', { subject: 'ann' });
    expect(await tokens.revoke('password-reset', 'bob')).toBe(0);
    expect(await tokens.revoke('password-reset', 'ann')).toBe(1);
    expect(await reasonOf(tokens.consume('password-reset', token))).toBe('consumed');
  });

  it.each([undefined, null, 5, {}, '', 'x', 'A'.repeat(44), `${'A'.repeat(42)}B`, `${'A'.repeat(42)}=`])(
    'is refused as malformed without a look at the store: %j',
    async (token) => {
      const { tokens, store } = setUp();
      store.get = () => Promise.reject(new Error('it was asked'));
      expect(await reasonOf(tokens.consume('password-reset', token as string))).toBe('malformed');
    },
  );

  it('that is unknown is refused, and one whose store is away is not', async () => {
    const { tokens, store } = setUp();
    expect(await reasonOf(tokens.consume('password-reset', 'A'.repeat(43)))).toBe('unknown');
    store.get = () => Promise.reject(new Error('away'));
    await expect(tokens.consume('password-reset', 'A'.repeat(43))).rejects.toMatchObject({ code: 'auth.store_failed' });
  });

  it('goes with the purge once it has expired', async () => {
    const { tokens, clock } = setUp();
    const { token } = await tokens.issue('password-reset', { subject: 'ann' });
    expect(await tokens.purge()).toBe(0);
    clock.time += 30 * 60_000 + 1;
    expect(await tokens.purge()).toBe(1);
    expect(await reasonOf(tokens.consume('password-reset', token))).toBe('unknown');
  });
});

describe('what cannot be is refused:', () => {
  const refused = expect.objectContaining({ code: 'auth.configuration' }) as Error;

  it.each<[string, object]>([
    ['purposes', {}],
    ['purpose', { Reset: '1h' }],
    ['purpose', { 'a b': '1h' }],
    ['24 h', { reset: '25h' }],
    ['purposes.reset', { reset: 0 }],
  ])('%s of %j', (name, wrong) => {
    const make = () => createSingleUseTokens({ store: memorySingleUseTokenStore(), purposes: wrong });
    expect(make).toThrow(refused);
    expect(make).toThrow(name);
  });

  it.each<[string, string, object]>([
    ['purpose', 'login', { subject: 'ann' }],
    ['purpose', 'toString', { subject: 'ann' }],
    ['subject', 'password-reset', {}],
    ['subject', 'password-reset', { subject: '' }],
    ['data', 'password-reset', { subject: 'ann', data: 5 }],
    ['data', 'password-reset', { subject: 'ann', data: 'x'.repeat(1025) }],
    ['data', 'password-reset', { subject: 'ann', data: 'a\0b' }],
    ['ttl', 'password-reset', { subject: 'ann', ttl: '1h' }],
  ])('%s, issuing for %s with %j', async (name, purpose, about) => {
    const issuing = setUp().tokens.issue(purpose as 'password-reset', about as { subject: string });
    await expect(issuing).rejects.toThrow(refused);
    await expect(issuing).rejects.toThrow(name);
  });

  it('a store that is none, and an option that nobody reads', () => {
    const make = (options: object) => () => createSingleUseTokens(options as SingleUseTokensOptions<'a'>);
    expect(make({ purposes })).toThrow(refused);
    expect(make({ store: memorySingleUseTokenStore(), purposes, ttl: '1h' })).toThrow(refused);
    expect(make({ store: memorySingleUseTokenStore() })).toThrow(refused);
  });
});
