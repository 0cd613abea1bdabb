import { CacheError, ConfigurationError, defineErrors, UnsupportedError } from '@ent/errors';

/** The error codes of this package. */
export const cacheErrors = defineErrors('cache', {
  timeout: { class: CacheError, status: 503, title: 'Cache timed out', retryable: 'idempotent', expose: false },
  unavailable: { class: CacheError, status: 503, title: 'Cache unavailable', retryable: 'idempotent', expose: false },
  circuit_open: { class: CacheError, status: 503, title: 'Cache unavailable', retryable: 'always', expose: false },
  load_timeout: { class: CacheError, status: 503, title: 'Load timed out', retryable: 'idempotent', expose: false },
  closed: { class: CacheError, status: 503, title: 'Cache closed', retryable: 'never', expose: false },
  driver_failed: { class: CacheError, status: 500, title: 'Cache driver failed', retryable: 'never', expose: false },
  contended: { class: CacheError, status: 503, title: 'Cache key contended', retryable: 'always', expose: false },
  invalid_key: { class: CacheError, status: 500, title: 'Invalid cache key', retryable: 'never', expose: false },
  invalid_ttl: { class: CacheError, status: 500, title: 'Invalid TTL', retryable: 'never', expose: false },
  invalid_argument: { class: CacheError, status: 500, title: 'Invalid argument', retryable: 'never', expose: false },
  value_too_large: { class: CacheError, status: 500, title: 'Value too large', retryable: 'never', expose: false },
  not_serializable: {
    class: CacheError,
    status: 500,
    title: 'Value not serialisable',
    retryable: 'never',
    expose: false,
  },
  not_a_counter: { class: CacheError, status: 500, title: 'Not a counter', retryable: 'never', expose: false },
  invalid_options: {
    class: ConfigurationError,
    status: 500,
    title: 'Invalid cache options',
    retryable: 'never',
    expose: false,
  },
  unknown_scheme: {
    class: ConfigurationError,
    status: 500,
    title: 'Unknown cache URL',
    retryable: 'never',
    expose: false,
  },
  unsupported: {
    class: UnsupportedError,
    status: 501,
    title: 'Not supported by this cache',
    retryable: 'never',
    expose: false,
  },
});
