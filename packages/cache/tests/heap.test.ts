import { bytesPerRound } from '@ent/testkit';
import { itInDepth } from '@ent/testkit/vitest';
import { expect } from 'vitest';
import { createCache } from '../src/cache.ts';
import type { CacheDriver } from '../src/driver.ts';
import { memory } from '../src/drivers/memory/index.ts';
import { bytesDriver } from './fixtures/bytes-driver.ts';

// What is kept of a call takes hundreds of bytes: a promise, a closure, a timer.
const NOTHING = 50;

const drivers: readonly [name: string, create: () => CacheDriver][] = [
  ['in memory', () => memory({ maxEntries: 1_000 })],
  ['over a backend of bytes', () => bytesDriver()],
];

for (const [name, create] of drivers) {
  const life = { full: 1_000_000, ci: 2_000, of: 'cycles of a long life' };

  itInDepth(`a cache ${name} holds a flat heap`, life, async ({ count }) => {
    const cache = createCache({ driver: create(), ttl: '1h' });
    const never = new AbortController().signal;
    const left = await bytesPerRound(count, async (round) => {
      const users = cache.namespace(`tenant ${round % 20}`);
      const key = `user ${round}`;
      await users.set(key, { round }, { tags: [`group ${round % 10}`] });
      await users.get(key);
      await users.getOrSet(`short ${round}`, () => ({ round }), { ttl: 1, hardTimeout: '1m', signal: never });
      await Promise.all([
        users.getOrSet(`slow ${round}`, async () => round, { grace: '1h', softTimeout: 1 }),
        users.getOrSet(`slow ${round}`, async () => round, { eagerRefresh: 0.5 }),
      ]);
      await users.getOrSet(`bad ${round}`, () => Promise.reject(new Error('no'))).catch(() => {});
      await users.increment(`count ${round}`, 1, { ttl: 1 });
      await users.set(key, 1, { when: 'present' });
      await users.touch(key, '2h');
      await users.getAndDelete(key);
      // What a backend would drop by itself.
      await users.deleteMany([`short ${round}`, `slow ${round}`, `bad ${round}`, `count ${round}`]);
    });
    expect(left).toBeLessThan(NOTHING);
    await cache.close();
  });
}
