import { EntError } from '@ent/errors';
import { durationOption, GcraTable, withDeadline } from '@ent/internal';
import { channels } from '../channels.ts';
import type { ThrottleRule, ThrottleStore } from '../driver.ts';
import { authErrors, storeCall } from '../errors.ts';
import type { Duration } from '../options.ts';

/** How long a store that failed is left alone. */
const COOLDOWN_MS = 1000;
/** As many as `memoryThrottleStore` keeps. */
const MAX_KEYS = 100_000;

/** An attempt that was counted, or refused. */
export interface Counted {
  readonly ok: boolean;
  readonly retryAfterMs: number;
  /** Counted by this process, since the store was away: to be given back to this process. */
  readonly isLocal: boolean;
}

/**
 * Counts attempts at a store. When that fails or does not answer in time, this process counts by itself, and for a
 * second on, before the store is asked again: an outage neither locks everybody out nor opens the gates, and few wait
 * for it. What a store refuses as too busy is refused: whoever keeps it busy must not be counted anew for it.
 */
export class AttemptCounts {
  readonly #store: ThrottleStore;
  readonly #timeoutMs: number;
  readonly #local = new GcraTable(MAX_KEYS);
  /** By `performance.now()`; while somebody asks a store that failed before, the others do not. */
  #awayUntil = 0;

  constructor(store: ThrottleStore, timeout: Duration = '1s') {
    this.#store = store;
    this.#timeoutMs = durationOption(timeout, 'timeout', authErrors.configuration);
  }

  /** @throws `auth.overloaded` */
  async take(key: string, rule: ThrottleRule, now: number): Promise<Counted> {
    const answer = await this.#ask('count an attempt', () => this.#store.take(key, rule, now));
    if (answer !== undefined) return { ok: answer.ok, retryAfterMs: answer.retryAfterMs, isLocal: false };
    const { allowed, retryAfterMs } = this.#local.take(key, 1, rule, now);
    return { ok: allowed, retryAfterMs, isLocal: true };
  }

  /** Gives one back where it was counted. One that a store does not take back stays counted: nobody fails for that. */
  async give(key: string, rule: ThrottleRule, now: number, isLocal: boolean): Promise<void> {
    if (isLocal) this.#local.give(key, rule, now);
    else await this.#tell('give an attempt back', () => this.#store.give(key, rule, now));
  }

  /** Forgets a key, here and there. */
  async reset(key: string): Promise<void> {
    this.#local.reset(key);
    await this.#tell('forget attempts', () => this.#store.reset(key));
  }

  async #tell(what: string, call: () => Promise<void>): Promise<void> {
    try {
      await this.#ask(what, call);
    } catch (error) {
      // Too busy for it.
      publish(error);
    }
  }

  /** Undefined where the store is away. */
  async #ask<T>(what: string, call: () => Promise<T>): Promise<T | undefined> {
    if (this.#awayUntil > 0) {
      const now = performance.now();
      if (now < this.#awayUntil) return undefined;
      this.#awayUntil = now + COOLDOWN_MS;
    }
    try {
      const answer = await withDeadline(
        () => storeCall(what, call),
        this.#timeoutMs,
        () => authErrors.store_failed(`The store of attempts gave no answer in ${this.#timeoutMs} ms.`),
      );
      this.#awayUntil = 0;
      return answer;
    } catch (error) {
      if (EntError.is(error) && error.code === authErrors.overloaded.code) throw error;
      this.#awayUntil = performance.now() + COOLDOWN_MS;
      publish(error);
      return undefined;
    }
  }
}

function publish(error: unknown): void {
  if (channels.throttle.hasSubscribers) channels.throttle.error.publish({ outcome: 'away', error });
}
