import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type ApiKeysOptions, createApiKeys } from '../src/api-keys.ts';
import { type ApiKeyStore, channels, createPolicy } from '../src/index.ts';
import { memoryApiKeyStore } from '../src/stores.ts';
import { testApiKeyStore } from '../src/testing.ts';
import { reasonOf as refusedBecause } from './support/refusal.ts';

const START = Date.UTC(2030, 0, 1);
const DAY = 86_400_000;
const INPUT = { subject: 'ann', name: 'deployments', scopes: ['docs:read', 'users:**'] };

function setUp(options: Partial<ApiKeysOptions> = {}) {
  const clock = { time: START };
  const store = memoryApiKeyStore();
  const keys = createApiKeys({ store, prefix: 'acme_test', now: () => clock.time, ...options });
  return { keys, clock, store };
}

const reasonOf = (work: Promise<unknown>): Promise<unknown> =>
  refusedBecause(work, { title: 'Authentication failed', status: 401, code: 'auth.token_invalid' });

describe('the memory store of API keys', () => {
  testApiKeyStore({ it }, { make: () => memoryApiKeyStore() });
});

describe('an API key', () => {
  it('proves its account, limited to its scopes', async () => {
    const { keys } = setUp({ claims: (subject) => ({ roles: ['member'], claims: { tenant: `of ${subject}` } }) });
    const made = await keys.create(INPUT);
    expect(made.key).toMatch(/^acme_test_[0-9a-f]{88}$/);
    expect(made.key.startsWith(`acme_test_${made.id}`)).toBe(true);
    const principal = await keys.authenticate(`Bearer ${made.key}`);
    expect(principal).toMatchObject({
      subject: 'ann',
      roles: ['member'],
      scopes: ['docs:read', 'users:**'],
      sessionId: undefined,
      tokenId: made.id,
      amr: [],
      expiresAt: new Date(START + 365 * DAY),
      claims: { tenant: 'of ann' },
    });
    const policy = createPolicy({ roles: { member: { allow: ['**'] } } });
    expect(policy.can(principal, 'docs:read')).toBe(true);
    expect(policy.can(principal, 'docs:write')).toBe(false);
  });

  it('stands nowhere in the store', async () => {
    const { keys, store } = setUp();
    const { key, id } = await keys.create(INPUT);
    const stored = JSON.stringify(await store.get(id));
    expect(stored).not.toContain(key);
    expect(stored).not.toContain(key.slice(`acme_test_${id}`.length, -8));
  });

  it.each<[string, (key: string) => unknown]>([
    ['malformed', () => ''],
    ['malformed', () => undefined],
    ['malformed', (key) => key.toUpperCase()],
    ['malformed', (key) => ` ${key}`],
    ['malformed', (key) => `${key}\n`],
    ['malformed', (key) => key.replace('acme_test', 'acme_live')],
    ['malformed', (key) => key.slice(0, -1)],
    ['checksum', (key) => key.slice(0, -1) + (key.endsWith('0') ? '1' : '0')],
    ['checksum', (key) => key.replace(/.(?=.{8}$)/, (digit) => (digit === '0' ? '1' : '0'))],
  ])('is refused as %s without a look at the store', async (reason, change) => {
    const { keys, store } = setUp();
    const { key } = await keys.create(INPUT);
    store.get = () => Promise.reject(new Error('it was asked'));
    expect(keys.isApiKey(key)).toBe(true);
    expect(keys.isApiKey(change(key))).toBe(false);
    expect(await reasonOf(keys.verify(change(key) as string))).toBe(reason);
  });

  it('is refused when it is of another store, or its secret is of another key', async () => {
    const { keys, store } = setUp();
    const foreign = await setUp().keys.create(INPUT);
    expect(await reasonOf(keys.verify(foreign.key))).toBe('unknown');
    const own = await keys.create(INPUT);
    const stored = await store.get(own.id);
    await store.insert({ ...(stored as NonNullable<typeof stored>), id: foreign.id });
    expect(await reasonOf(keys.verify(foreign.key))).toBe('secret');
  });

  it('ends at its time', async () => {
    const { keys, clock } = setUp();
    const { key } = await keys.create({ ...INPUT, expiresIn: '1h' });
    const forever = await keys.create({ ...INPUT, expiresIn: null });
    clock.time += 3_600_000 - 1;
    await keys.verify(key);
    clock.time += 1;
    expect(await reasonOf(keys.verify(key))).toBe('expired');
    clock.time += 10_000 * DAY;
    expect(await keys.verify(forever.key)).toMatchObject({ subject: 'ann', expiresAt: undefined });
  });

  it('ends when it is revoked, by its own account only', async () => {
    const { keys } = setUp();
    const { key, id } = await keys.create(INPUT);
    expect(await keys.revoke('bob', id)).toBe(false);
    await keys.verify(key);
    expect(await keys.revoke('ann', id)).toBe(true);
    expect(await keys.revoke('ann', id)).toBe(false);
    expect(await reasonOf(keys.verify(key))).toBe('revoked');
  });

  it('ends with all keys of its account, and no others', async () => {
    const { keys } = setUp();
    const mine = [await keys.create(INPUT), await keys.create(INPUT)];
    const other = await keys.create({ ...INPUT, subject: 'bob' });
    expect(await keys.revokeAll('ann')).toBe(2);
    for (const { key } of mine) expect(await reasonOf(keys.verify(key))).toBe('revoked');
    await keys.verify(other.key);
  });

  it('does nothing for an account that is gone', async () => {
    const { keys } = setUp({ claims: () => null });
    const { key } = await keys.create(INPUT);
    expect(await reasonOf(keys.verify(key))).toBe('account');
  });

  it('is not limited by less than the application says: scopes of an account are refused, not passed over', async () => {
    const { keys } = setUp({ claims: () => ({ roles: ['member'], scopes: [] }) as object });
    const { key } = await keys.create(INPUT);
    await expect(keys.verify(key)).rejects.toMatchObject({ code: 'auth.configuration' });
  });

  it('says when it was used last, to a minute', async () => {
    const { keys, clock, store } = setUp();
    const { key, id } = await keys.create(INPUT);
    expect((await store.get(id))?.lastUsedAt).toBeNull();
    const uses: (Date | null | undefined)[] = [];
    for (const ms of [0, 59_999, 1, 120_000]) {
      clock.time += ms;
      await keys.verify(key);
      uses.push((await store.get(id))?.lastUsedAt);
    }
    expect(uses.map((at) => (at?.getTime() ?? 0) - START)).toEqual([0, 0, 60_000, 180_000]);
  });

  it('is good although its use cannot be noted, and the channel tells', async () => {
    const { keys, store } = setUp();
    const { key } = await keys.create(INPUT);
    store.touch = () => Promise.reject(new Error('read only'));
    const told: object[] = [];
    const listener = { asyncEnd: (operation: object) => told.push({ ...operation }) };
    channels.apiKey.subscribe(listener as never);
    expect(await keys.verify(key)).toMatchObject({ subject: 'ann' });
    channels.apiKey.unsubscribe(listener as never);
    expect(told).toEqual([{ operation: 'verify', outcome: 'ok', lastUse: 'failed' }]);
  });

  it('is unknown, and not forged, where the store is away', async () => {
    const { keys, store } = setUp();
    const { key } = await keys.create(INPUT);
    store.get = () => Promise.reject(new Error('away'));
    await expect(keys.verify(key)).rejects.toMatchObject({ code: 'auth.store_failed', status: 503 });
  });
});

