import { gcra, type GcraDecision, type GcraRule } from './gcra.ts';

/** The share of the keys that goes when there are too many: much at once, so that it is rare. */
const ROOM = 0.1;

/**
 * The state of limits in the memory of this process, in bounded space. GCRA keeps one number for a key, the
 * theoretical arrival time: when everything is free again.
 *
 * When there are more keys than it may keep, those that are nearest to being free anyway go first: a flood of new keys
 * cannot wash away the count of one that is near its limit.
 */
export class GcraTable {
  readonly #maxKeys: number;
  readonly #arrivals = new Map<string, number>();

  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys;
  }

  take(key: string, cost: number, rule: GcraRule, now: number): GcraDecision {
    const known = this.#knownArrival(key, rule, now);
    const decision = gcra(known ?? 0, now, cost, rule);
    if (decision.allowed) {
      if (known === undefined && this.#arrivals.size >= this.#maxKeys) this.#makeRoom(now);
      this.#arrivals.set(key, now + decision.resetMs);
    }
    return decision;
  }

  /**
   * No limit keeps a time beyond all its units: the clock was set back since, and whoever waits need not wait for it.
   */
  #knownArrival(key: string, { intervalMs, burst }: GcraRule, now: number): number | undefined {
    const kept = this.#arrivals.get(key);
    const latest = now + intervalMs * burst;
    if (kept === undefined || kept <= latest) return kept;
    this.#arrivals.set(key, latest);
    return latest;
  }

  /** Gives one unit back that was taken. */
  give(key: string, { intervalMs }: GcraRule, now: number): void {
    const arrival = this.#arrivals.get(key);
    if (arrival === undefined) return;
    if (arrival - intervalMs > now) this.#arrivals.set(key, arrival - intervalMs);
    else this.#arrivals.delete(key);
  }

  reset(key: string): void {
    this.#arrivals.delete(key);
  }

  #makeRoom(now: number): void {
    const soonest = Float64Array.from(this.#arrivals.values()).sort();
    const goes = Math.ceil(this.#maxKeys * ROOM);
    const limit = Math.max(now, soonest[goes - 1] as number);
    for (const [key, arrival] of this.#arrivals) if (arrival <= limit) this.#arrivals.delete(key);
  }
}
