import { gcra } from '@ent/internal';

/** A limit, in the terms of GCRA: one unit becomes free every `intervalMs`, and at most `burst` are free at once. */
export interface RateLimitRule {
  readonly intervalMs: number;
  readonly burst: number;
}

/** What a store says about one attempt. */
export interface RateLimitDecision {
  readonly allowed: boolean;
  /** Whole units that are left. */
  readonly remaining: number;
  /** How long until this attempt would have been allowed, in milliseconds; 0 when it was. */
  readonly retryAfterMs: number;
  /** How long until everything is free again, in milliseconds. */
  readonly resetMs: number;
}

/**
 * Where the state of limits is kept. A store decides and records in one atomic step: two attempts at once never both take
 * the last unit.
 */
export interface RateLimitStore {
  take(key: string, cost: number, rule: RateLimitRule): RateLimitDecision | Promise<RateLimitDecision>;
}

export interface MemoryRateLimitStoreOptions {
  /** Most keys that are remembered; the one that was idle longest is forgotten first. Default: 100,000 (about 15 MB). */
  maxKeys?: number;
  /** The clock, in milliseconds. Default: a monotonic one. */
  now?: () => number;
}

/**
 * Limits in the memory of this process, in bounded space: each of several processes counts for itself.
 *
 * GCRA keeps one number for a key, the theoretical arrival time: when everything would be used up and free again. It has no
 * window whose edge lets twice the limit through.
 */
export function memoryRateLimitStore(options: MemoryRateLimitStoreOptions = {}): RateLimitStore {
  const { maxKeys = 100_000, now = () => performance.now() } = options;
  // A Map keeps the order of insertion; what is used is put at the end again.
  const arrivals = new Map<string, number>();
  return {
    take(key, cost, rule) {
      const time = now();
      const decision = gcra(arrivals.get(key) ?? 0, time, cost, rule);
      // Also when it was refused: who is being limited must not be forgotten first.
      arrivals.delete(key);
      arrivals.set(key, time + decision.resetMs);
      forget(arrivals, time, maxKeys);
      return decision;
    },
  };
}

/** Drops keys that are full again, from the idlest on, and then as many as it takes. */
function forget(arrivals: Map<string, number>, now: number, maxKeys: number): void {
  let looked = 0;
  for (const [key, arrival] of arrivals) {
    const free = arrival <= now;
    // Two a call keep up with one insertion a call; nobody waits for a sweep.
    if (!free && arrivals.size <= maxKeys) return;
    if (free && ++looked > 2 && arrivals.size <= maxKeys) return;
    arrivals.delete(key);
  }
}
