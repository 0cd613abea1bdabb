import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { createClient, createCluster, RESP_TYPES } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateKey } from '../../src/index.ts';
import { createSingleUseTokens } from '../../src/single-use-tokens.ts';
import { type RedisScripts, redisSingleUseTokenStore, redisStores } from '../../src/stores.ts';
import { testAuthStores, testSingleUseTokenStore } from '../../src/testing.ts';
import { sessionsOn } from '../fixtures/stored-sessions.ts';
import { expectToEndElsewhere } from '../support/ends-elsewhere.ts';

const expiresByItself = true;
const START = Date.UTC(2030, 0, 1);

describeWithServer('redis', (server) => {
  const clientOf = (url: string) => createClient({ url, disableOfflineQueue: true }).on('error', () => {});
  const client = { current: undefined as unknown as ReturnType<typeof clientOf> };
  beforeAll(async () => {
    client.current = clientOf(server.url);
    await client.current.connect();
  });
  afterAll(() => client.current?.destroy());

  describe('sessions', () => {
    testAuthStores({ it }, { expiresByItself, make: () => redisStores(client.current) });
  });

  describe('sessions, by a client that gives bytes', () => {
    const bytes = () => client.current.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
    testAuthStores({ it }, { expiresByItself, make: () => redisStores(bytes()) });
  });

  describe('single-use tokens', () => {
    testSingleUseTokenStore({ it }, { expiresByItself, make: () => redisSingleUseTokenStore(client.current) });
  });

  it('a session that is revoked ends at once in its process, and within a second in another one', async () => {
    const prefix = uniqueName('auth');
    await expectToEndElsewhere(redisStores(client.current, { prefix }), `${server.url}#${prefix}`);
  });

  it('prefixes keep tenants apart, and no key stands elsewhere', async () => {
    const [acme, umbrella] = [uniqueName('acme'), uniqueName('umbrella')];
    const { pem } = await generateKey();
    const [ours, theirs] = await Promise.all(
      [acme, umbrella].map((prefix) => sessionsOn(redisStores(client.current, { prefix }), pem, () => START)),
    );
    const before = new Set(await client.current.keys('*'));
    const login = await ours?.start({ subject: 'ann' });
    await theirs?.start({ subject: 'ann' });
    await expect(theirs?.refresh(login?.refreshToken ?? '')).rejects.toMatchObject({ details: { reason: 'unknown' } });
    await expect(theirs?.verify(login?.accessToken ?? '')).rejects.toMatchObject({ details: { reason: 'session' } });
    expect(await theirs?.revokeAll('ann')).toBe(1);
    expect(await ours?.list('ann')).toHaveLength(1);
    const added = (await client.current.keys('*')).filter((key) => !before.has(key));
    expect(added).toHaveLength(6);
    expect(added.filter((key) => !key.startsWith(`${acme}//`) && !key.startsWith(`${umbrella}//`))).toEqual([]);
  });

  it('nothing is kept for longer than it lives, and a minute', async () => {
    const prefix = uniqueName('auth');
    const { pem } = await generateKey();
    const sessions = await sessionsOn(redisStores(client.current, { prefix }), pem, () => START);
    const tokens = createSingleUseTokens({
      store: redisSingleUseTokenStore(client.current, { prefix }),
      purposes: { 'password-reset': '1h' },
      now: () => START,
    });
    await sessions.refresh((await sessions.start({ subject: 'ann' })).refreshToken);
    await tokens.issue('password-reset', { subject: 'ann' });
    const keys = await client.current.keys(`${prefix}//*`);
    expect(keys).toHaveLength(6);
    const day = 24 * 3_600_000;
    for (const key of keys) {
      const life = await client.current.pTTL(key);
      expect(life).toBeGreaterThan(0);
      expect(life).toBeLessThanOrEqual((key.includes('refresh-token') ? 30 : 90) * day + 60_000);
    }
  });

  it('an account that logs in again and again leaves no ids of sessions behind that have ended', async () => {
    const prefix = uniqueName('auth');
    const { sessions } = redisStores(client.current, { prefix });
    const record = (id: string, lives: number) => ({
      id,
      subject: 'ann',
      createdAt: new Date(START),
      lastUsedAt: new Date(START),
      expiresAt: new Date(START + lives),
      revokedAt: null,
      revokedReason: null,
      amr: 'pwd',
      userAgent: null,
      address: null,
      jkt: null,
    });
    await sessions.insert(record('a', 1));
    const [index = ''] = await client.current.keys(`${prefix}//session-index:*`);
    // As it is when the grace is over.
    await client.current.zAdd(index, { score: Date.now() - 1, value: 'a' });
    await sessions.insert(record('b', 1_000_000));
    expect(await client.current.zRange(index, 0, -1)).toEqual(['b']);
  });

  it('what somebody else put there is an error, and no session', async () => {
    const prefix = uniqueName('auth');
    const stores = redisStores(client.current, { prefix });
    await client.current.set(`${prefix}//session:a`, 'x');
    await expect(stores.sessions.get('a')).rejects.toThrow('WRONGTYPE');
    await expect(stores.sessions.revoke('a', new Date(START), 'x')).rejects.toThrow('WRONGTYPE');
  });

  it('lets nobody in while the server cannot be asked', async () => {
    const { pem } = await generateKey();
    const sessions = await sessionsOn(redisStores(clientOf('redis://127.0.0.1:1')), pem, () => START);
    await expect(sessions.start({ subject: 'ann' })).rejects.toMatchObject({ code: 'auth.store_failed', status: 503 });
    await expect(sessions.refresh('a'.repeat(43))).rejects.toMatchObject({ code: 'auth.store_failed' });
  });
});

describeWithServer('redis-cluster', (server) => {
  const clientOf = () => createCluster({ rootNodes: server.urls.map((url) => ({ url })) });
  let client: ReturnType<typeof clientOf>;
  beforeAll(async () => {
    client = clientOf();
    await client.connect();
  });
  afterAll(() => client?.destroy());

  describe('sessions', () => {
    testAuthStores({ it }, { expiresByItself, make: () => redisStores(client) });
  });

  describe('single-use tokens', () => {
    testSingleUseTokenStore({ it }, { expiresByItself, make: () => redisSingleUseTokenStore(client) });
  });
});

describe('stores in Redis', () => {
  const scripts = { eval: () => {}, evalSha: () => {} } as unknown as RedisScripts;
  it.each<[string, () => unknown]>([
    ['no client', () => redisStores({} as never)],
    ['no client, for single-use tokens', () => redisSingleUseTokenStore(undefined as never)],
    ['a prefix that could be another one with a name', () => redisStores(scripts, { prefix: 'a//session:b' })],
    ['an empty prefix', () => redisStores(scripts, { prefix: '' })],
    ['an option that nobody reads', () => redisSingleUseTokenStore(scripts, { prefx: 'a' } as never)],
  ])('are not made of %s', (_name, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'auth.configuration' }) as Error);
  });
});
