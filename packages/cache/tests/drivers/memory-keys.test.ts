import { setImmediate } from 'node:timers/promises';
import { randomOf } from '@ent/testkit';
import { itInDepth } from '@ent/testkit/vitest';
import { describe, expect, it } from 'vitest';
import { type Cache, createCache } from '../../src/cache.ts';
import type { DriverCall } from '../../src/driver.ts';
import { memory } from '../../src/drivers/memory/index.ts';

const MANY = 20_000;

/** A cache with many keys at its root and in a namespace, and few in another one. */
async function filled(prefix?: string) {
  const driver = memory({ maxEntries: 1_000_000 });
  const cache = createCache({ driver, prefix });
  const [big, small] = [cache.namespace('big'), cache.namespace('small')];
  const entries = Array.from({ length: MANY }, (_, i) => [`k${i}`, i] as const);
  await cache.setMany(entries);
  await big.setMany(entries);
  await small.setMany([['one', 1]]);
  await small.namespace('below').set('two', 2);
  return { driver, cache, big, small };
}

/** How often the event loop turns while some work goes on. */
async function turnsOf(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isDone = false;
  const counting = (async () => {
    for (; !isDone; turns++) await setImmediate();
  })();
  await work();
  isDone = true;
  await counting;
  return turns;
}

/** How many entries are looked at for some work. */
async function looksOf({ driver }: { driver: ReturnType<typeof memory> }, work: () => Promise<unknown>) {
  let looks = 0;
  const { client } = driver;
  for (const name of ['peek', 'get'] as const) {
    const look = client[name].bind(client);
    client[name] = (key: string) => {
      looks++;
      return look(key);
    };
  }
  await work();
  return looks;
}

async function keysOf(cache: Cache): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of cache.keys()) keys.push(key);
  return keys;
}

describe.each([undefined, 'app'])('the keys of a large cache in memory, with the prefix %s', (prefix) => {
  it('are listed, and cleared, with turns of the event loop in between', async () => {
    const { cache, big, small } = await filled(prefix);
    const listing = await turnsOf(async () => expect(await keysOf(big)).toHaveLength(MANY));
    expect(listing).toBeGreaterThan(MANY / 1_000);
    const clearing = await turnsOf(() => big.clear());
    expect(clearing).toBeGreaterThan(MANY / 1_000);
    expect(await keysOf(big)).toEqual([]);
    expect(await keysOf(cache)).toHaveLength(MANY);
    expect(await keysOf(small)).toEqual(['one']);
  });

  it('cost a namespace no more than it holds', async () => {
    const made = await filled(prefix);
    const { cache, big, small } = made;
    expect(await looksOf(made, () => keysOf(small))).toBeLessThan(10);
    expect(await looksOf(made, () => small.clear())).toBeLessThan(10);
    expect(await keysOf(small)).toEqual([]);
    expect(await small.namespace('below').has('two')).toBe(false);
    expect(await cache.has('k7')).toBe(true);
    expect(await big.has('k7')).toBe(true);
  });

  it('come one page at a time', async () => {
    const made = await filled(prefix);
    const first = async (): Promise<void> => {
      for await (const key of made.big.keys()) {
        expect(key).toBe('k0');
        return;
      }
    };
    expect(await looksOf(made, first)).toBeLessThan(1_000);
  });

  it('go with turns in between where all go, and the versions of tags stay', async () => {
    const { cache, driver } = await filled(prefix);
    await cache.set('tagged', 1, { tags: ['t'] });
    expect(await turnsOf(() => cache.clear())).toBeGreaterThan(MANY / 500);
    expect(driver.client.size).toBe(1);
    expect(await keysOf(cache)).toEqual([]);
    await cache.set('tagged', 2, { tags: ['t'] });
    expect(await cache.get('tagged')).toBe(2);
    expect(await keysOf(cache)).toEqual(['tagged']);
  });

  it('end, though others write all the time', async () => {
    const { big } = await filled(prefix);
    let isDone = false;
    let written = 0;
    const writing = (async () => {
      while (!isDone) {
        for (let i = 0; i < 300; i++) await big.set(`new${written++}`, 1);
        await setImmediate();
      }
    })();
    await big.clear();
    isDone = true;
    await writing;
    expect(await big.has('k0')).toBe(false);
  });
});

it('drops all at once, and lets it go with turns in between', async () => {
  const { driver, cache, big } = await filled();
  const before = driver.client.size;
  driver.drop!();
  expect(driver.client.size).toBeGreaterThan(before - 1_000);
  expect(await big.get('k7')).toBeUndefined();
  expect((await big.getMany(['k8', 'k9'])).size).toBe(0);
  await big.set('k19999', 'new');
  await cache.set('other', 1);
  expect(await big.set('k19998', 'absent', { when: 'present' })).toBe(false);
  expect(await keysOf(big)).toEqual(['k19999']);
  await expect.poll(() => driver.client.size).toBe(2);
  expect(await big.get('k19999')).toBe('new');
  expect(await keysOf(cache)).toEqual(['other']);
});

it('forgets the keys that are evicted, expired or deleted, and their namespaces', async () => {
  const driver = memory({ maxEntries: 10 });
  const cache = createCache({ driver });
  for (let i = 0; i < 1_000; i++) await cache.namespace(`n${i}`).namespace('deep').set('k', i);
  const kept: string[] = [];
  for await (const page of driver.scan!('', CALL)) kept.push(...page);
  expect(kept).toEqual(Array.from({ length: 10 }, (_, i) => `/n${990 + i}/deep:k`));
  await cache.namespace('n990').namespace('deep').delete('k');
  driver.client.delete('/n991/deep:k');
  expect(await keysOf(cache.namespace('n991').namespace('deep'))).toEqual([]);
  expect(driver.client.size).toBe(8);
});

const CALL: DriverCall = { deadlineAt: Number.POSITIVE_INFINITY, signal: new AbortController().signal };

const depth = { full: 5_000, ci: 50, of: 'sets of keys' };

itInDepth('lists just the keys with a prefix, whatever both are made of', depth, async ({ count, seed }) => {
  const random = randomOf(seed);
  const upTo = (n: number): number => Math.floor(random() * n);
  const parts = ['a', 'b', '/', '/', ':', 'ab', '//', '/:'];
  const text = (): string => Array.from({ length: 1 + upTo(20) }, () => parts[upTo(parts.length)]).join('');
  const record = { value: 1, expiresAt: Infinity, freshUntil: Infinity, stamp: '', tags: undefined };
  for (let round = 0; round < count; round++) {
    const driver = memory();
    const keys = new Set<string>();
    for (let i = 0; i < 60; i++) {
      const key = text();
      if (upTo(3) === 0) {
        const [gone = key] = keys;
        await driver.delete([gone], CALL);
        keys.delete(gone);
      } else {
        await driver.set([{ key, value: { ...record, lease: undefined, hasValue: true }, expiresAt: null }], CALL);
        keys.add(key);
      }
    }
    for (const prefix of ['', ...keys, ...Array.from({ length: 40 }, text)]) {
      for (const start of [prefix, prefix.slice(0, prefix.length / 2)]) {
        const found: string[] = [];
        for await (const page of driver.scan!(start, CALL)) found.push(...page);
        expect(found.toSorted(), start).toEqual([...keys].filter((key) => key.startsWith(start)).toSorted());
      }
    }
  }
});
