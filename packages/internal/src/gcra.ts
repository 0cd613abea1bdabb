/** A limit. */
export interface GcraRule {
  /** One unit becomes free in each. */
  readonly intervalMs: number;
  /** As many are free at once at the most. */
  readonly burst: number;
}

/** What a limit says about one attempt. */
export interface GcraDecision {
  readonly allowed: boolean;
  /** Whole units that are left. */
  readonly remaining: number;
  /** How long until the same attempt would be allowed; 0 when it was. */
  readonly retryAfterMs: number;
  /** How long until everything is free again. `now + resetMs` is what to keep for the next step. */
  readonly resetMs: number;
}

/**
 * One step of the generic cell rate algorithm (ITU-T I.371, annex A): takes `cost` units, or refuses and takes none.
 *
 * @param arrival the theoretical arrival time that was kept: when everything is free again; 0 for a new key
 */
export function gcra(arrival: number, now: number, cost: number, { intervalMs, burst }: GcraRule): GcraDecision {
  const capacity = intervalMs * burst;
  const start = Math.max(arrival, now);
  const next = start + cost * intervalMs;
  const over = next - now - capacity;
  // An interval is seldom a whole number, and each sum of it with a time is rounded, the coarser the later the time:
  // that must not cost the last unit of a burst, and never give one more.
  const rounding = Math.min(intervalMs / 2, Number.EPSILON * next * (burst + 1));
  const allowed = over <= rounding;
  const resetMs = (allowed ? next : start) - now;
  return {
    allowed,
    remaining: Math.max(0, Math.floor((capacity - resetMs + rounding) / intervalMs)),
    retryAfterMs: allowed ? 0 : over,
    resetMs,
  };
}
