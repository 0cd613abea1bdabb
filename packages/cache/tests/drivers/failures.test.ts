import { type FaultProxy, type Server, startServer, uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Cache, createCache } from '../../src/cache.ts';
import type { CacheDriver } from '../../src/driver.ts';
import { memcached } from '../../src/drivers/memcached/index.ts';
import { redis } from '../../src/drivers/redis/index.ts';
import type { CacheOptions } from '../../src/options.ts';

const OUTAGE = /^cache\.(unavailable|timeout|circuit_open)$/;
// Long enough for a loaded machine, short enough to be told from a hang.
const DEADLINE = 1_000;
const HANG = 60_000;

/** Settles like the promise, and fails when it does not settle at all. */
async function noHang<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const hang = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing happened for ${HANG} ms`)), HANG);
  });
  try {
    return await Promise.race([promise, hang]);
  } finally {
    clearTimeout(timer);
  }
}

async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 100_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${what} did not happen within 100 s`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Every call fails as an outage, whatever it is, and none hangs. */
async function everythingFails(cache: Cache): Promise<void> {
  const calls = [
    cache.get('a'),
    cache.getMany(['a', 'b']),
    cache.set('a', 1),
    cache.setMany([['a', 1]]),
    cache.delete('a'),
    cache.getAndDelete('a'),
    cache.increment('n'),
    cache.touch('a', 1_000),
    cache.entry('a'),
    cache.getOrSet('a', () => 1),
    cache.getOrSetMany(['a'], () => new Map()),
    cache.invalidateTags(['t']),
    cache.ping(),
  ];
  for (const outcome of await noHang(Promise.allSettled(calls))) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: expect.stringMatching(OUTAGE) } });
  }
}

async function works(cache: Cache): Promise<boolean> {
  const key = uniqueName('probe');
  try {
    return (await cache.set(key, key)) && (await cache.get(key)) === key;
  } catch (error) {
    expect(error).toMatchObject({ code: expect.stringMatching(OUTAGE) });
    return false;
  }
}

/** It is back, and each key gets its own answer: no reply was left over from before. */
async function recovers(cache: Cache): Promise<void> {
  const keys = Array.from({ length: 200 }, (_, i) => `own-${i}`);
  let answers: unknown[] = [];
  await until(async () => {
    if (!(await works(cache))) return false;
    try {
      await Promise.all(keys.map((key) => cache.set(key, key)));
      answers = await Promise.all(keys.map((key) => cache.get(key)));
      return true;
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(OUTAGE) });
      return false;
    }
  }, 'recovery without help');
  // Under `onError: 'miss'` a call that failed is a miss; another key's value never is an answer.
  for (const [i, answer] of answers.entries()) expect([keys[i], undefined]).toContain(answer);
}

