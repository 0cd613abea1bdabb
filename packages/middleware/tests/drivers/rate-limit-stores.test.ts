import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCache } from '@ent/cache/open';
import { defineEntity } from '@ent/database';
import { openDatabase } from '@ent/database/open';
import { createTables } from '@ent/database/testing';
import { createRateLimiter, type RateLimitOperation, channels } from '@ent/middleware';
import {
  cacheRateLimitStore,
  memcachedRateLimitStore,
  redisRateLimitStore,
  repositoryRateLimitStore,
} from '@ent/middleware/stores';
import { testRateLimitStore } from '@ent/middleware/testing';
import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { MemcacheClient } from 'memcache-client';
import { createClient, createCluster, RESP_TYPES } from 'redis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

const rule = { burst: 5, intervalMs: 3_600_000 };

describeWithServer('redis', (server) => {
  const connect = async () => {
    const client = createClient({ url: server.url }).on('error', () => {});
    await client.connect();
    return client;
  };
  let clients: Awaited<ReturnType<typeof connect>>[];
  beforeAll(async () => {
    clients = await Promise.all([connect(), connect()]);
  });
  afterAll(() => {
    for (const client of clients) client.destroy();
  });

  testRateLimitStore({ it }, { make: () => [redisRateLimitStore(clients[0]!), redisRateLimitStore(clients[1]!)] });

  it('keeps a key no longer than it matters, and no key for what is free', async () => {
    const [client, prefix] = [clients[0]!, uniqueName('limit')];
    const store = redisRateLimitStore(client, { prefix });
    await store.take('idle', 0, rule);
    expect(await client.exists(`${prefix}idle`)).toBe(0);
    await store.take('k', 2, rule);
    const ttl = await client.pTTL(`${prefix}k`);
    expect(ttl).toBeGreaterThan(1.9 * rule.intervalMs);
    expect(ttl).toBeLessThan(2 * rule.intervalMs + 1);
  });

  it.each([
    ['a list', (key: string) => clients[0]!.rPush(key, 'x')],
    ['a text', (key: string) => clients[0]!.set(key, 'x')],
    ['no number', (key: string) => clients[0]!.set(key, 'nan')],
    ['the end of time', (key: string) => clients[0]!.set(key, 'inf')],
  ])('begins anew over %s of somebody else, and never keeps longer than its own', async (_name, put) => {
    const prefix = uniqueName('limit');
    await put(`${prefix}k`);
    const decision = await redisRateLimitStore(clients[0]!, { prefix }).take('k', 1, rule);
    expect(decision.resetMs).toBeLessThan(5 * rule.intervalMs + 1);
  });

  it('works with a client that gets bytes for text', async () => {
    const commandOptions = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };
    const client = createClient({ url: server.url, commandOptions });
    await client.connect();
    onTestFinished(() => client.destroy());
    const store = redisRateLimitStore(client, { prefix: uniqueName('limit') });
    expect(await store.take('k', 1, rule)).toMatchObject({ allowed: true, remaining: 4 });
  });

  it.runIf(server.killable)('a limiter goes on by itself while the server is gone, and comes back to it', async () => {
    const client = await connect();
    onTestFinished(() => client.destroy());
    const failed: RateLimitOperation[] = [];
    const error = (operation: RateLimitOperation): void => void failed.push(operation);
    const listeners = { start() {}, end() {}, asyncStart() {}, asyncEnd() {}, error };
    channels.rateLimit.subscribe(listeners);
    onTestFinished(() => {
      channels.rateLimit.unsubscribe(listeners);
    });
    const store = redisRateLimitStore(client, { prefix: uniqueName('limit') });
    const limiter = createRateLimiter({ name: 'out', limit: 5, window: '5h', store, timeout: '200ms' });
    await limiter.require('before');
    await server.pause();
    try {
      // The client waits; the limiter does not, and has a count of its own.
      for (let n = 0; n < 5; n++) await limiter.require('k');
      await expect(limiter.require('k')).rejects.toMatchObject({ code: 'middleware.rate_limited' });
      expect(failed[0]?.error).toMatchObject({ code: 'middleware.store_timeout' });
    } finally {
      await server.resume();
    }
    await expect
      .poll(async () => {
        await limiter.take('after');
        return (await store.take('out:after', 0, rule)).remaining;
      })
      .toBeLessThan(5);
  });
});

describeWithServer('redis-cluster', (server) => {
  it('keeps each key on its node', async () => {
    const cluster = createCluster({ rootNodes: server.urls.map((url) => ({ url })) });
    await cluster.connect();
    onTestFinished(() => cluster.destroy());
    const store = redisRateLimitStore(cluster, { prefix: uniqueName('limit') });
    const decisions = await Promise.all(Array.from({ length: 60 }, async (_, n) => store.take(`k${n % 10}`, 1, rule)));
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(50);
  });
});

