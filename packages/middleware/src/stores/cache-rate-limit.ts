import { hash } from 'node:crypto';
import { kindOf, refuseUnknown } from '@ent/internal';
import { middlewareErrors } from '../errors.ts';
import { demandMethods } from '../internal/demand.ts';
import { memoryRateLimitStore, type RateLimitStore } from '../rate-limit-store.ts';
import { type MemcachedClient, memcachedRateLimitStore, PREFIX } from './memcached-rate-limit.ts';
import { type RedisScripts, redisRateLimitStore } from './redis-rate-limit.ts';

/** What {@link cacheRateLimitStore} needs of a cache: `Cache` of `@ent/cache` fits as it is. */
export interface RateLimitCache {
  readonly driver: { readonly name: string; readonly client: unknown };
  /** A key as the backend has it, under the prefix of the cache. */
  backendKey(key: string): string;
}

/** How limits are kept where a cache is. */
export interface CacheRateLimitStoreOptions {
  /**
   * Stands before each key, behind the prefix of the cache: up to 40 visible characters of ASCII. Default:
   * `ratelimit:`.
   */
  prefix?: string | undefined;
}

/**
 * Limits in the backend of a cache, by its driver's client: that of Redis, the first server of Memcached, and this
 * process where the cache is in memory. For services whose setting says which cache they have. The keys lie under the
 * prefix and the namespace of the cache, so that two services with one Redis count apart.
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
  const { prefix = 'ratelimit:' } = options;
  if (!PREFIX.test(prefix)) {
    throw middlewareErrors.invalid_options(
      'cacheRateLimitStore: prefix must be at most 40 visible characters of ASCII.',
    );
  }
  const driver = (cache as RateLimitCache | undefined)?.driver;
  switch (driver?.name) {
    case 'memory':
      return memoryRateLimitStore();
    case 'redis':
      return redisRateLimitStore(driver.client as RedisScripts, { prefix: under(cache, prefix) });
    case 'memcached':
      return memcachedRateLimitStore((driver.client as readonly MemcachedClient[])[0] as MemcachedClient, {
        prefix: shortened(under(cache, prefix)),
      });
    default:
      throw middlewareErrors.invalid_options(
        `cacheRateLimitStore: the cache must be one over memory, Redis or Memcached; got ${kindOf(cache)}` +
          `${driver === undefined ? '' : ` over "${driver.name}"`}.`,
      );
  }
}

/** What stands before the keys of limits in the backend. An empty key is none, so one is put behind it for a moment. */
function under(cache: RateLimitCache, prefix: string): string {
  demandMethods(cache, ['backendKey'], 'cacheRateLimitStore: the cache');
  return cache.backendKey(`${prefix}-`).slice(0, -1);
}

/** Memcached has room for so much before a key. */
function shortened(prefix: string): string {
  return PREFIX.test(prefix) ? prefix : `${hash('sha256', prefix, 'base64url').slice(0, 22)}:`;
}
