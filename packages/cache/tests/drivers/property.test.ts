// Random operations on each driver, against one model: whatever the backend, the cache answers the same.
import { isDeepStrictEqual } from 'node:util';
import { createSerializer, v8 } from '@ent/serialization';
import { randomOf, type Server, startServer, uniqueName } from '@ent/testkit';
import { describeWithServer, itInDepth } from '@ent/testkit/vitest';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type Cache, createCache } from '../../src/cache.ts';
import type { CacheDriver } from '../../src/driver.ts';
import { memcached } from '../../src/drivers/memcached/index.ts';
import { memory } from '../../src/drivers/memory/index.ts';
import { redis } from '../../src/drivers/redis/index.ts';
import { hostileKeys } from '../../src/testing/suite.ts';
import { bytesDriver } from '../fixtures/bytes-driver.ts';

const OPERATIONS = { full: 100_000, ci: 4_000, of: 'operations' };
/** Each has a namespace to itself, so that its model needs no locks; together they load the backend. */
const WORKERS = 50;

const values: readonly unknown[] = [
  null,
  undefined,
  true,
  0,
  -7,
  42,
  1.5,
  Number.NaN,
  Number.NEGATIVE_INFINITY,
  Number.MAX_SAFE_INTEGER,
  2 ** 60,
  10n ** 30n,
  '',
  '42',
  'null',
  '👩‍👩‍👧‍👦\0\r\n',
  'x'.repeat(5_000),
  new Uint8Array([0, 193, 255, 13, 10]),
  new Date(8.64e15),
  new Map<unknown, unknown>([['a', new Set([1, null])]]),
  { constructor: 'c', toString: null },
  [[], {}, [undefined]],
];
// Gone at once, gone soon, and well beyond the test; past 30 days memcached takes another path.
const ttls: readonly (number | string | null)[] = [1, 30, 120, '1h', '40d', null];
const GONE = Symbol('gone');

interface Expected {
  value: unknown;
  /** The TTL began somewhere between the call and its answer. */
  ends: { readonly earliest: number; readonly latest: number };
}

/** One worker: makes calls, and compares each answer with what its model says. */
async function work(cache: Cache, seed: number, operations: number): Promise<void> {
  const next = randomOf(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)]!;
  const keys = Array.from({ length: 8 }, () => pick(hostileKeys));
  const model = new Map<string, Expected>();
  let step = 0;
  let what = '';

  /** What the key may hold, of a call that ran from `from` until now: one of two, when it expires in between. */
  const possible = (key: string, from: number): unknown[] => {
    const expected = model.get(key);
    if (expected === undefined || expected.ends.latest <= from) return [GONE];
    return expected.ends.earliest > Date.now() ? [expected.value] : [expected.value, GONE];
  };
  const check = (key: string, from: number, got: unknown): void => {
    const may = possible(key, from);
    const fits = may.some((value) => (value === GONE || got === GONE ? value === got : isDeepStrictEqual(value, got)));
    if (!fits)
      expect.fail(
        `seed ${seed}, step ${step}, ${what} ${JSON.stringify(key)}: got ${show(got)}, expected ${may.map(show).join(' or ')}`,
      );
    if (got === GONE) model.delete(key);
  };
  const checkPresence = (key: string, from: number, present: boolean): void => {
    const may = possible(key, from).map((value) => value !== GONE);
    if (!may.includes(present))
      expect.fail(`seed ${seed}, step ${step}, ${what} ${JSON.stringify(key)}: present ${present}`);
    if (!present) model.delete(key);
  };
  const store = (key: string, value: unknown, ttl: number | string | null, from: number): void => {
    model.set(key, { value, ends: ending(ttl, from) });
  };

  for (; step < operations; step++) {
    const key = pick(keys);
    const value = pick(values);
    const ttl = pick(ttls);
    const from = Date.now();
    what = pick(OPERATION_NAMES);
    switch (what) {
      case 'get': {
        const entry = await cache.getMany([key]);
        check(key, from, entry.has(key) ? entry.get(key) : GONE);
        const got = await cache.get(key);
        if (got !== undefined) check(key, from, got);
        break;
      }
      case 'has':
        checkPresence(key, from, await cache.has(key));
        break;
      case 'getMany': {
        const got = await cache.getMany(keys);
        for (const one of new Set(keys)) check(one, from, got.has(one) ? got.get(one) : GONE);
        break;
      }
      case 'set':
        await cache.set(key, value, { ttl });
        store(key, value, ttl, from);
        break;
      case 'setMany': {
        const some = [...new Set([key, pick(keys), pick(keys)])];
        await cache.setMany(
          some.map((one) => [one, value]),
          { ttl },
        );
        for (const one of some) store(one, value, ttl, from);
        break;
      }
      case 'absent':
      case 'present': {
        const written = await cache.set(key, value, { when: what, ttl });
        checkPresence(key, from, (what === 'absent') !== written);
        if (written) store(key, value, ttl, from);
        break;
      }
      case 'delete':
        await cache.delete(key);
        model.delete(key);
        break;
      case 'deleteMany':
        await cache.deleteMany([key, pick(keys)].slice(0, 1));
        model.delete(key);
        break;
      case 'getAndDelete': {
        const got = await cache.getAndDelete(key);
        checkLoaded(
          possible(key, from).map((one) => (one === GONE ? undefined : one)),
          got,
        );
        model.delete(key);
        break;
      }
      case 'increment': {
        const by = Math.floor(next() * 100) - 50;
        const initial = 1_000_000 + step * 1_000; // tells a new counter from one that was there
        let sum: number;
        let before: unknown[];
        try {
          sum = await cache.increment(key, by, { ttl, initial });
          before = possible(key, from);
        } catch (error) {
          before = possible(key, from);
          expect(error).toMatchObject({ code: 'cache.not_a_counter' });
          const fits = before.some(
            (one) => one !== GONE && !(Number.isSafeInteger(one) && Number.isSafeInteger((one as number) + by)),
          );
          if (!fits) expect.fail(`seed ${seed}, step ${step}: increment of ${show(before[0])} by ${by} failed`);
          break;
        }
        const created = before.includes(GONE) && sum === initial + by;
        const added = before.some((one) => typeof one === 'number' && one + by === sum);
        if (!created && !added) expect.fail(`seed ${seed}, step ${step}: ${show(before[0])} and ${by} gave ${sum}`);
        if (created) store(key, sum, ttl, from);
        else {
          // A stored integer becomes a counter with what is left of its TTL: the way to the backend is added to it.
          const expected = model.get(key)!;
          expected.value = sum;
          expected.ends = { ...expected.ends, latest: expected.ends.latest + Date.now() - from };
        }
        break;
      }
      case 'touch': {
        const touched = await cache.touch(key, ttl);
        checkPresence(key, from, touched);
        if (touched) model.get(key)!.ends = ending(ttl, from);
        break;
      }
      case 'ttl': {
        const left = await cache.ttl(key);
        checkPresence(key, from, left !== undefined);
        const end = model.get(key)?.ends.latest;
        if (left !== undefined && end !== undefined) {
          if (end === Number.POSITIVE_INFINITY) expect(left).toBeNull();
          else expect(Math.abs(Date.now() + left! - end)).toBeLessThan(30_000);
        }
        break;
      }
      case 'compareAndSet': {
        const entry = await cache.entry(key);
        check(key, from, entry === undefined ? GONE : entry.value);
        if (entry === undefined) break;
        if (next() < 0.3) {
          await cache.set(key, 'between');
          store(key, 'between', null, from);
          expect(await cache.compareAndSet(key, entry.version!, value)).toBe(false);
        } else if (await cache.compareAndSet(key, entry.version!, value, { ttl })) {
          store(key, value, ttl, from);
        } else {
          checkPresence(key, from, false);
        }
        break;
      }
      case 'getOrSet': {
        let ran = false;
        const make = (): unknown => {
          ran = true;
          return value;
        };
        const got = await cache.getOrSet(key, make, { ttl });
        if (ran) checkPresence(key, from, false);
        checkLoaded(ran ? [value] : possible(key, from), got);
        if (ran) store(key, value, ttl, from);
        break;
      }
    }
  }

  function checkLoaded(may: readonly unknown[], got: unknown): void {
    if (!may.some((one) => isDeepStrictEqual(one, got)))
      expect.fail(`seed ${seed}, step ${step}, ${what}: got ${show(got)}, expected ${show(may[0])}`);
  }
}