describeWithServer('memcached', (server) => {
  const connect = () => new MemcacheClient({ server: `${server.host}:${server.port}` });
  let clients: MemcacheClient[];
  beforeAll(() => {
    clients = [connect(), connect()];
  });
  afterAll(() => {
    for (const client of clients) client.shutdown();
  });

  testRateLimitStore(
    { it },
    { make: () => [memcachedRateLimitStore(clients[0]!), memcachedRateLimitStore(clients[1]!)] },
  );

  it('begins anew over what somebody else put there', async () => {
    const prefix = uniqueName('limit');
    await clients[0]!.set(`${prefix}k`, 'not a time');
    const store = memcachedRateLimitStore(clients[0]!, { prefix });
    expect(await store.take('k', 1, rule)).toMatchObject({ allowed: true, remaining: 4 });
  });

  it('fails where there is no server, and refuses a prefix that is no part of a key', async () => {
    const nobody = new MemcacheClient({ server: '127.0.0.1:1' });
    await expect(memcachedRateLimitStore(nobody).take('k', 1, rule)).rejects.toThrow();
    for (const prefix of ['a b', 'a\n', 'x'.repeat(41)]) {
      expect(() => memcachedRateLimitStore(nobody, { prefix })).toThrow(/prefix/);
    }
  });
});

describe.each(['redis', 'memcached'] as const)('of a cache', (name) => {
  describeWithServer(name, (server) => {
    const open = async (prefix: string) => {
      const url = name === 'redis' ? server.url : `memcached://${server.host}:${server.port}`;
      const cache = await openCache(url, { prefix });
      onTestFinished(() => cache.close());
      await cache.connect();
      return cache;
    };

    it.each(['', 'x'.repeat(60), 'grüße'])(
      'counts where the caches are, and apart from what they keep (%j)',
      async (odd) => {
        const prefix = uniqueName('limit') + odd;
        const caches = [await open(prefix), await open(prefix)] as const;
        await caches[0].set('k', 'kept');
        const stores = caches.map((cache) => cacheRateLimitStore(cache));
        for (let n = 0; n < 5; n++) expect(await stores[n % 2]!.take('k', 1, rule)).toMatchObject({ allowed: true });
        for (const store of stores) expect(await store.take('k', 1, rule)).toMatchObject({ allowed: false });
        expect(await caches[0].get('k')).toBe('kept');
      },
    );

    it('services whose caches have different prefixes, or namespaces, count apart', async () => {
      const one = await open(uniqueName('one'));
      const caches = [one, await open(uniqueName('two')), one.namespace('n')];
      for (const store of caches.map((cache) => cacheRateLimitStore(cache))) {
        expect(await store.take('k', 5, rule)).toMatchObject({ allowed: true });
        expect(await store.take('k', 1, rule)).toMatchObject({ allowed: false });
      }
    });
  });
});

describeWithServer('redis', (server) => {
  it('of a cache, stays within what its user may touch: the keys under the prefix', async () => {
    const [user, prefix] = [uniqueName('user'), uniqueName('app')];
    const admin = createClient({ url: server.url });
    await admin.connect();
    onTestFinished(async () => {
      await admin.sendCommand(['ACL', 'DELUSER', user]);
      admin.destroy();
    });
    await admin.sendCommand([
      'ACL',
      'SETUSER',
      user,
      'on',
      '>pw',
      `~${prefix}:*`,
      `~${prefix}/*`,
      '+@all',
      '-@dangerous',
    ]);
    const url = new URL(server.url);
    Object.assign(url, { username: user, password: 'pw' });
    await using cache = await openCache(url.href, { prefix });
    await cache.connect();
    for (const each of [cache, cache.namespace('limits')]) {
      expect(await cacheRateLimitStore(each).take('k', 1, rule)).toMatchObject({ allowed: true, remaining: 4 });
    }
  });
});

it('of a cache in memory, counts in this process', async () => {
  await using cache = await openCache('memory:');
  const store = cacheRateLimitStore(cache);
  for (let n = 0; n < 5; n++) expect(await store.take('k', 1, rule)).toMatchObject({ allowed: true });
  expect(await store.take('k', 1, rule)).toMatchObject({ allowed: false });
});

const rateLimits = defineEntity({
  name: 'rate_limits',
  fields: { id: 'string', arrival: 'string', expiresAt: 'date' },
});

describe('in a database (SQLite)', () => {
  let folder: string;
  let databases: Awaited<ReturnType<typeof openDatabase>>[];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ent-limits-'));
    const url = `sqlite:${join(folder, 'limits.db')}`;
    databases = await Promise.all([openDatabase(url), openDatabase(url)]);
    await createTables(databases[0]!, rateLimits);
  });
  afterAll(async () => {
    await Promise.all(databases.map((db) => db.close()));
    await rm(folder, { recursive: true, force: true });
  });
  const stores = () => {
    const [one, two] = databases.map((db) => repositoryRateLimitStore(db.repo(rateLimits)));
    return [one!, two!] as const;
  };

  testRateLimitStore({ it }, { make: stores });

  it('deletes what is over, now and then', async () => {
    const [store] = stores();
    const repo = databases[0]!.repo(rateLimits);
    await repo.insert({ id: 'old', arrival: '1', expiresAt: new Date(1) });
    for (let n = 0; n < 1000; n++) await store.take('busy', 1, { burst: 2000, intervalMs: 1000 });
    await expect.poll(() => repo.get('old')).toBeNull();
    expect(await repo.get('busy')).not.toBeNull();
  });
});

describeWithServer('postgres', (server) => {
  let databases: Awaited<ReturnType<typeof openDatabase>>[];
  beforeAll(async () => {
    databases = await Promise.all([openDatabase(server.url), openDatabase(server.url)]);
    await createTables(databases[0]!, rateLimits);
  });
  afterAll(() => Promise.all(databases.map((db) => db.close())));

  testRateLimitStore(
    { it },
    {
      make() {
        const [one, two] = databases.map((db) => repositoryRateLimitStore(db.repo(rateLimits)));
        return [one!, two!] as const;
      },
    },
  );
});
