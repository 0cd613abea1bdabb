import { describeWithServer } from '@ent/testkit/vitest';
import { it } from 'vitest';
import { redis, redisClusterFeatures, redisFeatures } from '../../src/drivers/redis.ts';
import { testCacheDriver } from '../../src/testing.ts';

describeWithServer('redis', (server) => {
  testCacheDriver({ it, features: redisFeatures, createDriver: () => redis({ url: server.url }) });
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
