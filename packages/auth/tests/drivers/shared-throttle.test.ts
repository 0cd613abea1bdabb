import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { MemcacheClient } from 'memcache-client';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createThrottle, type ThrottleStore } from '../../src/index.ts';
import { memcachedThrottleStore, redisThrottleStore } from '../../src/stores.ts';
import { testThrottleStore } from '../../src/testing.ts';

const NOW = Date.UTC(2030, 0, 1);
const RULE = { burst: 5, intervalMs: 60_000 };

/** What holds for a store of several processes, each with one object of its own. */
function sharedBy(make: () => ThrottleStore): void {
  testThrottleStore({ it }, { make });

  it('counts for all: of twenty attempts at once by four objects five get through', async () => {
    const stores = [make(), make(), make(), make()];
    const key = uniqueName('k');
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => (stores[n % 4] as ThrottleStore).take(key, RULE, NOW)),
    );
    expect(answers.filter(({ ok }) => ok)).toHaveLength(5);
  });

  it('makes nobody wait for the time of a clock that was set back since', async () => {
    const [store, key] = [make(), uniqueName('k')];
    for (let n = 0; n < 5; n++) await store.take(key, RULE, NOW + 3_600_000);
    expect(await store.take(key, RULE, NOW)).toEqual({ ok: false, retryAfterMs: RULE.intervalMs });
    expect((await store.take(key, RULE, NOW + RULE.intervalMs)).ok).toBe(true);
  });

  it('serves a throttle', async () => {
    const limit = { attempts: 2, per: '1h' } as const;
    const [one, other] = [make(), make()].map((store) => createThrottle({ store, pair: limit }));
    const who = { address: '192.0.2.1', account: uniqueName('ann') };
    await one?.attempt(who);
    await (await other?.attempt(who))?.undo();
    await other?.attempt(who);
    await expect(one?.attempt(who)).rejects.toMatchObject({ code: 'auth.too_many_attempts' });
  });
}

describeWithServer('redis', (server) => {
  const clientOf = (url: string) => createClient({ url, disableOfflineQueue: true }).on('error', () => {});
  let connected: ReturnType<typeof clientOf>;
  beforeAll(async () => {
    connected = clientOf(server.url);
    await connected.connect();
  });
  afterAll(() => connected?.destroy());
  sharedBy(() => redisThrottleStore(connected));

  it('keeps a key no longer than it matters, and begins anew over what is no number', async () => {
    const prefix = uniqueName('throttle');
    const store = redisThrottleStore(connected, { prefix });
    await connected.set(`${prefix}a`, 'nan');
    await connected.rPush(`${prefix}b`, 'x');
    for (const key of ['a', 'b']) expect((await store.take(key, RULE, NOW)).ok).toBe(true);
    expect(await connected.pTTL(`${prefix}a`)).toBeLessThanOrEqual(RULE.intervalMs);
    await store.give('a', RULE, NOW);
    expect(await connected.exists(`${prefix}a`)).toBe(0);
  });

  it('refuses with 503 while the server cannot be asked', async () => {
    const throttle = createThrottle({ store: redisThrottleStore(clientOf('redis://127.0.0.1:1')) });
    await expect(throttle.attempt({ address: '192.0.2.1', account: 'ann' })).rejects.toMatchObject({
      code: 'auth.store_failed',
    });
  });
});

describeWithServer('memcached', (server) => {
  let client: MemcacheClient;
  beforeAll(() => {
    client = new MemcacheClient({ server: `${server.host}:${server.port}` });
  });
  afterAll(() => client?.shutdown());
  sharedBy(() => memcachedThrottleStore(client));
});

describe('a store of attempts', () => {
  it.each<[string, () => unknown]>([
    ['no client', () => redisThrottleStore({} as never)],
    ['no client of Memcached', () => memcachedThrottleStore({} as never)],
    ['a prefix with a space', () => redisThrottleStore({ eval: 1, evalSha: 1 } as never, { prefix: 'a b' })],
    ['an option that nobody reads', () => memcachedThrottleStore({} as never, { prefx: 'a' } as never)],
  ])('is not made of %s', (_name, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'auth.configuration' }) as Error);
  });
});
