import type { IdempotencyStore } from '../idempotency-store.ts';
import { middlewareErrors } from '../errors.ts';
import { demandMethods } from '../internal/demand.ts';

/**
 * What {@link cacheIdempotencyStore} needs of a cache: the smallest part of `Cache` of `@ent/cache`, which fits as it
 * is.
 */
export interface IdempotencyCache {
  set(key: string, value: unknown, options: { readonly ttl: number; readonly when: 'absent' }): Promise<boolean>;
  entry(key: string): Promise<{ readonly value: unknown; readonly version: string | undefined } | undefined>;
  compareAndSet(key: string, version: string, value: unknown, options: { readonly ttl: number }): Promise<boolean>;
}

/** Stands for a moment where a record was: the cache has no removal under a condition. */
const FREE = '';
const FREE_MS = 1;
/** A record may go between two looks at it; so often in a row it does not. */
const LOOKS = 5;

/**
 * Keeps answers in a cache that all processes share: Redis, or Memcached. What a full server drops is forgotten, and
 * its request would be done again: keep keys where nothing is dropped (`noeviction`), if that matters. While the cache
 * is away, requests with a key are refused with 503, also with `onError: 'miss'`.
 *
 * @throws `middleware.invalid_options`
 * @example
 * ```ts no-run
 * import { createCache } from '@ent/cache';
 * import { redis } from '@ent/cache/redis';
 * import { idempotency } from '@ent/middleware';
 * import { cacheIdempotencyStore } from '@ent/middleware/stores';
 *
 * const cache = createCache({ driver: redis({ url: 'redis://localhost:6379' }), prefix: 'app' });
 * const middleware = [idempotency({ store: cacheIdempotencyStore(cache.namespace('idempotency')) })];
 * ```
 */
export function cacheIdempotencyStore(cache: IdempotencyCache): IdempotencyStore {
  demandMethods(cache, ['set', 'entry', 'compareAndSet'], 'cacheIdempotencyStore: the cache');
  const swap = async (key: string, expected: string, record: string, ttl: number): Promise<boolean> => {
    for (let look = 0; look < LOOKS; look++) {
      const entry = await cache.entry(key);
      if (entry?.version === undefined || entry.value !== expected) return false;
      if (await cache.compareAndSet(key, entry.version, record, { ttl })) return true;
      // Who renews a lease writes the same record again, in another version.
    }
    return false;
  };
  return {
    async claim(key, record, ttlMs) {
      let seen = false;
      for (let look = 0; look < LOOKS; look++) {
        if (await cache.set(key, record, { ttl: ttlMs, when: 'absent' })) return undefined;
        const there = (await cache.entry(key))?.value;
        seen ||= there !== undefined;
        if (typeof there === 'string' && there !== FREE) return there;
        if (there === FREE && (await swap(key, FREE, record, ttlMs))) return undefined;
      }
      // Neither free nor taken: a cache that passes over an outage (`onError: 'miss'`) says so, and nobody has the key.
      if (!seen) throw middlewareErrors.store_unavailable('The cache that keeps idempotency keys is away.');
      // It changes hands all the time: somebody has it.
      return FREE;
    },
    replace: swap,
    async release(key, expected) {
      await swap(key, expected, FREE, FREE_MS);
    },
  };
}
