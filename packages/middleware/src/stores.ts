export { cacheIdempotencyStore, type IdempotencyCache } from './stores/cache-idempotency.ts';
export {
  type CacheRateLimitStoreOptions,
  cacheRateLimitStore,
  type RateLimitCache,
} from './stores/cache-rate-limit.ts';
export {
  type MemcachedClient,
  type MemcachedRateLimitStoreOptions,
  memcachedRateLimitStore,
} from './stores/memcached-rate-limit.ts';
export { type RedisRateLimitStoreOptions, type RedisScripts, redisRateLimitStore } from './stores/redis-rate-limit.ts';
export {
  type IdempotencyRepository,
  type IdempotencyRow,
  repositoryIdempotencyStore,
} from './stores/repository-idempotency.ts';
export {
  type RateLimitRepository,
  type RateLimitRow,
  repositoryRateLimitStore,
} from './stores/repository-rate-limit.ts';
