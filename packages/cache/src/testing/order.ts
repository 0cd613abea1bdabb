import assert from 'node:assert/strict';
import type { Cache } from '../cache.ts';
import type { CacheFeatures } from '../driver.ts';
import type { Case } from './suite.ts';

const ROUNDS = 20;

/** Two calls, the second made before the first is over; and what the key holds after both. */
interface Pair {
  readonly name: string;
  readonly when?: (features: CacheFeatures) => boolean;
  /** What the key holds before. Default: nothing. */
  readonly given?: unknown;
  readonly calls: (c: Cache, key: string) => readonly [() => Promise<unknown>, () => Promise<unknown>];
  readonly after: unknown;
}

const conditional = (features: CacheFeatures): boolean => features.conditional;

const pairs: readonly Pair[] = [
  { name: 'set, delete', calls: (c, k) => [() => c.set(k, 1), () => c.delete(k)], after: undefined },
  { name: 'delete, set', given: 0, calls: (c, k) => [() => c.delete(k), () => c.set(k, 1)], after: 1 },
  { name: 'set, set', calls: (c, k) => [() => c.set(k, 1), () => c.set(k, 2)], after: 2 },
  {
    name: 'set of several, delete of several',
    calls: (c, k) => [
      () =>
        c.setMany([
          [k, 1],
          ['other', 1],
        ]),
      () => c.deleteMany(['other', k]),
    ],
    after: undefined,
  },
  {
    name: 'set with a tag, delete',
    when: conditional,
    calls: (c, k) => [() => c.set(k, 1, { tags: ['t'] }), () => c.delete(k)],
    after: undefined,
  },
  {
    name: 'set with a tag, set without',
    when: conditional,
    calls: (c, k) => [() => c.set(k, 1, { tags: ['u'] }), () => c.set(k, 2)],
    after: 2,
  },
  {
    name: 'set, invalidation of its tag',
    when: conditional,
    calls: (c, k) => [() => c.set(k, 1, { tags: ['t'] }), () => c.invalidateTags(['t'])],
    after: undefined,
  },
  {
    name: 'invalidation of a tag, set with it',
    when: conditional,
    calls: (c, k) => [() => c.invalidateTags(['t']), () => c.set(k, 1, { tags: ['t'] })],
    after: 1,
  },
  {
    name: 'set, clear',
    when: ({ enumerate }) => enumerate,
    calls: (c, k) => [() => c.set(k, 1), () => c.clear()],
    after: undefined,
  },
  {
    name: 'clear, set',
    when: ({ enumerate }) => enumerate,
    calls: (c, k) => [() => c.clear(), () => c.set(k, 1)],
    after: 1,
  },
  {
    name: 'set when absent, delete',
    when: conditional,
    calls: (c, k) => [() => c.set(k, 1, { when: 'absent' }), () => c.delete(k)],
    after: undefined,
  },
  {
    name: 'increment, delete',
    when: conditional,
    calls: (c, k) => [() => c.increment(k), () => c.delete(k)],
    after: undefined,
  },
  {
    name: 'delete, increment',
    when: conditional,
    given: 5,
    calls: (c, k) => [() => c.delete(k), () => c.increment(k)],
    after: 1,
  },
  {
    name: 'set, increment',
    when: conditional,
    calls: (c, k) => [() => c.set(k, 5), () => c.increment(k)],
    after: 6,
  },
];

/** Calls that do not wait for each other. */
export const order: readonly Case[] = [
  {
    name: 'lets changes of one key take effect in the order in which they were asked for',
    run: async ({ cache, features }) => {
      const c = await cache();
      for (const { name, when, given, calls, after } of pairs) {
        if (when?.(features) === false) continue;
        for (let round = 0; round < ROUNDS; round++) {
          const key = `k${round}`;
          if (given === undefined) await c.delete(key);
          else await c.set(key, given);
          const [first, second] = calls(c, key);
          const begun = first();
          await second();
          await begun;
          assert.equal(await c.get(key), after, `${name}, round ${round}`);
        }
      }
    },
  },
  {
    name: 'lets a clear by generation take effect in the order of the calls',
    when: conditional,
    run: async ({ cache }) => {
      const c = await cache({ clear: 'generation' });
      for (let round = 0; round < ROUNDS; round++) {
        const setting = c.set('before', 1);
        const clearing = c.clear();
        const after = c.set('after', 1);
        await Promise.all([setting, clearing, after]);
        assert.deepEqual([await c.get('before'), await c.get('after')], [undefined, 1]);
      }
    },
  },
  {
    name: 'answers each of many changes of one key at once as if they had come one by one',
    when: conditional,
    run: async ({ cache }) => {
      const c = await cache();
      const counts = Array.from({ length: 50 }, () => c.increment('n'));
      const deleted = c.delete('n');
      const again = Array.from({ length: 50 }, () => c.increment('n'));
      const numbers = Array.from({ length: 50 }, (_, i) => i + 1);
      assert.deepEqual(
        (await Promise.all(counts)).toSorted((a, b) => a - b),
        numbers,
      );
      assert.equal(await deleted, true);
      assert.deepEqual(
        (await Promise.all(again)).toSorted((a, b) => a - b),
        numbers,
      );
      const touched = c.set('t', 1, { ttl: '1h' }).then(() => true);
      assert.equal(await c.touch('t', '2h'), true);
      assert.equal(await touched, true);
      assert.ok((await c.ttl('t'))! > 3_700_000);
    },
  },
];