function failures(server: Server, driverFor: (at: { url: string; host: string; port: number }) => CacheDriver): void {
  const open: Cache[] = [];
  let proxy: FaultProxy;
  beforeEach(async () => {
    proxy = await server.proxy();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((cache) => cache.close()));
    await proxy.close();
    await server.start();
  });

  function make(options: Partial<CacheOptions> = {}, at: { url: string; host: string; port: number } = proxy): Cache {
    const cache = createCache({
      prefix: uniqueName('failures'),
      timeout: DEADLINE,
      breaker: { failures: 3, cooldown: 200 },
      ...options,
      driver: driverFor(at),
    });
    open.push(cache);
    return cache;
  }

  it('starts while the server is away, and works when it comes', async () => {
    await proxy.refuse();
    const cache = make();
    await expect(noHang(cache.connect())).rejects.toMatchObject({ code: expect.stringMatching(OUTAGE) });
    await everythingFails(cache);
    await proxy.heal();
    await recovers(cache);
  });

  it('survives that all connections are cut, with calls in flight', async () => {
    const cache = make();
    await recovers(cache);
    for (let round = 0; round < 3; round++) {
      proxy.latency(50);
      const calls = Array.from({ length: 100 }, (_, i) => cache.get(`k${i}`));
      calls.push(cache.set('b', round).then(() => undefined));
      const settled = Promise.allSettled(calls);
      proxy.cut();
      for (const outcome of await noHang(settled)) {
        if (outcome.status === 'rejected')
          expect(outcome.reason).toMatchObject({ code: expect.stringMatching(OUTAGE) });
        else expect(outcome.value).toBeUndefined();
      }
      proxy.latency(0);
      await recovers(cache);
    }
  });

  it('gives up at the deadline when nothing comes back, then at once, and recovers', async () => {
    const cache = make();
    await recovers(cache);
    proxy.blackhole();
    for (let round = 0; round < 3; round++) await everythingFails(cache);
    // The circuit is open: a thousand calls end long before even one deadline would.
    const outcomes = await noHang(Promise.allSettled(Array.from({ length: 1_000 }, () => cache.get('a'))));
    const codes = outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason.code as string);
    expect(codes.filter((code) => code === 'cache.circuit_open').length).toBeGreaterThanOrEqual(999);
    await proxy.heal();
    await recovers(cache);
  });

  it('runs on without a cache under onError: miss', async () => {
    const cache = make({ onError: 'miss' });
    await cache.set('a', 'stored');
    proxy.blackhole();
    expect(await noHang(cache.get('a'))).toBeUndefined();
    expect(await noHang(cache.has('a'))).toBe(false);
    expect(await noHang(cache.getMany(['a', 'b']))).toEqual(new Map());
    expect(await noHang(cache.entry('a'))).toBeUndefined();
    expect(await noHang(cache.set('a', 1))).toBe(false);
    expect(await noHang(cache.set('a', 1, { when: 'absent' }))).toBe(false);
    await noHang(cache.setMany([['a', 1]], { tags: ['t'] }));
    let runs = 0;
    const load = () => cache.getOrSet('a', () => ++runs, { tags: ['t'] });
    const made = await noHang(Promise.all([load(), load(), load()]));
    // One may be the probe of the circuit breaker, which waits for its deadline while the others load.
    expect(made.filter((run) => run === 1).length).toBeGreaterThanOrEqual(2);
    expect(await noHang(load())).toBe(Math.max(...made) + 1);
    expect(await noHang(cache.getOrSetMany(['a', 'b'], (keys) => new Map(keys.map((key) => [key, key]))))).toEqual(
      new Map([
        ['a', 'a'],
        ['b', 'b'],
      ]),
    );
    await expect(noHang(cache.delete('a'))).rejects.toMatchObject({ code: expect.stringMatching(OUTAGE) });
    await expect(noHang(cache.invalidateTags(['t']))).rejects.toMatchObject({ code: expect.stringMatching(OUTAGE) });
    await expect(noHang(cache.increment('n'))).rejects.toMatchObject({ code: expect.stringMatching(OUTAGE) });
    await proxy.heal();
    await recovers(cache);
  });

  it('stores nothing of a load that outlived an outage it could not see through', async () => {
    const cache = make({ onError: 'miss', lease: 500 });
    const { promise, resolve } = Promise.withResolvers<string>();
    const started = Promise.withResolvers<void>();
    proxy.blackhole();
    const loading = cache.getOrSet('k', () => {
      started.resolve();
      return promise;
    });
    await noHang(started.promise);
    await proxy.heal();
    await recovers(cache);
    resolve('made without a lease');
    expect(await loading).toBe('made without a lease');
    expect(await cache.get('k')).toBeUndefined();
  });

  it.runIf(server.killable)('comes back after the server was killed', async () => {
    const cache = make({}, server);
    await recovers(cache);
    const calls = Promise.allSettled(Array.from({ length: 100 }, (_, i) => cache.getOrSet(`k${i}`, () => i)));
    await server.kill();
    await noHang(calls);
    await everythingFails(cache);
    await server.start();
    await recovers(cache);
  });

  it.runIf(server.killable)('comes back after the server stood still for 10 s', async () => {
    const cache = make({}, server);
    await recovers(cache);
    await server.pause();
    const end = performance.now() + 10_000;
    while (performance.now() < end) {
      await everythingFails(cache);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await server.resume();
    await recovers(cache);
  });
}

describeWithServer('redis', (server) => {
  failures(server, ({ url }) => redis({ url }));
});