describe('a rotation', () => {
  it('gives a new key for the same, and lets the old one work for a while', async () => {
    const { keys, clock } = setUp();
    const old = await keys.create({ ...INPUT, expiresIn: '30d' });
    clock.time += 29.5 * DAY;
    const next = await keys.rotate('ann', old.id);
    expect(next).toMatchObject({ subject: 'ann', name: INPUT.name, scopes: INPUT.scopes, lastUsedAt: null });
    expect(next.expiresAt).toEqual(new Date(clock.time + 30 * DAY));
    expect(next.key).not.toBe(old.key);
    for (const { key } of [old, next]) await keys.verify(key);
    // Not longer than it had.
    clock.time += 0.5 * DAY;
    expect(await reasonOf(keys.verify(old.key))).toBe('expired');
    await keys.verify(next.key);
  });

  it('ends the old key at once where it leaked', async () => {
    const { keys } = setUp();
    const old = await keys.create({ ...INPUT, expiresIn: null });
    const next = await keys.rotate('ann', old.id, { grace: 0 });
    expect(next.expiresAt).toBeNull();
    expect(await reasonOf(keys.verify(old.key))).toBe('expired');
    await keys.verify(next.key);
  });

  it('is refused for a key of somebody else, and for one that has ended or has a successor', async () => {
    const { keys, clock } = setUp();
    const one = await keys.create({ ...INPUT, expiresIn: '1d' });
    const revoked = await keys.create(INPUT);
    await keys.revoke('ann', revoked.id);
    await keys.rotate('ann', one.id);
    const short = await keys.create({ ...INPUT, expiresIn: '1d' });
    clock.time += DAY;
    for (const [subject, id] of [
      ['bob', one.id],
      ['ann', one.id],
      ['ann', revoked.id],
      ['ann', short.id],
      ['ann', 'x'],
    ] as const) {
      await expect(keys.rotate(subject, id)).rejects.toMatchObject({ code: 'auth.api_key_unknown', status: 404 });
    }
  });

  it('leaves no key behind where the old one is revoked meanwhile', async () => {
    const store = memoryApiKeyStore();
    const slow: ApiKeyStore = {
      ...store,
      async insert(key) {
        await store.insert(key);
        await nextTurn();
      },
    };
    const { keys } = setUp({ store: slow });
    const { id } = await keys.create(INPUT);
    const rotating = keys.rotate('ann', id);
    await keys.revoke('ann', id);
    await expect(rotating).rejects.toMatchObject({ code: 'auth.api_key_unknown' });
    expect((await keys.list('ann')).filter(({ revokedAt }) => revokedAt === null)).toEqual([]);
  });
});

