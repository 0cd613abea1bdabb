import { CacheError, ConfigurationError, defineErrors, UnsupportedError } from '@ent/errors';

// What the caller did, or the backend for good: no retry would help.
const misuse = { class: CacheError, status: 500, retryable: 'never' } as const;

/**
 * The error codes of this package. What is left out is the class's: a
 * `CacheError` has status 503 and is idempotent to retry.
 */
export const cacheErrors = defineErrors('cache', {
  /** The backend did not answer within the `timeout` of the cache. A write may have been done all the same. */
  timeout: { class: CacheError, title: 'Cache timed out' },
  /** The backend cannot be reached, or takes no writes for now; the message has its reason, such as `OOM`. */
  unavailable: { class: CacheError, title: 'Cache unavailable' },
  /** The backend failed several times in a row and is not asked for a moment; nothing was sent. */
  circuit_open: { class: CacheError, title: 'Cache unavailable', retryable: 'always' },
  /** A factory of `getOrSet` took longer than `hardTimeout`, and there was no stale value to answer with. */
  load_timeout: { class: CacheError, title: 'Load timed out' },
  /** A lock stayed another's until the time to wait for it was up; the work was not begun. */
  lock_timeout: { class: CacheError, title: 'Lock not free', retryable: 'always' },
  /** A lock was lost while it was held, and somebody else may have it now; the reason of its signal. */
  lock_lost: { class: CacheError, title: 'Lock lost' },
  /** The cache was used after `close()`. */
  closed: { class: CacheError, title: 'Cache closed', retryable: 'never' },
  /** The backend refused for a reason that the driver does not know; `cause` is what it said. */
  driver_failed: { ...misuse, title: 'Cache driver failed' },
  /** Other writers changed a key again and again, so that this call could not; it changed nothing. */
  contended: { class: CacheError, title: 'Cache key contended', retryable: 'always' },
  /** A key, or the name of a structure, is empty, has a lone surrogate, or is no text. */
  invalid_key: { ...misuse, title: 'Invalid cache key' },
  /** A TTL is no duration such as `"30s"`, or one that a cache cannot have. */
  invalid_ttl: { ...misuse, title: 'Invalid TTL' },
  /** An argument of a call, or an option of it, is not one that it takes; the message names it. */
  invalid_argument: { ...misuse, title: 'Invalid argument' },
  /** A value is over the limit of the driver, or of its options; nothing was changed. */
  value_too_large: { ...misuse, title: 'Value too large' },
  /** A value would not come back as it is; the message says which part of it. */
  not_serializable: { ...misuse, title: 'Value not serialisable' },
  /** `increment` met a value that is no whole number, or would go beyond 2^53 - 1. */
  not_a_counter: { ...misuse, title: 'Not a counter' },
  /** `createCache`, `openCache` or a driver was set up wrongly; the message names the option. */
  invalid_options: { class: ConfigurationError, title: 'Invalid cache options' },
  /** `openCache` knows no driver for the scheme of the URL. */
  unknown_scheme: { class: ConfigurationError, title: 'Unknown cache URL' },
  /** This driver cannot do that; nothing was tried. */
  unsupported: { class: UnsupportedError, title: 'Not supported by this cache' },
});
