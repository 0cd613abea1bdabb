import { type Server, uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { MemcacheClient } from 'memcache-client';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createThrottle, type Throttle, type ThrottleStore } from '../../src/index.ts';
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
});

/** While the server is away each process counts by itself; then for all again. */
async function goesOn(server: Server, make: () => ThrottleStore): Promise<void> {
  const limits = { pair: { attempts: 2, per: '1h' }, address: { attempts: 10_000, per: '1h' } } as const;
  const throttleOf = (): Throttle => createThrottle({ store: make(), timeout: '200ms', ...limits });
  const [one, other] = [throttleOf(), throttleOf()];
  const lets = async (throttle: Throttle, account: string): Promise<boolean> =>
    throttle.attempt({ address: '192.0.2.1', account }).then(
      () => true,
      (error: unknown) => {
        expect(error).toMatchObject({ code: 'auth.too_many_attempts' });
        return false;
      },
    );
  const during = uniqueName('ann');
  await server.pause();
  try {
    for (const throttle of [one, other]) {
      const passed = [await lets(throttle, during), await lets(throttle, during), await lets(throttle, during)];
      expect(passed).toEqual([true, true, false]);
    }
  } finally {
    await server.resume();
  }
  const together = async (): Promise<boolean[]> => {
    const after = uniqueName('ann');
    return [await lets(one, after), await lets(other, after), await lets(one, after)];
  };
  await expect.poll(together, { timeout: 20_000 }).toEqual([true, true, false]);
}

describeWithServer('redis', { killable: true }, (server) => {
  it('is waited for no longer than it may be, and asked again', async () => {
    const client = await createClient({ url: server.url }).connect();
    onTestFinished(() => client.destroy());
    const prefix = uniqueName('throttle');
    await goesOn(server, () => redisThrottleStore(client, { prefix }));
  });
});

describeWithServer('memcached', { killable: true }, (server) => {
  it('is waited for no longer than it may be, and asked again', async () => {
    const client = new MemcacheClient({ server: `${server.host}:${server.port}` });
    onTestFinished(() => client.shutdown());
    const prefix = uniqueName('t');
    await goesOn(server, () => memcachedThrottleStore(client, { prefix }));
  });
});

it.each<[string, () => ThrottleStore]>([
  ['Redis', () => redisThrottleStore(createClient({ url: 'redis://127.0.0.1:1' }).on('error', () => {}))],
  ['Memcached', () => memcachedThrottleStore(new MemcacheClient({ server: '127.0.0.1:1' }))],
])('%s that is not there leaves the count to each process', async (_name, make) => {
  const throttle = createThrottle({ store: make(), pair: { attempts: 1, per: '1h' }, timeout: '200ms' });
  const who = { address: '192.0.2.1', account: 'ann' };
  await throttle.attempt(who);
  await expect(throttle.attempt(who)).rejects.toMatchObject({ code: 'auth.too_many_attempts' });
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
