import { type GcraSlot, SharedGcra } from '@ent/internal';
import { middlewareErrors } from '../errors.ts';
import type { RateLimitStore } from '../rate-limit-store.ts';
import { boundedKey } from './bounded-key.ts';

/** Limits by compare and set, on the clock of the process. */
export function compareAndSetStore<Version>(slot: GcraSlot<Version>): RateLimitStore {
  const shared = new SharedGcra(slot, () =>
    middlewareErrors.store_contended('Too many processes count for one key of a rate limit at once.'),
  );
  return { take: (key, cost, rule) => shared.take(boundedKey(key), cost, rule, Date.now) };
}
