import assert from 'node:assert/strict';
import type { Cache } from '../cache.ts';
import { type Case, type CaseTools, gate, hostileKeys, patient, rejectsWith, until } from './suite.ts';

const canCompare: Case['when'] = (features) => features.conditional;

async function collect(keys: AsyncIterable<string>): Promise<string[]> {
  const all = new Set<string>();
  for await (const key of keys) all.add(key);
  return [...all].toSorted();
}

/** Fills a tree of namespaces, clears one branch, and looks at every leaf. */
async function clearsOneBranch(c: Cache): Promise<void> {
  const names = ['a', 'ab', 'a:b', 'a/b', 'A', '*', 'a*', '[a]', '?', '\\', '{a}', '\r\n', 'b'];
  const branches = [
    c.namespace('a'),
    c.namespace('a').namespace('deep'),
    c.namespace('a').namespace('deep').namespace('er'),
  ];
  const siblings = [c, ...names.slice(1).map((name) => c.namespace(name)), c.namespace('b').namespace('a')];
  const keys = ['k', 'a:k', '/k', '*'];
  for (const place of [...branches, ...siblings]) await place.setMany(keys.map((key) => [key, key]));
  await c.namespace('a').clear();
  for (const place of branches) assert.equal((await place.getMany(keys)).size, 0, 'the branch is empty');
  for (const [i, place] of siblings.entries())
    assert.equal((await place.getMany(keys)).size, keys.length, `sibling ${i}`);
  await branches[1]!.set('k', 'again');
  assert.equal(await branches[1]!.get('k'), 'again');
  await c.namespace('*').clear();
  assert.equal((await c.namespace('a*').getMany(keys)).size, keys.length, 'a name is not a pattern');
  await c.clear();
  for (const place of [...branches, ...siblings]) assert.equal((await place.getMany(keys)).size, 0);
  await c.clear();
}

/** A clear or an invalidation while a factory runs. */
async function endsLoads(c: Cache, tags: readonly string[], end: () => Promise<void>): Promise<void> {
  const started = gate();
  const { promise, open } = gate();
  const before = c.getOrSet(
    'k',
    async () => {
      started.open();
      await promise;
      return 'old';
    },
    { tags },
  );
  await started.promise;
  await end();
  assert.equal(await c.getOrSet('k', () => 'new', { tags }), 'new');
  open();
  assert.equal(await before, 'old');
  assert.equal(await c.get('k'), 'new');
}

