import assert from 'node:assert/strict';
import { type Case, hostileKeys, rejectsWith, until } from './suite.ts';

const conditional: Case['when'] = (features) => features.conditional;

/** Counters, compare-and-set, ttl and touch. */
export const atomics: readonly Case[] = [
  {
    name: 'counts up and down, from nothing, from an initial value, below zero',
    when: conditional,
    run: async ({ cache }) => {
      const c = await cache();
      assert.equal(await c.increment('n'), 1);
      assert.equal(await c.increment('n', 41), 42);
      assert.equal(await c.decrement('n'), 41);
      assert.equal(await c.decrement('n', 50), -9);
      assert.equal(await c.increment('n', 9), 0);
      assert.equal(await c.increment('n', 10), 10);
      assert.equal(await c.decrement('n', 1), 9, 'shorter by a digit');
      assert.equal(await c.get('n'), 9);
      assert.deepEqual(await c.getMany(['n']), new Map([['n', 9]]));
      assert.equal(await c.has('n'), true);
      assert.equal(await c.increment('from', 1, { initial: 100 }), 101);
      assert.equal(await c.increment('from', 1, { initial: 100 }), 102);
      assert.equal(await c.increment('zero', 0), 0);
      assert.equal(await c.delete('n'), true);
      assert.equal(await c.increment('n'), 1);
    },
  },
  {
    name: 'counts on from a stored integer, and stores over a counter',
    when: conditional,
    run: async ({ cache }) => {
      const c = await cache();
      await c.set('n', 5, { ttl: '1h' });
      assert.equal(await c.increment('n', 2), 7);
      assert.equal(await c.increment('n', -8), -1);
      assert.ok(((await c.ttl('n')) ?? 0) > 3_500_000, 'the TTL stays');
      await c.set('n', 'text');
      assert.equal(await c.get('n'), 'text');
      await c.set('n', 1);
      assert.equal(await c.increment('n'), 2);
    },
  },
  {
    name: 'refuses the version of a counter that was changed, also when it is back at its number',
    when: conditional,
    run: async ({ cache }) => {
      const c = await cache();
      const versionOf = async (): Promise<string> => (await c.entry('n'))!.version!;
      await c.increment('n', 5, { ttl: '1h' });
      const first = await versionOf();
      assert.equal(await versionOf(), first, 'a read changes no version');
      await c.increment('n');
      await c.decrement('n');
      assert.equal(await c.compareAndSet('n', first, 0), false);
      assert.equal(await c.increment('n', -5), 0);
      assert.ok((await c.ttl('n'))! > 3_000_000, 'the TTL stays');
      assert.equal(await c.compareAndSet('n', await versionOf(), 7), true);
      assert.equal(await c.increment('n'), 8);
      const second = await versionOf();
      assert.equal(await c.increment('n', 0), 8);
      assert.notEqual(await versionOf(), second);
    },
  },
  {
    name: 'loses no count between concurrent callers',
    when: conditional,
    run: async ({ cache, features }) => {
      const one = await cache();
      const two = features.shared ? await cache() : one;
      const counts = await Promise.all(Array.from({ length: 100 }, (_, i) => (i % 2 ? one : two).increment('n')));
      assert.deepEqual(
        counts.toSorted((a, b) => a - b),
        Array.from({ length: 100 }, (_, i) => i + 1),
      );
      await one.set('m', 0); // not stored as a counter
      await Promise.all(Array.from({ length: 60 }, (_, i) => (i % 2 ? one : two).increment('m', 2)));
      assert.equal(await two.get('m'), 120);
    },
  },
  {
    name: 'sets the TTL of a counter once, and never extends it',
    when: conditional,
    run: async ({ cache }) => {
      const c = await cache();
      const start = Date.now();
      await c.increment('n', 1, { ttl: 4_000 });
      const left = await c.ttl('n');
      assert.ok(left !== null && left !== undefined && left > 0 && left <= 4_000, String(left));
      await c.increment('n', 1, { ttl: '1h' });
      await c.increment('n');
      await until(async () => !(await c.has('n')), 'expiry of the counter');
      assert.ok(Date.now() - start >= 3_995);
      assert.equal(await c.increment('n'), 1);
      assert.equal(await c.ttl('n'), null);
    },
  },
  {
    name: 'takes the TTL that an entry of a batch names, else that of the call',
    run: async ({ cache }) => {
      const c = await cache();
      const start = Date.now();
      await c.setMany(
        [
          ['short', 1, { ttl: 300 }],
          ['long', 2],
          ['forever', 3, { ttl: null }],
          ['twice', 4, { ttl: null }],
          ['twice', 5, { ttl: '2h' }],
          ['as the call', 6, {}],
        ],
        { ttl: '1h' },
      );
      const hours = async (key: string): Promise<number> => {
        const { expiresAt } = (await c.entry(key))!;
        return Math.round((expiresAt! - start) / 3_600_000);
      };
      assert.deepEqual(await Promise.all(['long', 'as the call', 'twice'].map(hours)), [1, 1, 2]);
      assert.equal((await c.entry('forever'))!.expiresAt, null);
      assert.equal(await c.get('twice'), 5);
      await until(async () => !(await c.has('short')), 'the TTL of the entry');
      assert.equal(await c.get('long'), 2);
      await rejectsWith(
        'cache.invalid_ttl',
        c.setMany([
          ['other', 1],
          ['bad', 1, { ttl: 0 }],
        ]),
      );
      await rejectsWith('cache.invalid_argument', c.setMany([['bad', 1, { tll: 1 } as object]]));
      await rejectsWith('cache.invalid_argument', c.setMany([['bad', 1, 5 as never]]));
      assert.equal((await c.getMany(['other', 'bad'])).size, 0);
    },
  },
  {
    name: 'tells what is left of the TTL of a counter, with the sum',
    when: conditional,
    run: async ({ cache }) => {
      const c = await cache();
      const isAnHour = (left: number | null): boolean => left !== null && left > 3_590_000 && left <= 3_600_000;
      const first = await c.incrementWithTtl('n', 2, { ttl: '1h' });
      assert.ok(first.count === 2 && isAnHour(first.ttl), JSON.stringify(first));
      const next = await c.incrementWithTtl('n', 1, { ttl: '7d' });
      assert.ok(next.count === 3 && isAnHour(next.ttl), JSON.stringify(next));
      await c.set('stored', 5, { ttl: '1h' });
      for (const count of [6, 7]) {
        const stored = await c.incrementWithTtl('stored');
        assert.ok(stored.count === count && isAnHour(stored.ttl), JSON.stringify(stored));
      }
      assert.deepEqual(await c.incrementWithTtl('forever', 1, { initial: 9 }), { count: 10, ttl: null });
      assert.deepEqual(await c.incrementWithTtl('forever', 1, { ttl: 1 }), { count: 11, ttl: null });
      await rejectsWith('cache.not_a_counter', c.incrementWithTtl('forever', Number.MAX_SAFE_INTEGER));
    },
  },
  {
    name: 'gives a value to one of those who ask to get and delete it',
    when: conditional,
    run: async ({ cache, features }) => {
      const one = await cache();
      const two = features.shared ? await cache() : one;
      assert.equal(await one.getAndDelete('nobody'), undefined);
      assert.equal(await one.has('nobody'), false);
      await one.set('k', { a: [1] }, { ttl: '1h' });
      assert.deepEqual(await one.getAndDelete('k'), { a: [1] });
      assert.equal(await one.getAndDelete('k'), undefined);
      assert.equal(await one.has('k'), false);
      assert.equal(await one.set('k', 2, { when: 'absent' }), true, 'nothing is left');
      for (let round = 0; round < 5; round++) {
        await one.set('token', round);
        const got = await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 ? one : two).getAndDelete('token')));
        assert.deepEqual(
          got.filter((value) => value !== undefined),
          [round],
        );
      }
      await one.increment('n', 7);
      assert.equal(await two.getAndDelete('n'), 7);
      assert.equal(await one.increment('n'), 1);
      await one.set('tagged', 1, { tags: ['t'] });
      await one.set('gone', 1, { tags: ['t'] });
      assert.equal(await two.getAndDelete('tagged'), 1);
      await one.invalidateTags(['t']);
      assert.equal(await two.getAndDelete('gone'), undefined, 'what readers do not see');
      await one.set('short', 1, { ttl: 100 });
      await until(async () => !(await one.has('short')), 'expiry');
      assert.equal(await one.getAndDelete('short'), undefined);
      await rejectsWith('cache.invalid_key', one.getAndDelete(''));
    },
  },
  {
    name: 'refuses to count what is no safe integer, and leaves it alone',
    when: conditional,
    run: async ({ cache }) => {
      const c = await cache();
      for (const value of ['text', '5', 1.5, null, {}, [], true, 2 ** 53, '']) {
        await c.set('k', value);
        await rejectsWith('cache.not_a_counter', c.increment('k'));
        assert.deepEqual(await c.get('k'), value);
      }
      for (const by of [1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
        await rejectsWith('cache.invalid_argument', c.increment('n', by));
      }
      assert.equal(await c.has('n'), false);
    },
  },
  {
    name: 'stops a counter at the integers that stay exact',
    when: conditional,
    run: async ({ cache }) => {
      const c = await cache();
      const max = Number.MAX_SAFE_INTEGER;
      assert.equal(await c.increment('up', max), max);
      await rejectsWith('cache.not_a_counter', c.increment('up'));
      assert.equal(await c.get('up'), max);
      assert.equal(await c.decrement('down', max), -max);
      await rejectsWith('cache.not_a_counter', c.decrement('down', 2));
      assert.equal(await c.get('down'), -max);
      await rejectsWith('cache.not_a_counter', c.increment('new', max, { initial: max }));
      assert.equal(await c.has('new'), false);
    },
  },
  {
    name: 'compares and sets by the version of an entry',
    when: conditional,
    run: async ({ cache }) => {
      const c = await cache();
      await c.set('k', 'same');
      const first = (await c.entry('k'))!;
      assert.equal((await c.entry('k'))!.version, first.version);
      assert.equal(await c.compareAndSet('k', first.version!, 'two', { ttl: '1h' }), true);
      assert.equal(await c.compareAndSet('k', first.version!, 'late'), false);
      assert.equal(await c.get('k'), 'two');
      await c.set('k', 'same');
      assert.equal(await c.compareAndSet('k', first.version!, 'late'), false, 'an equal value is another version');
      const second = (await c.entry('k'))!;
      await c.delete('k');
      assert.equal(await c.compareAndSet('k', second.version!, 'late'), false);
      assert.equal(await c.has('k'), false);
      await c.increment('n');
      const counter = (await c.entry('n'))!;
      await c.increment('n');
      assert.equal(await c.compareAndSet('n', counter.version!, 10), false);
      assert.equal(await c.compareAndSet('n', (await c.entry('n'))!.version!, 10), true);
      assert.equal(await c.increment('n'), 11);
    },
  },
  {
    name: 'lets one of many concurrent compare-and-sets win each round',
    when: conditional,
    run: async ({ cache, features }) => {
      const one = await cache();
      const two = features.shared ? await cache() : one;
      await one.set('k', 0);
      const add = async (c: typeof one): Promise<void> => {
        for (;;) {
          const { value, version } = (await c.entry<number>('k'))!;
          if (await c.compareAndSet('k', version!, value + 1)) return;
        }
      };
      await Promise.all(Array.from({ length: 12 }, (_, i) => add(i % 2 ? one : two)));
      assert.equal(await one.get('k'), 12);
    },
  },
  {
    name: 'tells the TTL that is left, and gives a new one',
    when: conditional,
    run: async ({ cache }) => {
      const c = await cache();
      assert.equal(await c.ttl('k'), undefined);
      assert.equal(await c.touch('k', '1h'), false);
      assert.equal(await c.has('k'), false);
      await c.set('k', { a: 1 });
      assert.equal(await c.ttl('k'), null);
      assert.equal(await c.touch('k', '1h'), true);
      const hour = (await c.ttl('k'))!;
      assert.ok(hour > 3_590_000 && hour <= 3_600_000, String(hour));
      assert.equal(await c.touch('k', null), true);
      assert.equal(await c.ttl('k'), null);
      assert.deepEqual(await c.get('k'), { a: 1 });
      await c.increment('n', 1, { ttl: 5_000 });
      assert.equal(await c.touch('n', '1h'), true);
      assert.ok((await c.ttl('n'))! > 3_590_000);
      assert.equal(await c.increment('n'), 2, 'a touched counter counts on');
      assert.ok((await c.ttl('n'))! > 3_590_000);
      assert.equal(await c.touch('n', 100), true);
      assert.equal(await c.touch('k', 100), true);
      await until(async () => !(await c.has('k')) && !(await c.has('n')), 'the shorter TTLs');
      await rejectsWith('cache.invalid_ttl', c.touch('k', 0));
    },
  },
  {
    name: 'does all of this under hostile keys',
    when: conditional,
    run: async ({ cache }) => {
      const c = await cache();
      for (const [i, key] of hostileKeys.entries()) assert.equal(await c.increment(key, i, { ttl: '1h' }), i);
      for (const [i, key] of hostileKeys.entries()) {
        assert.equal(await c.increment(key), i + 1);
        assert.ok((await c.ttl(key))! > 0);
        const { version } = (await c.entry(key))!;
        assert.equal(await c.compareAndSet(key, version!, 'set'), true);
        assert.equal(await c.touch(key, '2h'), true);
        assert.equal(await c.set(key, 'x', { when: 'absent' }), false);
        assert.equal(await c.getAndDelete(key), 'set');
        assert.equal(await c.has(key), false);
        await c.set(key, 'set');
      }
      for (const key of hostileKeys) assert.equal(await c.get(key), 'set');
    },
  },
  {
    name: 'refuses what needs conditional writes before any I/O where there are none',
    when: (features) => !features.conditional,
    run: async ({ cache }) => {
      const c = await cache();
      await rejectsWith('cache.unsupported', c.increment('k'));
      await rejectsWith('cache.unsupported', c.touch('k', 1));
      await rejectsWith('cache.unsupported', c.compareAndSet('k', 'v', 1));
      await rejectsWith('cache.unsupported', c.invalidateTags(['t']));
      await rejectsWith('cache.unsupported', c.set('k', 1, { tags: ['t'] }));
      assert.equal(await c.has('k'), false);
    },
  },
];
