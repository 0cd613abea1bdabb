import { CacheError, ConfigurationError, defineErrors, UnsupportedError } from '@ent/errors';

/** The error codes of this package. What is left out is the class's: a `CacheError` has status 503 and is idempotent to retry. */
export const cacheErrors = defineErrors('cache', {
  timeout: { class: CacheError, title: 'Cache timed out' },
  unavailable: { class: CacheError, title: 'Cache unavailable' },
  circuit_open: { class: CacheError, title: 'Cache unavailable', retryable: 'always' },
  load_timeout: { class: CacheError, title: 'Load timed out' },
  lock_timeout: { class: CacheError, title: 'Lock not free', retryable: 'always' },
  lock_lost: { class: CacheError, title: 'Lock lost' },
  closed: { class: CacheError, title: 'Cache closed', retryable: 'never' },
  driver_failed: { class: CacheError, status: 500, title: 'Cache driver failed', retryable: 'never' },
  contended: { class: CacheError, title: 'Cache key contended', retryable: 'always' },
  invalid_key: { class: CacheError, status: 500, title: 'Invalid cache key', retryable: 'never' },
  invalid_ttl: { class: CacheError, status: 500, title: 'Invalid TTL', retryable: 'never' },
  invalid_argument: { class: CacheError, status: 500, title: 'Invalid argument', retryable: 'never' },
  value_too_large: { class: CacheError, status: 500, title: 'Value too large', retryable: 'never' },
  not_serializable: { class: CacheError, status: 500, title: 'Value not serialisable', retryable: 'never' },
  not_a_counter: { class: CacheError, status: 500, title: 'Not a counter', retryable: 'never' },
  invalid_options: { class: ConfigurationError, title: 'Invalid cache options' },
  unknown_scheme: { class: ConfigurationError, title: 'Unknown cache URL' },
  unsupported: { class: UnsupportedError, title: 'Not supported by this cache' },
});