describe('what cannot be is refused:', () => {
  it.each<[string, object]>([
    ['#/name', { name: '' }],
    ['#/name', { name: 'x'.repeat(101) }],
    ['#/name', { name: 'a\0b' }],
    ['#/scopes', { scopes: [] }],
    ['#/scopes/1', { scopes: ['docs:read', 'docs read'] }],
    ['#/scopes/0', { scopes: ['**:read'] }],
  ])('%s of %j', async (pointer, change) => {
    await expect(setUp().keys.create({ ...INPUT, ...change })).rejects.toMatchObject({
      code: 'auth.api_key_rejected',
      status: 422,
      issues: [{ pointer }],
    });
  });

  it.each<[string, object]>([
    ['subject', { subject: '' }],
    ['subject', { subject: undefined }],
    ['name', { name: 5 }],
    ['scopes', { scopes: undefined }],
    ['scopes', { scopes: 'docs:read' }],
    ['expiresIn', { expiresIn: 0 }],
    ['expiresIn', { expiresIn: 'soon' }],
    ['scope', { scope: ['a'] }],
  ])('%s of %j, as a fault of the program', async (name, change) => {
    const refused = expect.objectContaining({ code: 'auth.configuration' }) as Error;
    await expect(setUp().keys.create({ ...INPUT, ...change })).rejects.toThrow(refused);
    await expect(setUp().keys.create({ ...INPUT, ...change })).rejects.toThrow(name);
  });

  it.each(['', 'a', 'Acme', '1acme', 'acme_', 'acme-live', 'a'.repeat(21), '.*'])('a prefix of %j', (prefix) => {
    expect(() => setUp({ prefix })).toThrow('prefix');
  });
});
