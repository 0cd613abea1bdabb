import { bytesPerRound, uniqueName } from '@ent/testkit';
import { describeWithServer, itInDepth } from '@ent/testkit/vitest';
import { describe, expect } from 'vitest';
import { type Cache, createCache } from '../../src/cache.ts';
import { memcached } from '../../src/drivers/memcached/index.ts';
import { memory } from '../../src/drivers/memory/index.ts';
import { redis } from '../../src/drivers/redis/index.ts';
import { bytesDriver } from '../fixtures/bytes-driver.ts';

// What the engine learns once, in bytes, and what a cycle may leave behind: a promise or a listener would be more.
const LEARNT = 300_000;
const LEFT = 50;

const HERE = { full: 1_000_000, ci: 2_000, of: 'cycles of a long life' };
const BY_NETWORK = { full: 50_000, ci: 300, of: 'cycles of a long life' };

/** What a service does with a cache all day. */
async function live(cache: Cache, round: number): Promise<void> {
  const users = cache.namespace(`tenant ${round % 20}`);
  const [key, short, slow, bad, count] = ['user', 'short', 'slow', 'bad', 'count'].map((name) => `${name} ${round}`);
  await users.set(key!, { round }, { tags: [`group ${round % 10}`] });
  await users.get(key!);
  await users.getOrSet(short!, () => ({ round }), { ttl: 1, hardTimeout: '1m', signal: never });
  await Promise.all([
    users.getOrSet(slow!, async () => round, { grace: '1h', softTimeout: 1 }),
    users.getOrSet(slow!, async () => round, { eagerRefresh: 0.5 }),
  ]);
  await users.getOrSet(bad!, () => Promise.reject(new Error('no'))).catch(() => {});
  await users.increment(count!, 1, { ttl: 1 });
  await users.set(key!, 1, { when: 'present' });
  await users.touch(key!, '2h');
  await users.getAndDelete(key!);
  await users.deleteMany([short!, slow!, bad!, count!]); // what the double of a backend would keep
}

const never = new AbortController().signal;

function staysFlat(create: () => Cache, life = HERE): void {
  itInDepth('holds a flat heap', life, async ({ count }) => {
    const cache = create();
    const left = await bytesPerRound(count, (round) => live(cache, round));
    expect(left * count).toBeLessThan(LEARNT + LEFT * count);
    await cache.close();
  });
}

describe('a cache in memory', () => {
  staysFlat(() => createCache({ driver: memory({ maxEntries: 1_000 }), ttl: '1h' }));
});

describe('a cache over a backend of bytes', () => {
  staysFlat(() => createCache({ driver: bytesDriver(), ttl: '1h' }));
});

describeWithServer('redis', (server) => {
  describe('a cache with a tier in front', () => {
    staysFlat(() => {
      const local = memory({ maxEntries: 1_000 });
      return createCache({ driver: redis({ url: server.url }), local, prefix: uniqueName('heap'), ttl: '1h' });
    }, BY_NETWORK);
  });
});

describeWithServer('memcached', (server) => {
  staysFlat(() => {
    const driver = memcached({ servers: `${server.host}:${server.port}` });
    return createCache({ driver, prefix: uniqueName('heap'), ttl: '1h' });
  }, BY_NETWORK);
});
