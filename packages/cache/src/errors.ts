import { CacheError, ConfigurationError, defineErrors, UnsupportedError } from '@ent/errors';

// What the caller did, or the backend for good: no retry would help.
const misuse = { class: CacheError, status: 500, retryable: 'never' } as const;

/**
 * The error codes of this package. What is left out is the class's: a
 * `CacheError` has status 503 and is idempotent to retry.
 */
export const cacheErrors = defineErrors('cache', {
  timeout: { class: CacheError, title: 'Cache timed out' },
  unavailable: { class: CacheError, title: 'Cache unavailable' },
  circuit_open: { class: CacheError, title: 'Cache unavailable', retryable: 'always' },
  load_timeout: { class: CacheError, title: 'Load timed out' },
  lock_timeout: { class: CacheError, title: 'Lock not free', retryable: 'always' },
  lock_lost: { class: CacheError, title: 'Lock lost' },
  closed: { class: CacheError, title: 'Cache closed', retryable: 'never' },
  driver_failed: { ...misuse, title: 'Cache driver failed' },
  contended: { class: CacheError, title: 'Cache key contended', retryable: 'always' },
  invalid_key: { ...misuse, title: 'Invalid cache key' },
  invalid_ttl: { ...misuse, title: 'Invalid TTL' },
  invalid_argument: { ...misuse, title: 'Invalid argument' },
  value_too_large: { ...misuse, title: 'Value too large' },
  not_serializable: { ...misuse, title: 'Value not serialisable' },
  not_a_counter: { ...misuse, title: 'Not a counter' },
  invalid_options: { class: ConfigurationError, title: 'Invalid cache options' },
  unknown_scheme: { class: ConfigurationError, title: 'Unknown cache URL' },
  unsupported: { class: UnsupportedError, title: 'Not supported by this cache' },
});
