import assert from 'node:assert/strict';
import { type Case, gate, until } from './suite.ts';

const shared: Case['when'] = (features) => features.shared && features.conditional;

/** Two caches on one backend, as two processes have them. */
export const processes: readonly Case[] = [
  {
    name: 'shows one process what another did',
    when: shared,
    run: async ({ cache }) => {
      const [one, two] = [await cache(), await cache()];
      await one.set('k', { a: 1 }, { ttl: '1h', tags: ['t'] });
      assert.deepEqual(await two.get('k'), { a: 1 });
      await two.invalidateTags(['t']);
      assert.equal(await one.get('k'), undefined);
      await one.namespace('n').set('k', 1);
      assert.equal(await two.namespace('n').delete('k'), true);
      assert.equal(await one.namespace('n').has('k'), false);
    },
  },
  {
    name: 'runs one factory for the callers of all processes',
    when: shared,
    run: async ({ cache }) => {
      const caches = await Promise.all([cache(), cache(), cache(), cache()]);
      const { promise, open } = gate();
      let runs = 0;
      const callers = caches.flatMap((c) =>
        Array.from({ length: 25 }, () =>
          c.getOrSet('k', async () => {
            runs++;
            await promise;
            return { by: 'one' };
          }),
        ),
      );
      await until(async () => runs > 0, 'the factory starts');
      assert.equal(await caches[1].get('k'), undefined, 'a lease is no value');
      assert.equal(await caches[1].has('k'), false);
      open();
      for (const value of await Promise.all(callers)) assert.deepEqual(value, { by: 'one' });
      assert.equal(runs, 1);
    },
  },
  {
    name: 'lets another process load when the factory of the first fails',
    when: shared,
    run: async ({ cache }) => {
      const [one, two] = [await cache(), await cache()];
      const started = gate();
      const { promise, open } = gate();
      const failing = one.getOrSet('k', async () => {
        started.open();
        await promise;
        throw new Error('down');
      });
      failing.catch(() => {});
      await started.promise;
      const waiting = two.getOrSet('k', () => 'two');
      open();
      await assert.rejects(failing, /down/);
      assert.equal(await waiting, 'two');
      assert.equal(await one.get('k'), 'two');
    },
  },
  {
    name: 'never stores a value from before another process deleted, set or invalidated the key',
    when: shared,
    run: async ({ cache }) => {
      const [one, two] = [await cache(), await cache()];
      const changes: Record<string, { change: () => Promise<unknown>; after: unknown }> = {
        delete: { change: () => two.delete('delete'), after: 'new' },
        set: { change: () => two.set('set', 'set'), after: 'set' },
        tag: { change: () => two.invalidateTags(['tag']), after: 'new' },
        increment: { change: () => two.increment('increment', 7), after: 7 },
        take: { change: () => two.getAndDelete('take'), after: 'new' },
        absent: { change: () => two.set('absent', 'set', { when: 'absent' }), after: 'set' },
        stale: { change: () => two.delete('stale'), after: 'new' },
      };
      for (const [key, { change, after }] of Object.entries(changes)) {
        const options = { tags: ['tag'], ttl: 100, grace: '1h' };
        if (key === 'stale') {
          await one.getOrSet(key, () => 'older', options);
          await until(async () => !(await one.has(key)), 'expiry');
        }
        const started = gate();
        const { promise, open } = gate();
        const before = one.getOrSet<unknown>(
          key,
          async () => {
            started.open();
            await promise;
            return 'old';
          },
          { ...options, ttl: '1h' },
        );
        await started.promise;
        await change();
        // Both a caller of the other process and one of the loading process see the change at once.
        const load = (c: typeof one) => c.getOrSet<unknown>(key, () => 'new', { tags: ['tag'] });
        assert.equal(await load(two), after, `${key}: the other process`);
        assert.equal(await load(one), after, `${key}: the process that was loading`);
        open();
        assert.equal(await before, 'old');
        assert.equal(await two.get(key), after, `${key}: afterwards`);
      }
    },
  },
  {
    name: 'replaces a holder of the lease that died, and refuses it when it comes back',
    when: shared,
    run: async ({ cache }) => {
      // What hangs below ends after the timeout of the first, for which this case waits.
      const options = { lease: 600, breaker: false } as const;
      const [one, two] = [await cache({ ...options, timeout: '5s' }), await cache(options)];
      const started = gate();
      const { promise, open } = gate();
      const dead = one.getOrSet('k', async () => {
        started.open();
        await promise;
        return 'late';
      });
      await started.promise;
      // Dead to the world: its renewals stop, as if its process had been killed or stopped.
      const { driver } = one;
      const set = driver.set.bind(driver);
      driver.set = () => new Promise(() => {});
      assert.equal(await two.getOrSet('k', () => 'replaced'), 'replaced');
      driver.set = set;
      open();
      assert.equal(await dead, 'late');
      assert.equal(await two.get('k'), 'replaced');
    },
  },
  {
    name: 'renews the lease of a slow factory',
    when: shared,
    run: async ({ cache }) => {
      // Long enough that a busy machine, which runs both processes here, does not miss two renewals in a row.
      const [one, two] = [await cache({ lease: 3_000 }), await cache({ lease: 3_000 })];
      const { promise, open } = gate();
      const started = gate();
      const begin = Date.now();
      const slow = one.getOrSet('k', async () => {
        started.open();
        await promise;
        return 'slow';
      });
      await started.promise;
      let ran = false;
      const waiting = two.getOrSet('k', () => {
        ran = true;
        return 'impatient';
      });
      await until(async () => Date.now() - begin > 4_500, 'a lease and a half pass');
      open();
      assert.equal(await slow, 'slow');
      assert.equal(await waiting, 'slow');
      assert.equal(ran, false);
    },
  },
  {
    name: 'serves the stale value while another process loads, and keeps it when that one fails',
    when: shared,
    run: async ({ cache }) => {
      const [one, two] = [await cache(), await cache()];
      const options = { ttl: 100, grace: '1h', softTimeout: 1 };
      await one.getOrSet('k', () => 'stale', options);
      await until(async () => !(await one.has('k')), 'expiry');
      const started = gate();
      const { promise, open } = gate();
      const first = one.getOrSet(
        'k',
        async () => {
          started.open();
          await promise;
          throw new Error('down');
        },
        options,
      );
      await started.promise;
      assert.equal(await two.getOrSet<string>('k', () => 'fresh', { ...options, ttl: '1h' }), 'stale');
      assert.equal(await first, 'stale');
      open();
      await until(async () => (await two.get('k')) === 'fresh', 'the other process takes over');
    },
  },
];
