import { GcraTable, refuseUnknown } from '@ent/internal';
import type { ThrottleStore } from '../driver.ts';
import { authErrors } from '../errors.ts';

/** Options of {@link memoryThrottleStore}. */
export interface MemoryThrottleOptions {
  /** How many keys are counted at most. Default 100,000, about 20 MB. */
  readonly maxKeys?: number | undefined;
}

/**
 * Counts attempts in this process. With several processes each counts for itself: a client gets as many times the
 * limit. When there are more keys than it may keep, those that are nearest to being forgotten anyway go first.
 */
export function memoryThrottleStore(options: MemoryThrottleOptions = {}): ThrottleStore {
  refuseUnknown(options, { maxKeys: true }, 'memoryThrottleStore', authErrors.configuration);
  const { maxKeys = 100_000 } = options;
  if (!Number.isSafeInteger(maxKeys) || maxKeys < 1) {
    throw authErrors.configuration(`"maxKeys" must be a whole number of at least 1; got ${String(maxKeys)}.`);
  }
  const table = new GcraTable(maxKeys);
  return {
    async take(key, rule, now) {
      const { allowed, retryAfterMs } = table.take(key, 1, rule, now);
      return { ok: allowed, retryAfterMs };
    },
    async give(key, rule, now) {
      table.give(key, rule, now);
    },
    async reset(key) {
      table.reset(key);
    },
  };
}
