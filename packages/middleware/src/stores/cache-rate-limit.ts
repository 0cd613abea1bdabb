import { kindOf, refuseUnknown } from '@ent/internal';
import { middlewareErrors } from '../errors.ts';
import { memoryRateLimitStore, type RateLimitStore } from '../rate-limit-store.ts';
import { type MemcachedClient, memcachedRateLimitStore } from './memcached-rate-limit.ts';
import { type RedisScripts, redisRateLimitStore } from './redis-rate-limit.ts';

/** What {@link cacheRateLimitStore} needs of a cache: `Cache` of `@ent/cache` fits as it is. */
export interface RateLimitCache {
  readonly driver: { readonly name: string; readonly client: unknown };
}

/** How limits are kept where a cache is. */
export interface CacheRateLimitStoreOptions {
  /** Stands before each key: up to 40 visible characters of ASCII. Default: `ratelimit:`. */
  prefix?: string | undefined;
}

/**
 * Limits in the backend of a cache, by its driver's client: that of Redis, the first server of Memcached, and this
 * process where the cache is in memory. For services whose setting says which cache they have.
 *
 * The connection is that of the cache, so `await cache.connect()` before; until then each process counts for itself.
 *
 * @throws `middleware.invalid_options`, also for a cache on another backend
 * @example
 * ```ts
 * import { openCache } from '@ent/cache/open';
 * import { rateLimit } from '@ent/middleware';
 * import { cacheRateLimitStore } from '@ent/middleware/stores';
 *
 * const cache = await openCache(process.env['CACHE_URL'] ?? 'memory:');
 * const limit = rateLimit({ limit: 1000, window: '1m', store: cacheRateLimitStore(cache) });
 * ```
 */
export function cacheRateLimitStore(cache: RateLimitCache, options: CacheRateLimitStoreOptions = {}): RateLimitStore {
  refuseUnknown(options, { prefix: true }, 'cacheRateLimitStore', middlewareErrors.invalid_options);
  const driver = (cache as RateLimitCache | undefined)?.driver;
  switch (driver?.name) {
    case 'memory':
      return memoryRateLimitStore();
    case 'redis':
      return redisRateLimitStore(driver.client as RedisScripts, options);
    case 'memcached':
      return memcachedRateLimitStore((driver.client as readonly MemcachedClient[])[0] as MemcachedClient, options);
    default:
      throw middlewareErrors.invalid_options(
        `cacheRateLimitStore: the cache must be one over memory, Redis or Memcached; got ${kindOf(cache)}` +
          `${driver === undefined ? '' : ` over "${driver.name}"`}.`,
      );
  }
}
