export { Cache, createCache } from './cache.ts';
export {
  type CacheCommandOperation,
  type CacheDeleteOperation,
  type CacheOperation,
  type CacheGetOperation,
  type CacheLoadOperation,
  type CacheSetOperation,
  channels,
} from './channels.ts';
export type {
  CacheDriver,
  CacheFeatures,
  ChangeListener,
  DriverCall,
  DriverCount,
  DriverEntry,
  DriverFailure,
  DriverReadOptions,
  DriverWrite,
  StoredRecord,
  TagVersion,
} from './driver.ts';
export { cacheErrors } from './errors.ts';
export { plainJson } from './internal/records/plain-json.ts';
export type {
  BreakerOptions,
  CacheEntry,
  CacheOptions,
  CacheSerializer,
  Count,
  CounterOptions,
  Duration,
  EntryOptions,
  Factory,
  FactoryMany,
  LoadContext,
  LoadManyContext,
  LoadManyOptions,
  LoadOptions,
  ReadOptions,
  SchemaResult,
  SetOptions,
  StandardSchema,
  Ttl,
  WriteOptions,
} from './options.ts';
