import { describe, expect, it } from 'vitest';
import { createCache } from '../../src/cache.ts';
import { type MemoryOptions, memory, memoryFeatures } from '../../src/drivers/memory/index.ts';
import { testCacheDriver } from '../../src/testing.ts';

describe('memory, frozen', () => {
  testCacheDriver({ it }, { features: memoryFeatures, createDriver: () => memory() });
});

describe('memory, cloned', () => {
  testCacheDriver({ it }, { features: memoryFeatures, createDriver: () => memory({ values: 'cloned' }) });
});

describe('memory, serialized', () => {
  testCacheDriver(
    { it },
    {
      features: { ...memoryFeatures, stores: 'serialized' },
      createDriver: () => memory({ values: 'serialized' }),
    },
  );
});

describe('memory, with a limit in bytes', () => {
  testCacheDriver({ it }, { features: memoryFeatures, createDriver: () => memory({ maxBytes: 50_000_000 }) });
});

describe('what only memory does', () => {
  it('hands out the frozen value itself', async () => {
    const cache = createCache({ driver: memory() });
    const value = { list: [{ deep: true }] };
    await cache.set('k', value);
    expect(await cache.get('k')).toBe(value);
    expect(Object.isFrozen(value.list[0])).toBe(true);
  });

  it('freezes the parts of a value that is frozen outside only, and values with cycles', async () => {
    const cache = createCache({ driver: memory() });
    const inner = { a: 1 };
    const value: { inner: object; self?: object } = { inner };
    value.self = value;
    Object.freeze(value);
    await cache.set('k', value);
    expect(Object.isFrozen(inner)).toBe(true);
  });

  it('freezes all of many parts, shared ones and those with names in an array too', async () => {
    const cache = createCache({ driver: memory() });
    const shared = { deep: { er: true } };
    const named = Object.assign([{ at: 0 }], { 2: { at: 2 }, groups: { a: 1 } }); // with a hole
    const value = { many: Array.from({ length: 100 }, (_, i) => ({ i, shared, back: {} as object })), named };
    for (const one of value.many) one.back = value;
    await cache.set('k', value);
    const parts = [value.many, ...value.many, shared.deep, named, named[2], named.groups];
    expect(parts.every((part) => Object.isFrozen(part))).toBe(true);
  });

  it('leaves instances of classes alone', async () => {
    const cache = createCache({ driver: memory() });
    const value = { at: new Date(0), bytes: Buffer.from('x'), map: new Map([[1, {}]]) };
    await cache.set('k', value);
    expect(await cache.get('k')).toEqual(value);
  });

  it('gives every reader its own clone', async () => {
    const cache = createCache({ driver: memory({ values: 'cloned' }) });
    const value = { set: new Set([1]) };
    await cache.set('k', value);
    const one = await cache.get<typeof value>('k');
    one!.set.add(2);
    value.set.add(3);
    expect(await cache.get('k')).toEqual({ set: new Set([1]) });
    await expect(cache.set('k', { f: () => {} })).rejects.toMatchObject({ code: 'cache.not_serializable' });
  });

  it('drops the least recently used entries over maxEntries', async () => {
    const cache = createCache({ driver: memory({ maxEntries: 3 }) });
    for (const key of ['a', 'b', 'c']) await cache.set(key, key);
    await cache.get('a');
    await cache.set('d', 'd');
    expect([...(await cache.getMany(['a', 'b', 'c', 'd'])).keys()]).toEqual(['a', 'c', 'd']);
  });

  for (const values of ['frozen', 'serialized'] as const) {
    it(`stays within maxBytes, with ${values} values`, async () => {
      const driver = memory({ maxBytes: 100_000, values });
      const cache = createCache({ driver });
      for (let i = 0; i < 1_000; i++) await cache.set(`k${i}`, { text: 'x'.repeat(1 + ((i * 37) % 900)) });
      expect(driver.client.calculatedSize).toBeLessThanOrEqual(100_000);
      expect(driver.client.calculatedSize).toBeGreaterThan(90_000);
      expect(await cache.has('k999')).toBe(true);
      expect(await cache.has('k0')).toBe(false);
      await cache.set('k999', 'small');
      await expect(cache.set('k999', 'x'.repeat(100_001))).rejects.toMatchObject({ code: 'cache.value_too_large' });
      expect(await cache.get('k999')).toBe('small');
    });
  }

  it('refuses wrong options', () => {
    for (const options of [
      { maxEntries: 0 },
      { maxEntries: 1.5 },
      { maxBytes: -1 },
      { maxBytes: Number.NaN },
      { values: 'x' },
    ]) {
      expect(() => memory(options as MemoryOptions)).toThrow(
        expect.objectContaining({ code: 'cache.invalid_options' }),
      );
    }
  });
});
