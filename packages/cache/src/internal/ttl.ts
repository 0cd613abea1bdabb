import { durationOption } from '@ent/internal';
import { cacheErrors } from '../errors.ts';
import type { Duration, Ttl } from '../options.ts';

// Beyond this a date has no millisecond precision in JavaScript, and no backend takes it.
const LATEST = 8.64e15;

/** Milliseconds of a TTL, `Infinity` for null ("forever"). */
export function ttlMs(ttl: Ttl, what = 'ttl'): number {
  if (ttl === null) return Number.POSITIVE_INFINITY;
  if (ttl === last.text) return last.ms;
  const ms = wholeMs(ttl, what);
  if (typeof ttl === 'string') last = { text: ttl, ms };
  return ms;
}

// Most calls name the TTL of the one before, and to read it takes as long as a write in memory.
let last = { text: '1ms', ms: 1 };

/** Milliseconds for a timer, which Node.js would fire at once beyond 24 days. */
export function durationMs(duration: Duration, what: string): number {
  return Math.min(wholeMs(duration, what), 0x7fff_ffff);
}

/** At least one: backends refuse fractions. */
function wholeMs(duration: Duration, what: string): number {
  return Math.max(1, Math.round(durationOption(duration, what, cacheErrors.invalid_ttl)));
}

/** The moment a TTL that starts now ends, `Infinity` for never. */
export function expiryOf(ms: number, now: number): number {
  const at = now + ms;
  return at > LATEST ? Number.POSITIVE_INFINITY : at;
}

/** `Infinity` as the contract's null. */
export function toContract(expiresAt: number): number | null {
  return expiresAt === Number.POSITIVE_INFINITY ? null : expiresAt;
}
