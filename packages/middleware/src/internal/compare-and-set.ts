import { hash } from 'node:crypto';
import { type GcraSlot, SharedGcra } from '@ent/internal';
import { middlewareErrors } from '../errors.ts';
import type { RateLimitStore } from '../rate-limit-store.ts';

const PLAIN = /^[\x21-\x7e]{1,200}$/;

/** Limits by compare and set, on the clock of the process. */
export function compareAndSetStore<Version>(slot: GcraSlot<Version>): RateLimitStore {
  const shared = new SharedGcra(slot, () =>
    middlewareErrors.store_contended('Too many processes count for one key of a rate limit at once.'),
  );
  return { take: (key, cost, rule) => shared.take(boundedKey(key), cost, rule, Date.now) };
}

/** Stores bound the length of keys, and some know spaces and line ends as their own: such a key is hashed. */
function boundedKey(key: string): string {
  return PLAIN.test(key) ? key : `sha256-${hash('sha256', key, 'base64url')}`;
}
