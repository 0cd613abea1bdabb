import { bytesPerRound, uniqueName } from '@ent/testkit';
import { describeWithServer, itInDepth } from '@ent/testkit/vitest';
import { describe, expect, it } from 'vitest';
import { type Cache, createCache } from '../../src/cache.ts';
import { memcached } from '../../src/drivers/memcached/index.ts';
import { memory } from '../../src/drivers/memory/index.ts';
import { redis } from '../../src/drivers/redis/index.ts';
import { bytesDriver } from '../fixtures/bytes-driver.ts';

// Bytes: what the engine learns once, and what a cycle may leave behind. A promise or a listener is more than 50, and a
// leak of 50 shows in more than LEARNT / (50 - LEFT) = 7,500 cycles: half of each depth is at least twice that.
const LEARNT = 300_000;
const LEFT = 10;

const HERE = { full: 100_000, ci: 2_000, of: 'cycles of a long life' };
const BY_NETWORK = { full: 30_000, ci: 400, of: 'cycles of a long life' };

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
/** What a machine that does other work too may keep waiting. */
const patient = { ttl: '1h', timeout: '1m' } as const;

// Callers side by side: one alone would mostly wait for the server, and on a busy machine for its turn.
const AT_ONCE = 20;

/** Bytes that a cycle leaves behind, in the worse half of a life: a heap gives up something too, which hides a leak. */
async function left(cycles: number, cycle: (round: number) => unknown): Promise<number> {
  const rounds = cycles / 2 / AT_ONCE;
  const some = (round: number): Promise<unknown> =>
    Promise.all(Array.from({ length: AT_ONCE }, (_, i) => cycle(round * AT_ONCE + i)));
  const first = await bytesPerRound(rounds, some);
  return Math.max(first, await bytesPerRound(rounds, some)) / AT_ONCE;
}

const flat = (cycles: number): number => LEFT + LEARNT / (cycles / 2);

function staysFlat(create: () => Cache, life = HERE): void {
  itInDepth('holds a flat heap', life, async ({ count }) => {
    const cache = create();
    expect(await left(count, (round) => live(cache, round))).toBeLessThan(flat(count));
    await cache.close();
  });
}

it('would show a leak of 50 bytes a cycle', async () => {
  const cycles = BY_NETWORK.full;
  const kept: object[] = new Array(2 * cycles).fill(undefined);
  let last = 0;
  // A head of three words, and three fields: 48 bytes.
  const leak = await left(cycles, (round) => (kept[last++] = { round, twice: 2 * round, thrice: 3 * round }));
  // And what the engine learns meanwhile.
  expect(leak).toBeLessThan(50 + LEARNT / (cycles / 2));
  expect(leak).toBeGreaterThan(flat(cycles));
});

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
      return createCache({ ...patient, driver: redis({ url: server.url }), local, prefix: uniqueName('heap') });
    }, BY_NETWORK);
  });
});

describeWithServer('memcached', (server) => {
  staysFlat(() => {
    const driver = memcached({ servers: `${server.host}:${server.port}` });
    return createCache({ ...patient, driver, prefix: uniqueName('heap') });
  }, BY_NETWORK);
});
