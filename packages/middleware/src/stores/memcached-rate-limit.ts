import { memcachedSlot, refuseUnknown } from '@ent/internal';
import { middlewareErrors } from '../errors.ts';
import { compareAndSetStore } from '../internal/compare-and-set.ts';
import { demandMethods } from '../internal/demand.ts';
import type { RateLimitStore } from '../rate-limit-store.ts';

/** What {@link memcachedRateLimitStore} needs of a client: that of memcache-client. */
export interface MemcachedClient {
  xretrieve(command: string, keys: string[]): Promise<unknown>;
  add(key: string, value: string, options: { lifetime: number }): Promise<unknown>;
  cas(key: string, value: string, options: { lifetime: number; casUniq: string }): Promise<unknown>;
}

/** How limits are kept in Memcached. */
export interface MemcachedRateLimitStoreOptions {
  /** Stands before each key: up to 40 visible characters of ASCII. Default: `ratelimit:`. */
  prefix?: string | undefined;
}

/** What a prefix may be here. */
export const PREFIX: RegExp = /^[\x21-\x7e]{0,40}$/;

/**
 * Limits that all processes share, in Memcached 1.4.8 or later: two round trips for each attempt that is let through,
 * by compare and set, and one for each that is refused. Entries may go when the server needs room; their limits begin
 * anew. The time is that of the processes: clocks that differ by a second shift a limit by a second.
 *
 * The client is the application's.
 *
 * @throws `middleware.invalid_options`
 * @example
 * ```ts no-run
 * import { rateLimit } from '@ent/middleware';
 * import { memcachedRateLimitStore } from '@ent/middleware/stores';
 * import { MemcacheClient } from 'memcache-client';
 *
 * const client = new MemcacheClient({ server: 'localhost:11211' });
 * const limit = rateLimit({ limit: 1000, window: '1m', store: memcachedRateLimitStore(client) });
 * ```
 */
export function memcachedRateLimitStore(
  client: MemcachedClient,
  options: MemcachedRateLimitStoreOptions = {},
): RateLimitStore {
  refuseUnknown(options, { prefix: true }, 'memcachedRateLimitStore', middlewareErrors.invalid_options);
  demandMethods(client, ['xretrieve', 'add', 'cas'], 'memcachedRateLimitStore: the client');
  const { prefix = 'ratelimit:' } = options;
  if (!PREFIX.test(prefix)) {
    throw middlewareErrors.invalid_options(
      'memcachedRateLimitStore: prefix must be at most 40 visible characters of ASCII.',
    );
  }
  return compareAndSetStore(memcachedSlot(client, prefix));
}