const OPERATION_NAMES = [
  'get',
  'get',
  'has',
  'getMany',
  'set',
  'set',
  'setMany',
  'absent',
  'present',
  'delete',
  'deleteMany',
  'getAndDelete',
  'increment',
  'increment',
  'touch',
  'ttl',
  'compareAndSet',
  'getOrSet',
] as const;

function ending(ttl: number | string | null, from: number): Expected['ends'] {
  const ms =
    ttl === null ? Number.POSITIVE_INFINITY : typeof ttl === 'number' ? ttl : ttl === '1h' ? 3_600_000 : 3_456_000_000;
  return { earliest: from + ms - 1, latest: Date.now() + ms + 2 };
}

const serializer = createSerializer({ codec: v8 });

function show(value: unknown): string {
  return value === GONE
    ? 'nothing'
    : typeof value === 'string'
      ? JSON.stringify(value.slice(0, 40))
      : `${typeof value} ${String(value)}`;
}

function agrees(createDriver: () => CacheDriver): void {
  itInDepth('agrees with the model', OPERATIONS, async ({ count, seed }) => {
    const cache = createCache({
      driver: createDriver(),
      prefix: uniqueName(`property-${seed}`),
      serializer,
      timeout: '60s',
    });
    await Promise.all(
      Array.from({ length: WORKERS }, (_, i) => work(cache.namespace(`worker ${i}`), seed + i, count / WORKERS)),
    );
    await cache.close();
  });
}

describe.each([
  ['memory', () => memory({ maxEntries: 1_000_000 })],
  ['memory, cloned', () => memory({ maxEntries: 1_000_000, values: 'cloned' })],
  ['memory, serialized', () => memory({ maxEntries: 1_000_000, values: 'serialized' })],
  ['bytes', () => bytesDriver()],
])('%s', (_name, createDriver) => {
  agrees(createDriver);
});

describeWithServer('redis', (server) => agrees(() => redis({ url: server.url })));

describeWithServer('redis-cluster', (server) => {
  agrees(() => redis({ cluster: { rootNodes: server.urls.map((url) => ({ url })) } }));
});

describeWithServer('redis-sentinel', (server) => {
  agrees(() => {
    const sentinelRootNodes = server.urls.map((url) => {
      const { hostname, port } = new URL(url);
      return { host: hostname, port: Number(port) };
    });
    return redis({ sentinel: { name: server.primaryName, sentinelRootNodes } });
  });
});

describeWithServer('memcached', (server) => {
  const addressOf = ({ host, port }: Server): string => `${host}:${port}`;

  describe('one server', () => {
    agrees(() => memcached({ servers: addressOf(server) }));
  });

  describe('three servers', () => {
    const more: Server[] = [];
    beforeAll(async () => {
      more.push(...(await Promise.all([startServer('memcached'), startServer('memcached')])));
    });
    afterAll(() => Promise.all(more.map((one) => one.close())));

    agrees(() => memcached({ servers: [server, ...more].map(addressOf) }));
  });
});
