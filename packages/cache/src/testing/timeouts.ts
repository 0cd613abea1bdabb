import assert from 'node:assert/strict';
import { type Case, gate, rejectsWith, until } from './suite.ts';

const never = (): Promise<never> => new Promise(() => {});

/** Factories that hang, and values that cannot be stored. */
export const timeouts: readonly Case[] = [
  {
    name: 'getOrSet gives each caller its own hard timeout, also one that joins a load which hangs',
    run: async ({ cache }) => {
      const c = await cache();
      const started = gate();
      const leave = new AbortController();
      const hanging = c.getOrSet(
        'k',
        () => {
          started.open();
          return never();
        },
        { signal: leave.signal },
      );
      await started.promise;
      await rejectsWith(
        'cache.load_timeout',
        c.getOrSet('k', () => assert.fail('a second load'), { hardTimeout: 300 }),
      );
      const { promise, open } = gate<string>();
      const brief = c.getOrSet('other', () => promise, { hardTimeout: 300 });
      const patient = c.getOrSet('other', () => assert.fail('a second load'), { hardTimeout: '1h' });
      await rejectsWith('cache.load_timeout', brief);
      open('late');
      assert.equal(await patient, 'late', 'the load goes on for who has more time');
      leave.abort(new Error('enough'));
      await assert.rejects(hanging, /enough/);
    },
  },
  {
    name: 'getOrSet ends a load in the background that hangs, and gives the key free to who had joined it',
    run: async ({ cache }) => {
      const c = await cache();
      let key = 'k';
      await c.set(key, 'first', { ttl: 500 });
      let signal: AbortSignal | undefined;
      // Its time begins when the value is old enough, and ends long after that has expired.
      const refresh = { ttl: 500, eagerRefresh: 0.1, hardTimeout: 2_000 };
      await until(async () => {
        const mine = key;
        const hang = (context: { signal: AbortSignal }): Promise<never> => {
          if (mine === key) signal = context.signal;
          return never();
        };
        await c.getOrSet(mine, hang, refresh).catch(() => {});
        // A busy machine let it expire first. Another key: nobody joins a load from before the value was written anew.
        if (!(await c.has(mine)) && signal === undefined) {
          key += '+';
          await c.set(key, 'first', { ttl: 500 });
        }
        return signal !== undefined;
      }, 'a load in the background');
      await until(async () => !(await c.has(key)), 'expiry');
      const isOver = (): boolean => signal?.aborted === true;
      if (!isOver()) {
        const impatient = c.getOrSet(key, () => 'own', { hardTimeout: 50 });
        const outcome = await impatient.catch((error: unknown) => (error as { code?: unknown }).code);
        // A busy machine may come to it when that load has ended, and to an answer of its server too late.
        const isLate = outcome === 'cache.timeout' || (outcome === 'own' && isOver());
        assert.ok(outcome === 'cache.load_timeout' || isLate, `${String(outcome)} beside a load that goes on`);
      }
      assert.equal(await c.getOrSet(key, () => 'own'), 'own', 'who has joined it loads by a factory of its own');
      assert.ok(isOver(), 'the factory is told');
      assert.equal(await c.get(key), 'own');
    },
  },
  {
    name: 'getOrSet gives the lease of a load free that hangs in the background',
    when: ({ shared, conditional }) => shared && conditional,
    run: async ({ cache }) => {
      const [one, two] = [await cache({ lease: '1h' }), await cache({ lease: '1h' })];
      const options = { ttl: 300, grace: '1h', softTimeout: 0 };
      await one.getOrSet('k', () => 'old', options);
      await until(async () => !(await one.has('k')), 'expiry');
      assert.equal(await one.getOrSet<string>('k', never, { ...options, hardTimeout: 1_000 }), 'old');
      assert.equal(await two.getOrSet('k', () => 'new', { ttl: '1h' }), 'new');
    },
  },
  {
    name: 'getOrSet answers a value that cannot be stored, and loads again the next time',
    when: ({ stores }) => stores !== 'values',
    run: async ({ cache, features }) => {
      const c = await cache({ lease: '1h' });
      class Money {
        readonly cents = 1;
      }
      const values = [new Money(), 'x'.repeat(Math.min(features.maxValueBytes ?? 0, 2 ** 21) + 1)];
      const tooLarge = features.maxValueBytes !== null && features.maxValueBytes < 2 ** 21;
      for (const value of tooLarge ? values : values.slice(0, 1)) {
        for (let round = 0; round < 2; round++) {
          const started = gate();
          const { promise, open } = gate();
          const made = c.getOrSet('k', async () => {
            started.open();
            await promise;
            return value;
          });
          await started.promise;
          const joined = c.getOrSet<unknown>('k', () => 'of a joiner that came late');
          open();
          assert.equal(await made, value);
          assert.ok([value, 'of a joiner that came late'].includes((await joined) as string));
          await c.delete('k');
        }
        await rejectsWith(
          typeof value === 'string' ? 'cache.value_too_large' : 'cache.not_serializable',
          c.set('k', value),
        );
      }
      assert.deepEqual(
        await c.getOrSetMany(
          ['a', 'b'],
          () =>
            new Map<string, unknown>([
              ['a', values[0]],
              ['b', 1],
            ]),
        ),
        new Map<string, unknown>([
          ['a', values[0]],
          ['b', 1],
        ]),
      );
      assert.equal(await c.has('a'), false);
      assert.equal(await c.get('b'), 1);
    },
  },
];
