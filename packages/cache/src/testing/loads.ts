import assert from 'node:assert/strict';
import { type Case, gate, rejectsWith, until } from './suite.ts';

/** getOrSet in one process. */
export const loads: readonly Case[] = [
  {
    name: 'getOrSet loads once and then answers from the store',
    run: async ({ cache }) => {
      const c = await cache();
      let runs = 0;
      const load = () => c.getOrSet('k', async () => ({ run: ++runs }));
      assert.deepEqual(await load(), { run: 1 });
      assert.deepEqual(await load(), { run: 1 });
      assert.deepEqual(await c.get('k'), { run: 1 });
    },
  },
  {
    name: 'getOrSet takes a stored null or undefined for a hit',
    run: async ({ cache }) => {
      const c = await cache();
      for (const nothing of [null, undefined]) {
        await c.set('k', nothing);
        assert.equal(await c.getOrSet('k', () => assert.fail('the factory ran')), nothing);
      }
    },
  },
  {
    name: 'getOrSet runs the factory once for many concurrent callers',
    run: async ({ cache }) => {
      const c = await cache();
      const { promise, open } = gate();
      let runs = 0;
      const callers = Array.from({ length: 200 }, () =>
        c.getOrSet('k', async () => {
          runs++;
          await promise;
          return { list: ['v'] };
        }),
      );
      await until(async () => runs > 0, 'the factory starts');
      open();
      const values = await Promise.all(callers);
      assert.equal(runs, 1);
      for (const value of values) assert.deepEqual(value, { list: ['v'] });
      const [first, second] = values as { list: string[] }[];
      try {
        first!.list.push('changed');
      } catch (error) {
        assert.ok(error instanceof TypeError, 'a frozen value refuses');
      }
      assert.deepEqual(second, { list: ['v'] }, 'callers do not see what another one does to its value');
      assert.deepEqual(await c.get('k'), { list: ['v'] });
    },
  },
  {
    name: 'getOrSet loads different keys side by side',
    run: async ({ cache }) => {
      const c = await cache();
      const { promise, open } = gate();
      const slow = c.getOrSet('slow', () => promise.then(() => 1));
      assert.equal(await c.getOrSet('quick', () => 2), 2);
      open();
      assert.equal(await slow, 1);
    },
  },
  {
    name: 'getOrSet hands an error of the factory to all callers, stores nothing, and tries again',
    run: async ({ cache }) => {
      const c = await cache();
      const { promise, open } = gate();
      let runs = 0;
      const callers = Array.from({ length: 20 }, () =>
        c.getOrSet('k', async () => {
          runs++;
          await promise;
          throw new Error('the source is down');
        }),
      );
      const outcomes = Promise.allSettled(callers);
      await until(async () => runs > 0, 'the factory starts');
      open();
      for (const outcome of await outcomes)
        assert.match(String((outcome as PromiseRejectedResult).reason), /source is down/);
      assert.equal(runs, 1);
      assert.equal(await c.has('k'), false);
      assert.equal(await c.getOrSet('k', () => 'up again'), 'up again');
      await assert.rejects(
        c.getOrSet('sync', () => {
          throw new TypeError('at once');
        }),
        TypeError,
      );
    },
  },
  {
    name: 'does not store what a factory made before a delete',
    run: async ({ cache, features }) => {
      const c = await cache();
      const deletions = {
        delete: () => c.delete('delete'),
        deleteMany: () => c.deleteMany(['deleteMany']),
        ...(features.conditional && { getAndDelete: () => c.getAndDelete('getAndDelete') }),
      };
      for (const [change, remove] of Object.entries(deletions)) {
        const started = gate();
        const { promise, open } = gate();
        const before = c.getOrSet(change, async () => {
          started.open();
          await promise;
          return 'old';
        });
        await started.promise;
        await remove();
        const after = c.getOrSet(change, () => 'new');
        assert.equal(await after, 'new', 'a caller after the delete does not join the load from before');
        open();
        assert.equal(await before, 'old', 'a caller from before gets what it asked for');
        assert.equal(await c.get(change), 'new');
      }
    },
  },
  {
    name: 'does not overwrite a set with what a factory made before',
    run: async ({ cache }) => {
      const c = await cache();
      const started = gate();
      const { promise, open } = gate();
      const loading = c.getOrSet('k', async () => {
        started.open();
        await promise;
        return 'loaded';
      });
      await started.promise;
      await c.set('k', 'set');
      open();
      await loading;
      assert.equal(await c.get('k'), 'set');
    },
  },
  {
    name: 'does not store what a factory made that began while the key was being changed',
    run: async ({ cache, features }) => {
      const c = await cache();
      const changes: [string, () => Promise<unknown>, unknown][] = [
        ['set', () => c.set('set', 'set'), 'set'],
        ['setMany', () => c.setMany([['setMany', 'set']]), 'set'],
        ...(features.conditional
          ? ([
              ['absent', () => c.set('absent', 'set', { when: 'absent' }), 'set'],
              ['increment', () => c.increment('increment'), 1],
            ] satisfies typeof changes)
          : []),
      ];
      for (const [key, change, after] of changes) {
        const { promise, open } = gate();
        let changed = false;
        let beganAfter = false;
        const changing = change().then(() => {
          changed = true;
        });
        const loading = c.getOrSet<unknown>(key, async () => {
          beganAfter = changed;
          await promise;
          return 'loaded';
        });
        await changing;
        open();
        await loading;
        if (!beganAfter) assert.equal(await c.get(key), after, key);
      }
    },
  },
  {
    name: 'getOrSet serves the stale value when the factory fails within the grace',
    run: async ({ cache }) => {
      const c = await cache();
      const options = { ttl: 200, grace: '1h' };
      assert.equal(await c.getOrSet('k', () => 'good', options), 'good');
      await until(async () => !(await c.has('k')), 'the TTL ends: plain reads miss');
      assert.deepEqual(await c.getMany(['k']), new Map());
      const fail = (): never => {
        throw new Error('down');
      };
      assert.equal(await c.getOrSet('k', fail, options), 'good');
      await assert.rejects(c.getOrSet('k', fail), /down/, 'who asks for no grace gets the error');
      let given: unknown;
      const next = await c.getOrSet(
        'k',
        ({ stale, key }) => {
          given = [key, stale];
          return 'better';
        },
        options,
      );
      assert.equal(next, 'better');
      assert.deepEqual(given, ['k', { value: 'good' }]);
      await c.delete('k');
      await assert.rejects(c.getOrSet('k', fail, options), /down/, 'a deleted value is not served as stale');
    },
  },
  {
    name: 'getOrSet forgets a stale value after the grace',
    run: async ({ cache }) => {
      const c = await cache();
      await c.getOrSet('k', () => 'good', { ttl: 100, grace: 200 });
      const attempt = () =>
        c
          .getOrSet('k', () => Promise.reject(new Error('down')), { ttl: 100, grace: 200 })
          .then(
            () => false,
            () => true,
          );
      await until(attempt, 'the grace ends');
    },
  },
  {
    name: 'getOrSet answers stale after the soft timeout, while the factory goes on and stores',
    run: async ({ cache }) => {
      const c = await cache();
      const options = { ttl: 300, grace: '1h', softTimeout: 0 };
      await c.getOrSet('k', () => 'old', options);
      await until(async () => !(await c.has('k')), 'expiry');
      const { promise, open } = gate();
      assert.equal(await c.getOrSet('k', () => promise.then(() => 'new'), { ...options, ttl: '1h' }), 'old');
      assert.equal(await c.getOrSet('k', () => assert.fail('a second load'), options), 'old');
      open();
      await until(async () => (await c.get('k')) === 'new', 'the load in the background stores');
    },
  },
  {
    name: 'getOrSet gives up at the hard timeout, and tells the factory',
    run: async ({ cache }) => {
      const c = await cache();
      const { promise, open } = gate<string>();
      let signal: AbortSignal | undefined;
      const loading = c.getOrSet(
        'k',
        (context) => {
          signal = context.signal;
          return promise;
        },
        { hardTimeout: 300 },
      );
      await rejectsWith('cache.load_timeout', loading);
      assert.equal(signal?.aborted, true);
      open('late');
      assert.equal(await c.getOrSet('k', () => 'next'), 'next');
      assert.equal(await c.get('k'), 'next');
    },
  },
  {
    name: 'getOrSet lets a caller leave by its signal; the factory is told when nobody is left',
    run: async ({ cache }) => {
      const c = await cache();
      const { promise, open } = gate<string>();
      const first = new AbortController();
      const second = new AbortController();
      let signal: AbortSignal | undefined;
      const factory = ({ signal: given }: { signal: AbortSignal }) => {
        signal = given;
        return promise;
      };
      const one = c.getOrSet('k', factory, { signal: first.signal });
      const two = c.getOrSet('k', factory, { signal: second.signal });
      await until(async () => signal !== undefined, 'the factory starts');
      first.abort(new Error('one left'));
      await assert.rejects(one, /one left/);
      assert.equal(signal?.aborted, false);
      second.abort(new Error('two left'));
      await assert.rejects(two, /two left/);
      assert.equal(signal?.aborted, true);
      assert.equal(await c.getOrSet('k', () => 'fresh start'), 'fresh start');
      open('late');
      assert.equal(await c.get('k'), 'fresh start');
      await assert.rejects(
        c.getOrSet('x', () => assert.fail('ran'), { signal: first.signal }),
        /one left/,
      );
    },
  },
  {
    name: 'getOrSet takes the TTL that the factory decides, and the one for nothing',
    run: async ({ cache }) => {
      const c = await cache();
      await c.getOrSet('decided', ({ setTtl }) => setTtl(200), { ttl: '1h' });
      await c.getOrSet('nothing', () => null, { ttl: '1h', negativeTtl: 200 });
      await c.getOrSet('something', () => 0, { ttl: '1h', negativeTtl: 200 });
      await until(async () => !(await c.has('decided')) && !(await c.has('nothing')), 'the short TTLs');
      assert.equal(await c.has('something'), true);
      await rejectsWith(
        'cache.invalid_ttl',
        c.getOrSet('bad', ({ setTtl }) => setTtl(0)),
      );
    },
  },
  {
    name: 'getOrSet shortens TTLs by the jitter, never below zero or above the TTL',
    run: async ({ cache }) => {
      const c = await cache();
      const ends: number[] = [];
      for (let i = 0; i < 30; i++) {
        const before = Date.now();
        await c.getOrSet(`k${i}`, () => i, { ttl: 1_000_000, jitter: 0.5 });
        ends.push((await c.entry(`k${i}`))!.expiresAt! - before);
      }
      for (const end of ends) assert.ok(end >= 499_000 && end <= 1_010_000, String(end));
      assert.ok(Math.max(...ends) - Math.min(...ends) > 10_000, 'they differ');
      await rejectsWith(
        'cache.invalid_argument',
        c.getOrSet('x', () => 1, { jitter: 2 }),
      );
    },
  },
];
