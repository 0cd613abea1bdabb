import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { EntError } from '@ent/errors';
import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { createClient, RESP_TYPES } from 'redis';
import { expect, it } from 'vitest';
import { createCache } from '../../src/cache.ts';
import { redis, redisFeatures } from '../../src/drivers/redis/index.ts';
import { testCacheDriver } from '../../src/testing.ts';

async function until(condition: () => Promise<boolean>): Promise<void> {
  // the test has an end of its own
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

it('refuses clients that put a prefix of their own in front of keys', () => {
  for (const driver of [
    () => redis({ client: createClient({ keyPrefix: 'app:' }) as never }),
    () => redis({ cluster: { rootNodes: [{ url: 'redis://127.0.0.1:1' }], keyPrefix: 'app:' } }),
    () => redis({ sentinel: { name: 'p', sentinelRootNodes: [{ host: '127.0.0.1', port: 1 }], keyPrefix: 'app:' } }),
  ]) {
    expect(driver).toThrow(expect.objectContaining({ code: 'cache.invalid_options' }));
  }
});

describeWithServer('redis', (server) => {
  testCacheDriver({ it }, { features: redisFeatures, createDriver: () => redis({ url: server.url }) });

  it('works with a client of the application that gets bytes for strings', async () => {
    const commandOptions = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };
    const client = createClient({ url: server.url, commandOptions }).on('error', () => {});
    await using cache = createCache({
      driver: redis({ client: client as never }),
      prefix: uniqueName('bytes'),
      timeout: '1m',
    });
    await cache.set('a', { n: 1 });
    expect(await cache.increment('n', 5)).toBe(5);
    expect(await cache.get('a')).toEqual({ n: 1 });
    const keys: string[] = [];
    for await (const key of cache.keys()) keys.push(key);
    expect(keys.toSorted()).toEqual(['a', 'n']);
    await cache.clear();
    expect(await cache.has('a')).toBe(false);
    await cache.close();
    expect(client.isReady).toBe(true);
    client.destroy();
  });

  it('takes a key with what is no text, of another program, for a miss, and leaves the other keys alone', async () => {
    const prefix = uniqueName('types');
    const client = createClient({ url: server.url });
    await client.connect();
    await using cache = createCache({ driver: redis({ url: server.url }), prefix, timeout: '1m' });
    await cache.set('ours', 1);
    const theirs = async (): Promise<void> => {
      await client.del(`${prefix}:theirs`);
      await client.rPush(`${prefix}:theirs`, 'x');
    };
    await theirs();
    const found = await Promise.all([cache.get('theirs'), cache.get('ours'), cache.has('theirs')]);
    expect(found).toEqual([undefined, 1, false]);
    expect(await cache.get('theirs')).toBeUndefined();
    expect(await cache.entry('theirs')).toBeUndefined();
    expect(await cache.getMany(['theirs', 'ours'])).toEqual(new Map([['ours', 1]]));
    expect(await cache.touch('theirs', '1h')).toBe(false);
    for (const write of [
      () => cache.set('theirs', 1),
      () => cache.set('theirs', 1, { when: 'absent' }),
      () => cache.increment('theirs'),
      () => cache.getOrSet('theirs', () => 1),
      () => cache.getOrSet('theirs', () => 1, { tags: ['t'] }),
      () => cache.getOrSetMany(['theirs'], () => new Map([['theirs', 1]])),
    ]) {
      await theirs();
      await write();
      expect(await cache.get('theirs'), String(write)).toBe(1);
    }
    await theirs();
    expect(await cache.getAndDelete('theirs')).toBeUndefined();
    expect(await client.exists(`${prefix}:theirs`)).toBe(0);
    client.destroy();
  });

  it('lets expire what an invalidated tag or a clear by generation leaves behind, at last', async () => {
    const prefix = uniqueName('left');
    const client = await createClient({ url: server.url }).connect();
    await using cache = createCache({ driver: redis({ url: server.url }), prefix, timeout: '1m', clear: 'generation' });
    await using tagged = createCache({ driver: redis({ url: server.url }), prefix, timeout: '1m' });
    await cache.set('a', 1);
    await cache.increment('n');
    await tagged.set('t', 1, { tags: ['t'] });
    for (const key of ['a', 'n', 't']) {
      const left = await client.pTTL(`${prefix}:${key}`);
      expect(left).toBeGreaterThan(29 * 86_400_000);
      expect(left).toBeLessThanOrEqual(30 * 86_400_000);
    }
    expect(await cache.ttl('a')).toBeNull();
    await tagged.set('plain', 1);
    expect(await client.pTTL(`${prefix}:plain`)).toBe(-1);
    client.destroy();
  });

  it('leaves no connection behind that is closed while it connects', async () => {
    const admin = await createClient({ url: server.url }).connect();
    const connections = async (): Promise<number> => (await admin.clientList()).length;
    const before = await connections();
    for (const waitMs of [0, 1, 2, 4]) {
      const cache = createCache({ driver: redis({ url: server.url }), timeout: '1m' });
      const reading = cache.get('k').catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      await cache.close();
      await reading;
    }
    await expect.poll(connections).toBeLessThanOrEqual(before);
    admin.destroy();
  });

  it('mixes up no replies, and leaves no connection behind, when handshakes hang again and again', async () => {
    // A connection that stands still for a while, each one with its own delay after that.
    let isDark = false;
    let count = 0;
    const { port } = new URL(server.url);
    const links = createServer((near) => {
      const far = connect(Number(port), '127.0.0.1');
      const delayMs = [200, 0, 150, 0][count++ % 4]!;
      const pipe = (from: Socket, to: Socket, ms: number): void => {
        let turn = Promise.resolve();
        from.on('data', (data) => {
          turn = turn.then(async () => {
            while (isDark) await new Promise((resolve) => setTimeout(resolve, 20));
            if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
            to.write(data);
          });
        });
        from.on('close', () => to.destroy());
        from.on('error', () => {});
      };
      pipe(near, far, 0);
      pipe(far, near, delayMs);
    }).listen(0, '127.0.0.1');
    await once(links, 'listening');
    const admin = await createClient({ url: server.url }).connect();
    const connections = async (): Promise<number> => (await admin.clientList()).length;
    const before = await connections();
    const url = `redis://127.0.0.1:${(links.address() as AddressInfo).port}`;
    const cache = createCache({ driver: redis({ url }), prefix: uniqueName('dark'), timeout: 300, breaker: false });
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
    for (const key of keys)
      await until(() =>
        cache.set(key, key).then(
          () => true,
          () => false,
        ),
      );
    const wrong: unknown[] = [];
    const reads: Promise<void>[] = [];
    const readFor = async (ms: number): Promise<void> => {
      for (const end = performance.now() + ms; performance.now() < end; ) {
        const key = keys[reads.length % keys.length]!;
        reads.push(
          cache.get(key).then(
            (value) => void (value !== key && wrong.push([key, value])),
            (error: unknown) => void (EntError.is(error) || wrong.push(error)),
          ),
        );
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    };
    for (let round = 0; round < 4; round++) {
      isDark = true;
      await readFor(2_000);
      isDark = false;
      await readFor(800);
    }
    await Promise.all(reads);
    expect(wrong).toEqual([]);
    await until(() =>
      cache.get('k0').then(
        (value) => value === 'k0',
        () => false,
      ),
    );
    await cache.close();
    await expect.poll(connections).toBeLessThanOrEqual(before);
    admin.destroy();
    links.close();
  });

  it('takes the address of an IPv6 host', async () => {
    await using cache = createCache({ driver: redis({ url: 'redis://[::1]:1' }), timeout: '1h', breaker: false });
    const error = (await cache.ping().catch((thrown: unknown) => thrown)) as Error;
    expect(String((error.cause as Error).cause)).toMatch(/ECONNREFUSED|EADDRNOTAVAIL|EAFNOSUPPORT|ENETUNREACH/);
  });

  it.each<[string, () => string, RegExp]>([
    ['nobody listens', () => 'redis://127.0.0.1:1', /ECONNREFUSED/],
    ['the password is wrong', () => server.url.replace('://', '://user:hunter2@'), /WRONGPASS/],
  ])('tells at once, and again, that %s', async (_, url, reason) => {
    // The deadline is beyond that of the test.
    await using cache = createCache({ driver: redis({ url: url() }), timeout: '1h', breaker: false });
    for (const call of [() => cache.connect(), () => cache.ping(), () => cache.get('k')]) {
      const error = (await call().catch((thrown: unknown) => thrown)) as Error;
      expect(error).toMatchObject({ code: 'cache.unavailable' });
      const { cause } = error.cause as Error;
      expect(String(cause)).toMatch(reason);
      expect(error.message).not.toContain('hunter2');
      expect(error.message.includes('127.0.0.1:1 (ECONNREFUSED)')).toBe(url().endsWith(':1'));
    }
  });
});

describeWithServer('redis-cluster', (server) => {
  testCacheDriver(
    { it },
    {
      features: redisFeatures,
      createDriver: () => redis({ cluster: { rootNodes: server.urls.map((url) => ({ url })) } }),
    },
  );
});

describeWithServer('redis-sentinel', (server) => {
  testCacheDriver(
    { it },
    {
      features: redisFeatures,
      createDriver: () =>
        redis({
          sentinel: {
            name: server.primaryName,
            sentinelRootNodes: server.urls.map((url) => ({
              host: new URL(url).hostname,
              port: Number(new URL(url).port),
            })),
          },
        }),
    },
  );
});