/** Tags, listing, clearing. */
export const invalidation: readonly Case[] = [
  {
    name: 'lists the keys of a namespace, all and by prefix',
    when: ({ enumerate }) => enumerate,
    run: async ({ cache }) => {
      const c = await cache();
      const inner = c.namespace('inner');
      await c.setMany(hostileKeys.map((key) => [key, 1]));
      await inner.setMany([
        ['x1', 1],
        ['x2', 2],
        ['y', 3],
      ]);
      assert.deepEqual(await collect(c.keys()), [...hostileKeys].toSorted());
      assert.deepEqual(await collect(inner.keys()), ['x1', 'x2', 'y']);
      assert.deepEqual(await collect(inner.keys({ prefix: 'x' })), ['x1', 'x2']);
      for (const prefix of ['*', '[a-z]', '\\', '?', 'a']) {
        assert.deepEqual(
          await collect(c.keys({ prefix })),
          hostileKeys.filter((key) => key.startsWith(prefix)).toSorted(),
        );
      }
      assert.deepEqual(await collect(c.namespace('none').keys()), []);
    },
  },
  {
    name: 'clears one namespace with those below it, and no sibling',
    when: ({ enumerate }) => enumerate,
    run: async ({ cache }) => clearsOneBranch(await cache()),
  },
  {
    name: 'clears a namespace at once, by generation',
    when: canCompare,
    run: async ({ cache }) => {
      const c = await cache({ clear: 'generation' });
      await clearsOneBranch(c);
      await c.increment('n', 5);
      assert.equal(await c.increment('n'), 6);
      await c.clear();
      assert.equal(await c.has('n'), false);
      assert.equal(await c.increment('n'), 1);
      assert.equal(await c.set('k', 1, { when: 'absent' }), true);
      await c.clear();
      assert.equal(await c.set('k', 2, { when: 'present' }), false);
      assert.equal(await c.set('k', 2, { when: 'absent' }), true);
      assert.equal(await c.get('k'), 2);
      assert.equal(await c.touch('k', '1h'), true);
      assert.equal(await c.get('k'), 2);
    },
  },
  {
    name: 'lists nothing that a clear by generation has left behind',
    when: ({ enumerate, conditional }) => enumerate && conditional,
    run: async ({ cache }) => {
      const c = await cache({ clear: 'generation' });
      const inner = c.namespace('inner');
      for (const one of [c, inner]) await one.set('a', 1);
      await c.clear();
      for (const one of [c, inner]) {
        assert.deepEqual(await collect(one.keys()), []);
        await one.set('b', 1, { tags: ['t'] });
        assert.deepEqual(await collect(one.keys()), ['b']);
      }
    },
  },
  {
    name: 'stores nothing of a load from before a clear',
    when: ({ enumerate, conditional }) => enumerate || conditional,
    run: async ({ cache, features }) => {
      if (features.enumerate) {
        const c = await cache();
        await endsLoads(c.namespace('n'), [], () => c.clear());
      }
      if (features.conditional) {
        const c = await cache({ clear: 'generation' });
        await endsLoads(c.namespace('n'), [], () => c.clear());
      }
    },
  },
  {
    name: 'refuses keys and clear before any I/O where it cannot list',
    when: ({ enumerate }) => !enumerate,
    run: async ({ cache }) => {
      const c = await cache();
      assert.throws(() => c.keys(), { code: 'cache.unsupported' });
      await rejectsWith('cache.unsupported', c.clear());
    },
  },
  {
    name: 'invalidates by tag: the entries that have it, and no others',
    when: canCompare,
    run: async ({ cache }) => {
      const c = await cache();
      await c.set('a', 1, { tags: ['red', 'big'] });
      await c.set('b', 2, { tags: ['red'] });
      await c.set('c', 3, { tags: ['big'] });
      await c.setMany(
        [
          ['d', 4],
          ['e', 5],
        ],
        { tags: ['red', 'blue'] },
      );
      await c.set('f', 6);
      assert.deepEqual((await c.getMany(['a', 'b', 'c', 'd', 'e', 'f'])).size, 6);
      await c.invalidateTags(['red']);
      assert.deepEqual(
        await c.getMany(['a', 'b', 'c', 'd', 'e', 'f']),
        new Map([
          ['c', 3],
          ['f', 6],
        ]),
      );
      for (const key of ['a', 'b', 'd']) {
        assert.equal(await c.get(key), undefined);
        assert.equal(await c.has(key), false);
        assert.equal(await c.entry(key), undefined);
        assert.equal(await c.ttl(key), undefined);
        assert.equal(await c.touch(key, '1h'), false);
      }
      assert.equal(await c.set('a', 'x', { when: 'present' }), false);
      assert.equal(await c.set('a', 'again', { when: 'absent', tags: ['red'] }), true);
      assert.equal(await c.get('a'), 'again');
      await c.set('b', 'untagged');
      await c.invalidateTags(['red', 'never used', 'red']);
      assert.equal(await c.get('a'), undefined);
      assert.equal(await c.get('b'), 'untagged');
      await c.invalidateTags([]);
    },
  },
  {
    name: 'keeps tags apart, whatever their names, and within their namespace',
    when: canCompare,
    run: async ({ cache }) => {
      const c = await cache();
      for (const tag of hostileKeys) await c.set(tag, tag, { tags: [tag] });
      await c.namespace('n').set('k', 1, { tags: ['*'] });
      for (const [i, tag] of hostileKeys.entries()) {
        await c.invalidateTags([tag]);
        assert.equal(await c.has(tag), false);
        const next = hostileKeys[i + 1];
        if (next !== undefined) assert.equal(await c.has(next), true, JSON.stringify([tag, next]));
      }
      assert.equal(await c.namespace('n').get('k'), 1);
      await rejectsWith('cache.invalid_argument', c.set('k', 1, { tags: [''] }));
      await rejectsWith('cache.invalid_argument', c.set('k', 1, { tags: ['\ud800'] }));
    },
  },
  {
    name: 'getOrSet loads again after its tag was invalidated, and serves no invalidated value as stale',
    when: canCompare,
    run: async ({ cache }) => {
      const c = await cache();
      const options = { tags: ['t'], ttl: 100, grace: '1h' };
      assert.equal(await c.getOrSet('k', () => 'one', options), 'one');
      await until(async () => !(await c.has('k')), 'expiry');
      const down = () => Promise.reject(new Error('down'));
      assert.equal(await c.getOrSet<string>('k', down, options), 'one');
      await c.invalidateTags(['t']);
      await assert.rejects(c.getOrSet<string>('k', down, options), /down/);
      assert.equal(await c.getOrSet('k', () => 'two', options), 'two');
    },
  },
  {
    name: 'stores nothing that counts of a load from before an invalidation',
    when: canCompare,
    run: async ({ cache }) => {
      const c = await cache();
      await endsLoads(c, ['t', 'u'], () => c.invalidateTags(['u']));
    },
  },
  {
    name: 'takes a lost tag version for an invalidation',
    when: canCompare,
    run: async ({ cache, features, prefix }) => {
      const c = await cache();
      await c.set('k', 1, { tags: ['t'] });
      if (!features.enumerate) return;
      for await (const page of c.driver.scan!(`${prefix}//tag:`, patient)) {
        await c.driver.delete(page, patient);
      }
      assert.equal(await c.get('k'), undefined);
    },
  },
  {
    name: 'getOrSetMany loads what is missing in one run',
    run: async ({ cache }) => {
      const c = await cache();
      await c.setMany([
        ['a', 1],
        ['b', null],
      ]);
      const runs: (readonly string[])[] = [];
      const load = (keys: readonly string[]) => {
        runs.push(keys);
        return new Map(keys.filter((key) => key !== 'unknown').map((key) => [key, `made ${key}`]));
      };
      const got = await c.getOrSetMany<unknown>(['a', 'x', 'b', 'unknown', 'y', 'x'], load);
      assert.deepEqual(
        [...got],
        [
          ['a', 1],
          ['x', 'made x'],
          ['b', null],
          ['y', 'made y'],
        ],
      );
      assert.deepEqual(runs.flat().toSorted(), ['unknown', 'x', 'y']);
      assert.deepEqual(
        await c.getMany(['x', 'y', 'unknown']),
        new Map([
          ['x', 'made x'],
          ['y', 'made y'],
        ]),
      );
      runs.length = 0;
      assert.equal((await c.getOrSetMany<unknown>(['a', 'x', 'y'], load)).size, 3);
      assert.deepEqual(runs, []);
      assert.deepEqual(await c.getOrSetMany([], () => assert.fail('ran')), new Map());
      await assert.rejects(
        c.getOrSetMany(['p', 'q'], () => {
          throw new Error('down');
        }),
        /down/,
      );
      assert.equal((await c.getMany(['p', 'q'])).size, 0);
    },
  },
  {
    name: 'getOrSetMany shares loads with other callers, key by key',
    run: async ({ cache }) => {
      const c = await cache();
      const { promise, open } = gate();
      const started = gate();
      const single = c.getOrSet('x', async () => {
        started.open();
        await promise;
        return 'by getOrSet';
      });
      await started.promise;
      const asked: string[] = [];
      const many = c.getOrSetMany(['x', 'y', 'z'], async (keys) => {
        asked.push(...keys);
        await promise;
        return new Map(keys.filter((key) => key !== 'z').map((key) => [key, 'by getOrSetMany']));
      });
      await until(async () => asked.length >= 2, 'the batch starts without the key that is being loaded');
      const joined = [c.getOrSet('y', () => 'own'), c.getOrSet('z', () => 'own')];
      open();
      assert.deepEqual(
        await many,
        new Map([
          ['x', 'by getOrSet'],
          ['y', 'by getOrSetMany'],
        ]),
      );
      assert.equal(await single, 'by getOrSet');
      assert.deepEqual(asked.toSorted(), ['y', 'z']);
      assert.deepEqual(
        await Promise.all(joined),
        ['by getOrSetMany', 'own'],
        'who needs a key that was left out loads it',
      );
    },
  },
  {
    name: 'getOrSet refreshes early in the background, once',
    run: async ({ cache }: CaseTools) => {
      const c = await cache();
      const options = { ttl: 60_000, eagerRefresh: 0.000_01 };
      await c.getOrSet('k', () => 'one', options);
      await until(async () => ((await c.entry('k'))?.expiresAt ?? 0) - Date.now() < 59_990, 'the value is old enough');
      let runs = 0;
      const { promise, open } = gate();
      const load = () =>
        c.getOrSet(
          'k',
          async () => {
            runs++;
            await promise;
            return 'two';
          },
          options,
        );
      assert.deepEqual(await Promise.all([load(), load(), load()]), ['one', 'one', 'one']);
      await until(async () => runs > 0, 'the refresh starts');
      assert.equal(await load(), 'one');
      open();
      await until(async () => (await c.get('k')) === 'two', 'the refresh stores');
      assert.equal(runs, 1);
      await rejectsWith(
        'cache.invalid_argument',
        c.getOrSet('k', () => 1, { ttl: 1_000, eagerRefresh: 1 }),
      );
    },
  },
];
