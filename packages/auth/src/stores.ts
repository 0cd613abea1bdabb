export { memoryApiKeyStore, repositoryApiKeyStore } from './stores/api-keys.ts';
export { memoryIdentityStore, repositoryIdentityStore } from './stores/identities.ts';
export { fileKeyStore, type KeySetRow, repositoryKeyStore } from './stores/keys.ts';
export {
  cacheReplayStore,
  type CountingCache,
  type MemoryReplayOptions,
  memoryReplayStore,
} from './stores/replays.ts';
export { memoryStores } from './stores/memory.ts';
export { memoryPasskeyStore, repositoryPasskeyStore } from './stores/passkeys.ts';
export type { RedisScripts, RedisStoreOptions } from './internal/redis-records.ts';
export { redisStores } from './stores/redis.ts';
export {
  repositoryStores,
  type StoreFilter,
  type StoreRepositories,
  type StoreRepository,
} from './stores/repository.ts';
export {
  memorySingleUseTokenStore,
  redisSingleUseTokenStore,
  repositorySingleUseTokenStore,
} from './stores/single-use-tokens.ts';
export {
  memcachedThrottleStore,
  redisThrottleStore,
  type SharedThrottleOptions,
  type ThrottleMemcachedClient,
} from './stores/shared-throttle.ts';
export {
  type MemoryThrottleOptions,
  memoryThrottleStore,
  repositoryThrottleStore,
  type ThrottleRow,
} from './stores/throttle.ts';
export { memoryTotpStore, repositoryTotpStore } from './stores/totp.ts';
