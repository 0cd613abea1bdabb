import { startServer, uniqueName } from '@ent/testkit';
import { describeWithServer, itInDepth } from '@ent/testkit/vitest';
import { createClient } from 'redis';
import { afterEach, describe, expect, it } from 'vitest';
import { type Cache, createCache } from '../../src/cache.ts';
import { type CacheGetOperation, channels } from '../../src/channels.ts';
import type { CacheDriver } from '../../src/driver.ts';
import { memcached } from '../../src/drivers/memcached/index.ts';
import { memory } from '../../src/drivers/memory/index.ts';
import { redis, redisFeatures } from '../../src/drivers/redis/index.ts';
import { redisExtras } from '../../src/drivers/redis-extras/index.ts';
import type { CacheOptions } from '../../src/options.ts';
import { testCacheDriver } from '../../src/testing.ts';
import { patient } from '../../src/testing/suite.ts';

const WRITES = { full: 3_000, ci: 80, of: 'writes' };
const CUTS = { full: 200, ci: 6, of: 'cuts' };
const OUTAGE = /^cache\.(unavailable|timeout|circuit_open)$/;

async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 100_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${what} did not happen within 100 s`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** What a cache answers, or the word `outage`. */
async function ask(cache: Cache, key: string): Promise<unknown> {
  try {
    return await cache.get(key);
  } catch (error) {
    expect(error).toMatchObject({ code: expect.stringMatching(OUTAGE) });
    return 'outage';
  }
}

/** Reads a key and tells which tier answered; none does in an outage. */
async function tierOf(cache: Cache, key: string): Promise<'local' | 'backend' | 'none'> {
  const events: CacheGetOperation[] = [];
  const handlers = { asyncEnd: (message: CacheGetOperation) => void events.push(message) };
  channels.get.subscribe(handlers as never);
  try {
    if ((await ask(cache, key)) === 'outage') return 'none';
  } finally {
    channels.get.unsubscribe(handlers as never);
  }
  const [event] = events;
  return event?.local === 1 ? 'local' : event?.hits === 1 ? 'backend' : 'none';
}

/** Writes until that is done in time. */
async function stored(cache: Cache, key: string, value: unknown): Promise<void> {
  const isStored = () =>
    cache.set(key, value).catch((error: unknown) => {
      expect(error).toMatchObject({ code: expect.stringMatching(OUTAGE) });
      return false;
    });
  await until(isStored, `${key} is stored`);
}

/** Reads until the local tier holds the key. */
async function held(cache: Cache, key: string): Promise<void> {
  await until(async () => (await tierOf(cache, key)) === 'local', 'the local tier holds the key');
}

function tiers(driverFor: (url?: string) => CacheDriver): {
  readonly pair: (options?: Partial<CacheOptions>, url?: string) => { readonly here: Cache; readonly there: Cache };
} {
  const open: Cache[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((cache) => cache.close()));
  });
  return {
    /** A cache with a local tier, and one of another process on the same keys. */
    pair(options = {}, url) {
      const prefix = uniqueName('tier');
      const here = createCache({ prefix, timeout: '1m', local: memory(), ...options, driver: driverFor(url) });
      const { local: _local, timeout: _timeout, breaker: _breaker, ...others } = options;
      const there = createCache({ prefix, timeout: '1m', ...others, driver: driverFor() });
      open.push(here, there);
      return { here, there };
    },
  };
}

function coherent(driverFor: () => CacheDriver): void {
  const { pair } = tiers(driverFor);

  it('answers a second read by itself', async () => {
    const { here, there } = pair();
    await there.set('a', { n: 1 });
    expect(await tierOf(here, 'a')).toBe('backend');
    await held(here, 'a');
    expect(await here.get('a')).toEqual({ n: 1 });
    expect(await here.getMany(['a', 'b'])).toEqual(new Map([['a', { n: 1 }]]));
    expect(await here.has('a')).toBe(true);
  });

  it.each<[string, (there: Cache) => Promise<unknown>, unknown]>([
    ['set', (there) => there.set('a', 'new'), 'new'],
    ['setMany', (there) => there.setMany([['a', 'new']]), 'new'],
    ['delete', (there) => there.delete('a'), undefined],
    ['compareAndSet', async (there) => there.compareAndSet('a', (await there.entry('a'))!.version!, 'new'), 'new'],
    ['invalidateTags', (there) => there.invalidateTags(['t']), undefined],
    ['clear', (there) => there.clear(), undefined],
    ['touch', (there) => there.touch('a', 1), undefined],
    ['getOrSet', async (there) => (await there.delete('a'), there.getOrSet('a', () => 'new')), 'new'],
  ])('sees %s of another process', async (_, change, expected) => {
    const { here, there } = pair();
    await here.set('a', 'old', { tags: ['t'] });
    await here.set('other', 'untouched');
    await held(here, 'a');
    await change(there);
    await until(async () => (await here.get('a')) === expected, 'the change shows');
    // And it stays: nothing from before comes back.
    for (let i = 0; i < 50; i++) expect(await here.get('a')).toBe(expected);
  });

  it('keeps what it holds when a topic is closed', async () => {
    const { here } = pair();
    const { close } = await redisExtras(here)
      .topic(uniqueName('topic'))
      .subscribe(() => {});
    await here.set('a', 1);
    await held(here, 'a');
    await close();
    for (let i = 0; i < 50; i++) expect(await tierOf(here, 'a')).toBe('local');
  });

  it('clears by generation', async () => {
    const { here, there } = pair({ clear: 'generation' });
    await here.set('a', 'old');
    await here.namespace('n').set('a', 'old');
    await held(here, 'a');
    await held(here.namespace('n'), 'a');
    await there.namespace('n').clear();
    await until(async () => (await here.namespace('n').get('a')) === undefined, 'the clear shows');
    expect(await here.get('a')).toBe('old');
  });

  itInDepth('reads its own writes at once', WRITES, async ({ count }) => {
    const { here } = pair();
    await here.set('a', -1);
    await held(here, 'a');
    for (let i = 0; i < count; i++) {
      await here.set('a', i);
      expect(await here.get('a')).toBe(i);
      expect(await here.get('a')).toBe(i);
    }
    await here.delete('a');
    expect(await here.get('a')).toBeUndefined();
    expect(await here.increment('n')).toBe(1);
    for (let i = 2; i < 50; i++) {
      expect(await here.increment('n')).toBe(i);
      expect(await here.get('n')).toBe(i);
    }
  });

  itInDepth('never keeps what a read has brought that a write overtook', WRITES, async ({ count }) => {
    const { here, there } = pair();
    await here.set('a', 0);
    await held(here, 'a');
    for (let i = 1; i <= count; i++) {
      const reads = Array.from({ length: 3 }, () => here.get('a'));
      const write = there.set('a', i);
      reads.push(
        here.get('a'),
        here.getMany(['a']).then((values) => values.get('a')),
      );
      await Promise.all([...reads, write]);
      await until(async () => (await here.get('a')) === i, `the value of round ${i}`);
    }
  });

  it('loads once in two processes with tiers, and keeps no value of a load that was overtaken', async () => {
    const prefix = uniqueName('tier');
    const [one, two] = [0, 1].map(() => createCache({ prefix, timeout: '1m', local: memory(), driver: driverFor() }));
    try {
      let loads = 0;
      const load = async (): Promise<number> => {
        loads++;
        await new Promise((resolve) => setTimeout(resolve, 50));
        return loads;
      };
      const values = await Promise.all([one!, two!, one!, two!].map((cache) => cache.getOrSet('k', load)));
      expect(values).toEqual([1, 1, 1, 1]);
      await held(one!, 'k');
      await held(two!, 'k');
      await one!.delete('k');
      const { promise, resolve } = Promise.withResolvers<string>();
      const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
      const late = two!.getOrSet('slow', () => (begin(), promise));
      await begun;
      await one!.delete('slow');
      resolve('from before');
      expect(await late).toBe('from before');
      expect(await one!.get('slow')).toBeUndefined();
      expect(await two!.get('slow')).toBeUndefined();
    } finally {
      await Promise.all([one!.close(), two!.close()]);
    }
  });

  it('forgets at the end of the TTL', async () => {
    const { here } = pair();
    await here.set('a', 'short', { ttl: 5_000 });
    await held(here, 'a');
    await until(async () => (await here.get('a')) === undefined, 'the end of the TTL');
  });
}

describeWithServer('redis', (server) => {
  const driverFor = (url = server.url): CacheDriver => redis({ url });
  coherent(driverFor);
  const { pair } = tiers(driverFor);

  describe('the conformance suite', () => {
    testCacheDriver(
      { it },
      {
        features: redisFeatures,
        createDriver: () => redis({ url: server.url }),
        cacheOptions: () => ({ local: memory() }),
      },
    );
  });

  it('sees what others than a cache change: writes, expiry, a flush', async () => {
    const prefix = uniqueName('native');
    const { here } = pair({ prefix });
    const native = await createClient({ url: server.url })
      .on('error', () => {})
      .connect();
    try {
      await here.set('a', 'old');
      const physical = `${prefix}:a`;
      for (const change of [
        () => native.del(physical),
        () => native.set(physical, '12'),
        () => native.pExpire(physical, 1),
        () => native.rename(physical, `${physical}-moved`),
        () => native.eval(`return redis.call('DEL', KEYS[1])`, { keys: [physical] }),
      ]) {
        await here.set('a', 'old');
        await held(here, 'a');
        await change();
        await until(async () => (await here.get('a')) !== 'old', 'the change shows');
      }
    } finally {
      await native.close();
    }
  });

  it('bounds what it holds, and keeps no value that is too large for it', async () => {
    const local = memory({ maxBytes: 20_000 });
    const { here } = pair({ local });
    await here.set('large', 'x'.repeat(30_000));
    expect(await here.get('large')).toHaveLength(30_000);
    expect(await here.get('large')).toHaveLength(30_000);
    for (let i = 0; i < 500; i++) {
      await here.set(`k${i}`, 'x'.repeat(100));
      expect(await here.get(`k${i}`)).toHaveLength(100);
    }
    expect(local.client.size).toBeGreaterThan(10);
    expect(local.client.size).toBeLessThan(100);
  });

  it('gives values as the local driver is told to', async () => {
    const frozen = pair().here;
    await frozen.set('a', { list: [1] });
    await held(frozen, 'a');
    expect(Object.isFrozen((await frozen.get<{ list: number[] }>('a'))!.list)).toBe(true);

    const cloned = pair({ local: memory({ values: 'cloned' }) }).here;
    await cloned.set('a', { list: [1] });
    await held(cloned, 'a');
    (await cloned.get<{ list: number[] }>('a'))!.list.push(2);
    expect(await cloned.get('a')).toEqual({ list: [1] });
  });

  it('refuses what it cannot be built on', async () => {
    const driver = (): CacheDriver => redis({ url: server.url });
    expect(() => createCache({ driver: memory(), local: memory() })).toThrow(/memory does not support a local tier/);
    expect(() => createCache({ driver: memcached({ servers: ['localhost:1'] }), local: memory() })).toThrow(
      expect.objectContaining({ code: 'cache.unsupported' }),
    );
    for (const local of [memory({ values: 'serialized' }), driver()]) {
      expect(() => createCache({ driver: driver(), local })).toThrow(
        expect.objectContaining({ code: 'cache.invalid_options', message: expect.stringContaining('local') }),
      );
    }
    const client = createClient({ url: server.url });
    expect(() => createCache({ driver: redis({ client }), local: memory() })).toThrow(
      expect.objectContaining({ code: 'cache.unsupported' }),
    );
    const connected = driver();
    await connected.connect(patient);
    expect(() => createCache({ driver: connected, local: memory() })).toThrow(/before the client is connected/);
    await connected.close();
  });
});

describeWithServer('redis-cluster', (server) => {
  coherent(() => redis({ cluster: { rootNodes: server.urls.map((url) => ({ url })) } }));
});

describeWithServer('redis-sentinel', (server) => {
  coherent(() => {
    const sentinelRootNodes = server.urls.map((url) => {
      const { hostname: host, port } = new URL(url);
      return { host, port: Number(port) };
    });
    return redis({ sentinel: { name: server.primaryName, sentinelRootNodes } });
  });
  it('refuses a pool of connections, each of which would hear of its own keys only', () => {
    const driver = redis({
      sentinel: { name: 'x', sentinelRootNodes: [{ host: 'localhost', port: 1 }], masterPoolSize: 2 },
    });
    expect(() => createCache({ driver, local: memory() })).toThrow(
      expect.objectContaining({ code: 'cache.unsupported' }),
    );
  });
});

describeWithServer('redis', { killable: true }, (server) => {
  const { pair } = tiers((url = server.url) => redis({ url }));
  const options = { timeout: 500, breaker: { failures: 3, cooldown: 100 } } as const;

  itInDepth('serves nothing stale after the connection was cut and is back', CUTS, async ({ count }) => {
    const proxy = await server.proxy();
    const { here, there } = pair(options, proxy.url);
    try {
      for (let round = 0; round < count; round++) {
        await until(async () => (await ask(here, 'ready')) === undefined, 'the connection is back');
        await there.set('a', `old-${round}`);
        await until(async () => (await ask(here, 'a')) === `old-${round}`, 'the value shows');
        await held(here, 'a');
        await proxy.refuse(); // cuts too
        await until(async () => (await ask(here, 'gone')) === 'outage', 'the loss is noticed');
        await there.set('a', 'new');
        await proxy.heal();
        await until(async () => {
          const answer = await ask(here, 'a');
          expect(['outage', 'new']).toContain(answer);
          return answer === 'new';
        }, 'the new value');
      }
    } finally {
      await proxy.close();
    }
  });

  it('serves nothing stale for long while the connection is dead without a sign', async () => {
    const proxy = await server.proxy();
    const { here, there } = pair(options, proxy.url);
    try {
      await there.set('a', 'old');
      await held(here, 'a');
      proxy.blackhole();
      await there.set('a', 'new');
      await until(async () => (await ask(here, 'a')) !== 'old', 'the silence is noticed');
      for (let i = 0; i < 20; i++) expect(await ask(here, 'a')).not.toBe('old');
      await proxy.heal();
      await until(async () => {
        const answer = await ask(here, 'a');
        expect(['outage', 'new']).toContain(answer);
        return answer === 'new';
      }, 'the new value');
      await held(here, 'a');
    } finally {
      await proxy.close();
    }
  });

  it('forgets all when the server dies and comes back empty', async () => {
    const own = await startServer('redis', { args: ['--appendonly', 'no', '--save', ''] });
    const here = createCache({ ...options, prefix: 'app', local: memory(), driver: redis({ url: own.url }) });
    try {
      await stored(here, 'a', 'old');
      await held(here, 'a');
      await own.kill();
      await until(async () => (await ask(here, 'a')) === 'outage', 'the loss is noticed');
      await own.start();
      await until(async () => {
        const answer = await ask(here, 'a');
        expect(['outage', undefined]).toContain(answer);
        return answer === undefined;
      }, 'the server is back');
      await stored(here, 'a', 'new');
      await held(here, 'a');
    } finally {
      await here.close();
      await own.stop();
    }
  });
});

describe('failover', () => {
  const options = { timeout: 10_000, breaker: { failures: 3, cooldown: 100 } } as const;

  async function survives(make: () => CacheDriver, kill: () => Promise<unknown>): Promise<void> {
    const prefix = uniqueName('failover');
    const here = createCache({ ...options, prefix, local: memory(), driver: make() });
    const there = createCache({ ...options, prefix, local: memory(), driver: make() });
    const keys = Array.from({ length: 30 }, (_, i) => `k${i}`);
    try {
      await Promise.all(keys.map((key) => there.set(key, 'old')));
      for (const key of keys) await held(here, key);
      await kill();
      for (const key of keys) {
        await until(async () => {
          try {
            return await there.set(key, 'new');
          } catch {
            return false;
          }
        }, 'the failover');
      }
      await Promise.all(
        keys.map((key) => until(async () => (await ask(here, key)) === 'new', `the new value of ${key}`)),
      );
      for (const key of keys) expect(await here.get(key)).toBe('new');
    } finally {
      await Promise.all([here.close(), there.close()]);
    }
  }

  describeWithServer('redis-cluster', { killable: true }, (cluster) => {
    const make = (): CacheDriver => redis({ cluster: { rootNodes: cluster.urls.map((url) => ({ url })) } });
    it('serves nothing stale after a primary of the cluster was killed', async () => {
      await survives(make, () => cluster.nodes[0]!.kill());
    });
  });

  describeWithServer('redis-sentinel', { killable: true }, (sentinel) => {
    const make = (): CacheDriver => {
      const sentinelRootNodes = sentinel.urls.map((url) => {
        const { hostname: host, port } = new URL(url);
        return { host, port: Number(port) };
      });
      return redis({ sentinel: { name: sentinel.primaryName, sentinelRootNodes, scanInterval: 500 } });
    };
    it('serves nothing stale after the primary of the sentinels was killed', async () => {
      await survives(make, async () => (await sentinel.primary()).kill());
    });
  });
});