describeWithServer('memcached', (server) => {
  failures(server, ({ host, port }) => memcached({ servers: `${host}:${port}` }));

  for (const [how, away, back] of [
    ['is down', 'kill', 'start'],
    ['stands still', 'pause', 'resume'],
  ] as const) {
    it(`serves the keys of the others while one server of three ${how}`, async () => {
      const more = await Promise.all([startServer('memcached'), startServer('memcached')]);
      const servers = [server, ...more].map(({ host, port }) => `${host}:${port}`);
      // Those that are there answer within it, on any machine.
      const options = { timeout: 5 * DEADLINE, breaker: { failures: 3, cooldown: 200 } } as const;
      const cache = createCache({ driver: memcached({ servers }), ...options });
      const lenient = createCache({ driver: memcached({ servers }), ...options, onError: 'miss' });
      const keys = Array.from({ length: 60 }, (_, i) => `k${i}`);
      await cache.setMany(keys.map((key) => [key, key]));
      const served = keys.filter((key) => cache.driver.shardOf!(key) !== 1);
      expect(served.length).toBeGreaterThan(20);
      expect(served.length).toBeLessThan(60);
      await more[0][away]();
      for (let round = 0; round < 4; round++) {
        const outcomes = await noHang(Promise.allSettled(keys.map((key) => cache.get(key))));
        const found = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : undefined));
        expect(found.filter((value) => value !== undefined)).toEqual(served);
        expect(await noHang(lenient.getMany(keys))).toEqual(new Map(served.map((key) => [key, key])));
        await expect(noHang(cache.getMany(keys))).rejects.toMatchObject({ code: expect.stringMatching(OUTAGE) });
        await noHang(cache.setMany(served.map((key) => [key, key])));
      }
      await more[0][back]();
      await recovers(cache);
      await Promise.all([cache.close(), lenient.close()]);
      await Promise.all(more.map((one) => one.close()));
    });
  }
});

describeWithServer('memcached', { args: ['-m', '4'] }, (server) => {
  it('goes on when the server is full: older entries go, no entry is wrong', async () => {
    const cache = createCache({ driver: memcached({ servers: `${server.host}:${server.port}` }), timeout: '1m' });
    const value = (i: number) => ({ i, text: String(i).repeat(20_000) });
    for (let i = 0; i < 600; i++) {
      try {
        await cache.set(`k${i}`, value(i));
      } catch (error) {
        // Memcached may refuse a large item while it has no page of that size to evict from.
        expect(error).toMatchObject({ code: 'cache.unavailable' });
      }
    }
    let found = 0;
    for (let i = 0; i < 600; i++) {
      const got = await cache.get(`k${i}`);
      if (got === undefined) continue;
      found++;
      expect(got).toEqual(value(i));
    }
    expect(found).toBeGreaterThan(0);
    expect(found).toBeLessThan(600);
    await cache.close();
  });
});

describeWithServer('memcached', { args: ['-m', '4', '-M'] }, (server) => {
  it('tells that a server that evicts nothing is full, and runs on without storing under onError: miss', async () => {
    const driver = () => memcached({ servers: `${server.host}:${server.port}` });
    await using cache = createCache({ driver: driver(), timeout: '1m' });
    await using lenient = createCache({ driver: driver(), timeout: '1m', onError: 'miss' });
    const text = 'x'.repeat(20_000);
    const full = { code: 'cache.unavailable', message: expect.stringContaining('out of memory') };
    const filling = async (): Promise<void> => {
      for (let i = 0; i < 2_000; i++) await cache.set(`k${i}`, text);
    };
    await expect(filling()).rejects.toMatchObject(full);
    for (let round = 0; round < 5; round++) await expect(cache.set('new', text)).rejects.toMatchObject(full);
    // A server that answers is there: no breaker is open.
    expect(await cache.get('k0')).toBe(text);
    expect(await lenient.set('new', text)).toBe(false);
    expect(await lenient.getOrSet('new', () => text)).toBe(text);
    expect(await lenient.get('new')).toBeUndefined();
  });
});

describe('failover', () => {
  describeWithServer('redis-cluster', { killable: true }, (cluster) => {
    it('goes on after a primary was killed', async () => {
      const cache = createCache({
        driver: redis({ cluster: { rootNodes: cluster.urls.map((url) => ({ url })) } }),
        prefix: uniqueName('cluster'),
        timeout: DEADLINE,
        breaker: { cooldown: 200 },
      });
      await recovers(cache);
      await cluster.nodes[0]!.kill();
      await until(async () => {
        const outcomes = await noHang(Promise.allSettled(Array.from({ length: 50 }, () => works(cache))));
        return outcomes.every((outcome) => outcome.status === 'fulfilled' && outcome.value);
      }, 'the failover');
      await recovers(cache);
      await cache.close();
    });
  });

  describeWithServer('redis-sentinel', { killable: true }, (sentinel) => {
    it('goes on after the primary was killed', async () => {
      const cache = createCache({
        driver: redis({
          sentinel: {
            name: sentinel.primaryName,
            sentinelRootNodes: sentinel.urls.map((url) => ({
              host: new URL(url).hostname,
              port: Number(new URL(url).port),
            })),
            scanInterval: 500,
          },
        }),
        prefix: uniqueName('sentinel'),
        timeout: DEADLINE,
        breaker: { cooldown: 200 },
      });
      await recovers(cache);
      await (await sentinel.primary()).kill();
      await recovers(cache);
      await cache.close();
    });
  });
});
