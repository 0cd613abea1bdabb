import { gcra } from '@ent/internal';
import type { ThrottleStore } from '../driver.ts';
import { authErrors } from '../errors.ts';

/** Options of {@link memoryThrottleStore}. */
export interface MemoryThrottleOptions {
  /** How many keys are counted at most. Default 100,000, about 20 MB. */
  readonly maxKeys?: number;
}

/**
 * Counts attempts in this process. With several processes each counts for itself: a client gets as many times the limit.
 *
 * When there are more keys than it may keep, those that are nearest to being forgotten anyway go first: a flood of new keys
 * can not wash away the count of one that is near its limit.
 */
export function memoryThrottleStore(options: MemoryThrottleOptions = {}): ThrottleStore {
  const { maxKeys = 100_000 } = options;
  if (!Number.isSafeInteger(maxKeys) || maxKeys < 1) {
    throw authErrors.configuration(`"maxKeys" must be a whole number of at least 1; got ${String(maxKeys)}.`);
  }
  /** For each key the time at which its bucket is empty again. */
  const empty = new Map<string, number>();

  const makeRoom = (now: number): void => {
    for (const [key, at] of empty) if (at <= now) empty.delete(key);
    if (empty.size < maxKeys) return;
    // A tenth at once, so that this is rare.
    const soonest = [...empty].sort(([, a], [, b]) => a - b).slice(0, Math.ceil(maxKeys / 10));
    for (const [key] of soonest) empty.delete(key);
  };

  return {
    async take(key, rule, now) {
      const { allowed, retryAfterMs, resetMs } = gcra(empty.get(key) ?? 0, now, 1, rule);
      if (allowed) {
        if (!empty.has(key) && empty.size >= maxKeys) makeRoom(now);
        empty.set(key, now + resetMs);
      }
      return { ok: allowed, retryAfterMs };
    },
    async give(key, { intervalMs }, now) {
      const at = empty.get(key);
      if (at === undefined) return;
      if (at - intervalMs > now) empty.set(key, at - intervalMs);
      else empty.delete(key);
    },
    async reset(key) {
      empty.delete(key);
    },
  };
}
