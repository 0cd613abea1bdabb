import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Case, hostileKeys, plainValues, rejectsWith, richValues, until } from './suite.ts';

/** Values, keys, batches, expiry, namespaces. */
export const basics: readonly Case[] = [
  {
    name: 'answers undefined, false and nothing for a key that was never set',
    run: async ({ cache }) => {
      const c = await cache();
      assert.equal(await c.get('nobody'), undefined);
      assert.equal(await c.entry('nobody'), undefined);
      assert.equal(await c.has('nobody'), false);
      assert.equal(await c.delete('nobody'), false);
      assert.deepEqual(await c.getMany(['nobody', 'none']), new Map());
      assert.deepEqual(await c.deleteMany(['nobody', 'none']), new Set());
    },
  },
  {
    name: 'keeps plain values as they are, null and undefined included',
    run: async ({ cache }) => {
      const c = await cache();
      for (const value of plainValues) {
        assert.equal(await c.set('k', value), true);
        assert.deepEqual(await c.get('k'), value);
        const { version: _, ...entry } = (await c.entry('k'))!;
        assert.deepEqual(entry, { value, expiresAt: null });
        assert.deepEqual(await c.getMany(['k']), new Map([['k', value]]));
        assert.equal(await c.has('k'), true);
      }
    },
  },
  {
    name: 'keeps what a database answers: dates, bigints, bytes, maps, sets, NaN',
    run: async ({ cache }) => {
      const c = await cache({ serializer: undefined });
      for (const value of richValues) {
        await c.set('k', value);
        assert.deepEqual(await c.get('k'), value);
        assert.deepEqual(await c.getMany(['k']), new Map([['k', value]]));
        assert.deepEqual(await c.getOrSet('made', () => value), value);
        assert.deepEqual(await c.getOrSet('made', () => assert.fail('the factory ran')), value);
        await c.delete('made');
      }
      await c.set('k', { at: new Date(Number.NaN) });
      assert.ok(Number.isNaN((await c.get<{ at: Date }>('k'))!.at.getTime()));
    },
  },
  {
    name: 'replaces a value by the next one',
    run: async ({ cache }) => {
      const c = await cache();
      await c.set('k', { long: 'x'.repeat(1_000) });
      await c.set('k', 1);
      assert.equal(await c.get('k'), 1);
    },
  },
  {
    name: 'keeps hostile keys apart, one by one and in batches',
    run: async ({ cache }) => {
      const c = await cache();
      for (const key of hostileKeys) {
        assert.equal(await c.get(key), undefined, `a fresh ${JSON.stringify(key)} is a miss`);
        await c.set(key, `value of ${key}`);
      }
      for (const key of hostileKeys) assert.equal(await c.get(key), `value of ${key}`);
      await c.setMany(hostileKeys.map((key) => [key, `second of ${key}`]));
      const all = await c.getMany(hostileKeys);
      for (const key of hostileKeys) assert.equal(all.get(key), `second of ${key}`);
      for (const [i, key] of hostileKeys.entries()) {
        assert.equal(await c.delete(key), true);
        assert.equal(await c.has(key), false);
        const next = hostileKeys[i + 1];
        if (next !== undefined)
          assert.equal(await c.has(next), true, `deleting ${JSON.stringify(key)} left its neighbour`);
      }
    },
  },
  {
    name: 'refuses keys that are empty, malformed or no strings',
    run: async ({ cache }) => {
      const c = await cache();
      for (const key of ['', 'a\ud800', '\udc00b', null, undefined, 1, {}, ['a']] as string[]) {
        await rejectsWith('cache.invalid_key', c.get(key));
        await rejectsWith('cache.invalid_key', c.set(key, 1));
        await rejectsWith('cache.invalid_key', c.delete(key));
        await rejectsWith('cache.invalid_key', c.getMany([key]));
      }
    },
  },
  {
    name: 'answers batches by key: partial hits, repeated keys, more keys than one call takes',
    run: async ({ cache }) => {
      const c = await cache();
      const entries = Array.from({ length: 1_234 }, (_, i) => [`k${i}`, i] as const);
      await c.setMany(entries);
      assert.deepEqual(
        await c.getMany(['no', 'k7', 'k7', 'neither', 'k3']),
        new Map([
          ['k7', 7],
          ['k3', 3],
        ]),
      );
      const all = await c.getMany<number>(entries.map(([key]) => key));
      assert.deepEqual(all, new Map(entries));
      assert.deepEqual(await c.deleteMany(['k1', 'no', 'k1', 'k2']), new Set(['k1', 'k2']));
      const left = entries.map(([key]) => key).filter((key) => key !== 'k1' && key !== 'k2');
      assert.deepEqual(await c.deleteMany(entries.map(([key]) => key)), new Set(left));
      assert.deepEqual(await c.getMany(entries.map(([key]) => key)), new Map());
    },
  },
  {
    name: 'takes empty batches',
    run: async ({ cache }) => {
      const c = await cache();
      assert.deepEqual(await c.getMany([]), new Map());
      await c.setMany([]);
      assert.deepEqual(await c.deleteMany([]), new Set());
    },
  },
  {
    name: 'lets the last of equal keys in a batch count',
    run: async ({ cache }) => {
      const c = await cache();
      await c.setMany([
        ['k', 1],
        ['j', 2],
        ['k', 3],
      ]);
      assert.deepEqual(
        await c.getMany(['k', 'j']),
        new Map([
          ['k', 3],
          ['j', 2],
        ]),
      );
    },
  },
  {
    name: 'gives each of many concurrent callers the answer to its own key',
    run: async ({ cache }) => {
      const c = await cache();
      const keys = Array.from({ length: 300 }, (_, i) => `k${i}`);
      await Promise.all(keys.map(async (key, i) => i % 3 === 0 || c.set(key, key.repeat(1 + (i % 50)))));
      for (let round = 0; round < 3; round++) {
        const answers = await Promise.all(keys.map((key) => c.get(key)));
        assert.deepEqual(
          answers,
          keys.map((key, i) => (i % 3 === 0 ? undefined : key.repeat(1 + (i % 50)))),
        );
      }
    },
  },
  {
    name: 'forgets a value after its TTL, and not before',
    run: async ({ cache, features }) => {
      const c = await cache();
      const ttl = 400;
      const before = Date.now();
      await c.set('short', 'v', { ttl });
      await c.setMany([['many', 'v']], { ttl: `${ttl}ms` });
      await c.set('long', 'v', { ttl: '1h' });
      await c.set('forever', 'v', { ttl: null });
      await c.set('far', 'v', { ttl: '400d' }); // some backends take more than 30 days for a date
      const inTime = [await c.get('short'), await c.get('many')];
      if (Date.now() - before < ttl) assert.deepEqual(inTime, ['v', 'v']);
      const { expiresAt } = (await c.entry('long'))!;
      assert.ok(expiresAt! >= before + 3_600_000 && expiresAt! <= Date.now() + 3_600_000);
      await until(async () => !(await c.has('short')) && !(await c.has('many')), 'expiry');
      const took = Date.now() - before;
      assert.ok(took >= ttl - 5, `expired after ${took} ms of ${ttl}`);
      assert.ok(
        took < ttl + 5_000,
        `still there ${took} ms after a TTL of ${ttl} ms (step ${features.ttlResolutionMs} ms)`,
      );
      assert.deepEqual(
        await c.getMany(['short', 'many', 'long', 'forever', 'far']),
        new Map([
          ['long', 'v'],
          ['forever', 'v'],
          ['far', 'v'],
        ]),
      );
      if (features.ttlResolutionMs === 1) assert.equal(await c.delete('short'), false);
    },
  },
  {
    name: 'keeps a value nearly until the end of its TTL',
    run: async ({ cache }) => {
      const c = await cache();
      const ttl = 400;
      for (;;) {
        const before = Date.now();
        await c.set('k', 'v', { ttl });
        await sleep(ttl - 150);
        const value = await c.get('k');
        // A process that was held up says nothing of the driver: again.
        if (Date.now() - before >= ttl) continue;
        assert.equal(value, 'v');
        return;
      }
    },
  },
  {
    name: 'takes the TTL of the last write',
    run: async ({ cache }) => {
      const c = await cache();
      await c.set('kept', 1, { ttl: 300 });
      await c.set('kept', 2);
      await c.set('kept longer', 1, { ttl: 300 });
      await c.set('kept longer', 2, { ttl: '1h' });
      await c.set('cut', 1, { ttl: '1h' });
      await c.set('cut', 2, { ttl: 300 });
      await until(async () => !(await c.has('cut')), 'the shorter TTL');
      assert.equal(await c.get('kept'), 2);
      assert.equal(await c.get('kept longer'), 2);
    },
  },
  {
    name: 'uses the TTL of the cache where a call names none',
    run: async ({ cache }) => {
      const c = await cache({ ttl: 300 });
      await c.set('k', 1);
      await c.set('forever', 1, { ttl: null });
      await until(async () => !(await c.has('k')), 'the default TTL');
      assert.equal(await c.get('forever'), 1);
    },
  },
  {
    name: 'refuses a TTL that is zero, negative, not a number, or not a duration',
    run: async ({ cache }) => {
      const c = await cache();
      await c.set('k', 'old');
      for (const ttl of [
        0,
        -1,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        '0s',
        '-5m',
        '',
        '5 parsecs',
        'forever',
        {},
        true,
      ] as number[]) {
        await rejectsWith('cache.invalid_ttl', c.set('k', 'new', { ttl }));
        await rejectsWith('cache.invalid_ttl', c.setMany([['k', 'new']], { ttl }));
        await rejectsWith(
          'cache.invalid_ttl',
          c.getOrSet('other', () => 'new', { ttl }),
        );
      }
      assert.equal(await c.get('k'), 'old');
    },
  },
  {
    name: 'takes TTLs shorter than its step and with fractions',
    run: async ({ cache }) => {
      const c = await cache();
      for (const ttl of [0.2, 1, 1.5, '0.5ms']) {
        assert.equal(await c.set('k', 1, { ttl }), true);
        await until(async () => !(await c.has('k')), `a TTL of ${ttl}`);
      }
    },
  },
  {
    name: 'never lets a reader change what is stored',
    run: async ({ cache }) => {
      const c = await cache();
      const mine = { list: [1], deep: { a: 1 } };
      await c.set('k', mine);
      const got = await c.get<typeof mine>('k');
      for (const change of [() => got!.list.push(2), () => (got!.deep.a = 2), () => mine.list.push(3)]) {
        try {
          change();
        } catch (error) {
          assert.ok(error instanceof TypeError, 'a frozen value refuses');
        }
      }
      assert.deepEqual(await c.get('k'), { list: [1], deep: { a: 1 } });
    },
  },
  {
    name: 'keeps namespaces apart, whatever their names and keys',
    run: async ({ cache }) => {
      const c = await cache();
      const names = ['a', 'a:b', 'a/b', 'b', '%', ':', '/', '*', '😀', 'A', '\r\n', '{x}'];
      const places = [
        c,
        ...names.map((name) => c.namespace(name)),
        c.namespace('a').namespace('b'),
        c.namespace('b').namespace('a'),
      ];
      const keys = ['k', 'b:k', 'a/b:k', ':k', '/k', 'a:k'];
      for (const [i, place] of places.entries()) for (const key of keys) await place.set(key, `${i} ${key}`);
      for (const [i, place] of places.entries())
        for (const key of keys) assert.equal(await place.get(key), `${i} ${key}`);
      assert.equal(await c.namespace('a').namespace('b').get('k'), await places[names.length + 1]!.get('k'));
      await places[1]!.deleteMany(keys);
      for (const [i, place] of places.entries()) {
        for (const key of keys) assert.equal(await place.has(key), i !== 1, `${i} ${key}`);
      }
    },
  },
  {
    name: 'writes only where asked to: absent, present',
    when: ({ conditional }) => conditional,
    run: async ({ cache }) => {
      const c = await cache();
      assert.equal(await c.set('k', 1, { when: 'present' }), false);
      assert.equal(await c.has('k'), false);
      assert.equal(await c.set('k', 2, { when: 'absent' }), true);
      assert.equal(await c.set('k', 3, { when: 'absent' }), false);
      assert.equal(await c.get('k'), 2);
      assert.equal(await c.set('k', 3, { when: 'present', ttl: 100 }), true);
      await until(async () => !(await c.has('k')), 'expiry');
      assert.equal(await c.set('k', 4, { when: 'present' }), false);
      assert.equal(await c.set('k', 5, { when: 'absent' }), true);
      assert.equal(await c.set('k', 6, { when: 'present', ttl: '1h' }), true);
      assert.equal(await c.get('k'), 6);
    },
  },
  {
    name: 'lets one of many concurrent writers of an absent key win',
    when: ({ conditional }) => conditional,
    run: async ({ cache }) => {
      const c = await cache();
      const outcomes = await Promise.all(Array.from({ length: 40 }, (_, i) => c.set('k', i, { when: 'absent' })));
      assert.equal(outcomes.filter(Boolean).length, 1);
      assert.equal(await c.get('k'), outcomes.indexOf(true));
    },
  },
  {
    name: 'refuses conditional writes before any I/O where it cannot do them',
    when: ({ conditional }) => !conditional,
    run: async ({ cache }) => {
      const c = await cache();
      await rejectsWith('cache.unsupported', c.set('k', 1, { when: 'absent' }));
      assert.equal(await c.has('k'), false);
    },
  },
  {
    name: 'refuses a value over its limit, and keeps the old one',
    when: ({ maxValueBytes }) => maxValueBytes !== null && maxValueBytes <= 64 * 1024 * 1024,
    run: async ({ cache, features }) => {
      const c = await cache();
      await c.set('k', 'old');
      await rejectsWith('cache.value_too_large', c.set('k', 'x'.repeat(features.maxValueBytes! + 1)));
      assert.equal(await c.get('k'), 'old');
      const most = 'x'.repeat(features.maxValueBytes! - 100);
      await c.set('k', most);
      assert.equal(await c.get('k'), most);
    },
  },
  {
    name: 'reads through a schema: what does not fit is a miss',
    run: async ({ cache }) => {
      const c = await cache();
      const schema = {
        '~standard': {
          version: 1 as const,
          vendor: 'conformance',
          validate: (value: unknown) =>
            typeof value === 'number' ? { value: value * 2 } : { issues: [{ message: 'a number is needed' }] },
        },
      };
      await c.set('number', 21);
      await c.set('text', 'x');
      assert.equal(await c.get('number', { schema }), 42);
      assert.equal(await c.get('text', { schema }), undefined);
      assert.equal(await c.entry('text', { schema }), undefined);
      assert.deepEqual(await c.getMany(['number', 'text', 'none'], { schema }), new Map([['number', 42]]));
      assert.equal(await c.getOrSet('text', () => 1, { schema }), 1);
      assert.equal(await c.get('text', { schema }), 2);
    },
  },
];
