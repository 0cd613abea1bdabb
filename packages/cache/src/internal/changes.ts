import type { TagVersion } from '../driver.ts';
import type { BackendKey } from './keys.ts';
import { Turns } from './turns.ts';

/** Which keys are being changed, also by the tags that a load of them has. */
export type Barrier = (physical: BackendKey, tags: readonly TagVersion[] | undefined) => boolean;

/** The loads that changes end. */
export interface Cancellable {
  /** Those in flight that fit. */
  keysWhere(fits: Barrier): BackendKey[];
  /** Answers the write that the load has already begun, if any. */
  cancel(physical: BackendKey): Promise<unknown> | undefined;
}

/** A change, and what it keeps from being stored. */
interface Change<T> {
  readonly fits: Barrier;
  /** Those of the loads that it ends. */
  readonly keys: () => readonly BackendKey[];
  readonly inTurn: (work: () => Promise<T>) => Promise<T>;
  readonly work: () => Promise<T>;
}

/**
 * Changes of keys: those of one key one after the other, in the order in which they were asked for.
 *
 * The rule that makes invalidation safe: a change of a key cancels the load in flight *before* it is sent, waits for a
 * write that the load has already begun, and cancels what begins until it is over. So nothing that was read earlier is
 * written later. Changes by other processes end the lease.
 */
export class Changes {
  /** Those under way. */
  readonly barriers = new Set<Barrier>();
  readonly #loads: Cancellable;
  readonly #turns: Turns;

  /** @param patienceMs as for {@link Turns} */
  constructor(loads: Cancellable, patienceMs: number | undefined) {
    this.#loads = loads;
    this.#turns = new Turns(patienceMs);
  }

  /**
   * Runs a change of keys. Loads that began before it is over do not store their value, and callers from then on do not
   * join them.
   *
   * @param isShared as for {@link Turns.take}
   */
  async run<T>(keys: readonly BackendKey[], work: () => Promise<T>, isShared = false): Promise<T> {
    const changing = new Set(keys);
    return this.#run({
      fits: (physical) => changing.has(physical),
      keys: () => keys,
      inTurn: (step) => this.#turns.take(keys, step, isShared),
      work,
    });
  }

  /**
   * {@link run} for all keys that fit.
   *
   * @param isNear whether a change of a key may be one that fits, as far as the key tells
   */
  runWhere<T>(fits: Barrier, isNear: (physical: BackendKey) => boolean, work: () => Promise<T>): Promise<T> {
    return this.#run({
      fits,
      keys: () => this.#loads.keysWhere(fits),
      inTurn: (step) => this.#turns.takeWhere(isNear, step),
      work,
    });
  }

  /** Runs what leaves the value of a key alone, as a new TTL does: loads go on. */
  runBeside<T>(key: BackendKey, work: () => Promise<T>): Promise<T> {
    return this.#turns.take([key], work);
  }

  /** Whether a change of the key would begin at once. One that also ends at once needs no turn. */
  isFree(key: BackendKey): boolean {
    return this.#turns.isFree(key);
  }

  async #run<T>({ fits, keys, inTurn, work }: Change<T>): Promise<T> {
    this.barriers.add(fits);
    try {
      const publishing = keys()
        .map((physical) => this.#loads.cancel(physical))
        .filter((writing) => writing !== undefined);
      return await inTurn(async () => {
        if (publishing.length > 0) await Promise.all(publishing);
        return work();
      });
    } finally {
      this.barriers.delete(fits);
      for (const physical of keys()) void this.#loads.cancel(physical); // those that began meanwhile
    }
  }
}
