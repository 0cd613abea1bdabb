import type { LRUCache } from 'lru-cache';
import { describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { type Cache, type CacheDriver, createCache } from '../src/index.ts';
import { type MemoryItem, memory } from '../src/drivers/memory/index.ts';
import { openCache } from '../src/open.ts';

interface User {
  name: string;
}
const cache = createCache({ driver: memory() });

describe('types', () => {
  it('values are unknown until they are named', () => {
    expectTypeOf(cache.get('k')).resolves.toEqualTypeOf<unknown>();
    expectTypeOf(cache.get<User>('k')).resolves.toEqualTypeOf<User | undefined>();
    expectTypeOf(cache.getMany<User>(['k'])).resolves.toEqualTypeOf<Map<string, User>>();
  });

  it('a schema names them', () => {
    const schema = z.object({ name: z.string(), age: z.coerce.number() });
    expectTypeOf(cache.get('k', { schema })).resolves.toEqualTypeOf<{ name: string; age: number } | undefined>();
    expectTypeOf(cache.getMany(['k'], { schema })).resolves.toEqualTypeOf<Map<string, { name: string; age: number }>>();
  });

  it('deletions and counters say what they did', () => {
    expectTypeOf(cache.getAndDelete<User>('k')).resolves.toEqualTypeOf<User | undefined>();
    expectTypeOf(cache.deleteMany(['k'])).resolves.toEqualTypeOf<Set<string>>();
    expectTypeOf(cache.incrementWithTtl('n')).resolves.toEqualTypeOf<{
      readonly count: number;
      readonly ttl: number | null;
    }>();
  });

  it('an entry of a batch can have a TTL', () => {
    void cache.setMany(new Map([['k', 1]]));
    void cache.setMany(
      [
        ['k', 1],
        ['j', 'text', { ttl: '1s' }],
      ],
      { ttl: '1h' },
    );
    // @ts-expect-error the TTL stands in an object
    void cache.setMany([['k', 1, '1s']]);
  });

  it('getOrSet answers what its factory makes', () => {
    expectTypeOf(cache.getOrSet('k', async () => ({ name: 'Ada' }))).resolves.toEqualTypeOf<User>();
    expectTypeOf(cache.getOrSet('k', () => 1)).resolves.toEqualTypeOf<number>();
    expectTypeOf(cache.getOrSet<User | null>('k', () => null)).resolves.toEqualTypeOf<User | null>();
  });

  it('the native client is typed by the driver', () => {
    expectTypeOf(cache.driver.client).toEqualTypeOf<LRUCache<string, MemoryItem>>();
    expectTypeOf(cache.namespace('x').driver.client).toEqualTypeOf<LRUCache<string, MemoryItem>>();
    expectTypeOf(openCache('memory:')).resolves.toEqualTypeOf<Cache<CacheDriver>>();
    expectTypeOf(cache).toExtend<Cache>();
  });

  it('durations are numbers and strings, forever is null', () => {
    void cache.set('k', 1, { ttl: 1 });
    void cache.set('k', 1, { ttl: '5m' });
    void cache.set('k', 1, { ttl: null });
    // @ts-expect-error a date is no TTL
    void cache.set('k', 1, { ttl: new Date() });
    // @ts-expect-error an unknown option
    void cache.set('k', 1, { tll: 1 });
  });
});
