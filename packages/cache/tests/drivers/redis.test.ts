import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { createClient, RESP_TYPES } from 'redis';
import { expect, it } from 'vitest';
import { createCache } from '../../src/cache.ts';
import { redis, redisClusterFeatures, redisFeatures } from '../../src/drivers/redis.ts';
import { testCacheDriver } from '../../src/testing.ts';

describeWithServer('redis', (server) => {
  testCacheDriver({ it, features: redisFeatures, createDriver: () => redis({ url: server.url }) });

  it('works with a client of the application that gets bytes for strings', async () => {
    const commandOptions = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };
    const client = createClient({ url: server.url, commandOptions }).on('error', () => {});
    await using cache = createCache({ driver: redis({ client: client as never }), prefix: uniqueName('bytes') });
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
    }
  });
});

describeWithServer('redis-cluster', (server) => {
  testCacheDriver({
    it,
    features: redisClusterFeatures,
    createDriver: () => redis({ cluster: { rootNodes: server.urls.map((url) => ({ url })) } }),
  });
});

describeWithServer('redis-sentinel', (server) => {
  testCacheDriver({
    it,
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
  });
});
