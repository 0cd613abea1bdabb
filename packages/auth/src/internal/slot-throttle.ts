import { type GcraSlot, SharedGcra } from '@ent/internal';
import type { ThrottleStore } from '../driver.ts';
import { authErrors } from '../errors.ts';

/** Counts attempts in a store that reads, and writes where nobody wrote meanwhile. */
export function slotThrottleStore<Version>(slot: GcraSlot<Version>, reset: ThrottleStore['reset']): ThrottleStore {
  const shared = new SharedGcra(slot, () =>
    authErrors.overloaded('Too many processes count attempts of one key at once.'),
  );
  return {
    async take(key, rule, now) {
      const { allowed, retryAfterMs } = await shared.take(key, 1, rule, () => now);
      return { ok: allowed, retryAfterMs };
    },
    give: (key, rule, now) => shared.give(key, rule, now),
    reset,
  };
}
