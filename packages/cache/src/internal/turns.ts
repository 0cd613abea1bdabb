import type { BackendKey } from './keys.ts';

/** A change of one key, or of several. */
interface Turn {
  /** Settles when this change is over, and those that run beside it. */
  readonly over: Promise<unknown>;
  /** What it had to wait for. */
  readonly before: Promise<unknown> | undefined;
  /** Whether others of its kind may run beside it. */
  readonly isShared: boolean;
}

/** A change of all keys that fit. */
interface WideTurn {
  readonly fits: (key: BackendKey) => boolean;
  readonly over: Promise<unknown>;
}

/**
 * Changes of one key by this process, one after the other, in the order in which they were asked for. To be sent in
 * order is not enough: some take several steps, and a driver may have several connections.
 */
export class Turns {
  /** The last change of each key that is under way. */
  readonly #last = new Map<BackendKey, Turn>();
  readonly #wide = new Set<WideTurn>();
  readonly #patienceMs: number | undefined;

  /**
   * @param patienceMs the longest wait for the change before it. When the backend is out, each would else wait for the
   *   deadlines of all of them
   */
  constructor(patienceMs: number | undefined) {
    this.#patienceMs = patienceMs;
  }

  /** Whether a change of the key would begin at once. */
  isFree(key: BackendKey): boolean {
    if (this.#last.size === 0 && this.#wide.size === 0) return true;
    for (const { fits } of this.#wide) if (fits(key)) return false;
    return !this.#last.has(key);
  }

  /**
   * Runs a change of some keys when it is its turn: at once, if it is.
   *
   * @param isShared whether it may run beside others that are shared, as additions may
   */
  take<T>(keys: readonly BackendKey[], work: () => Promise<T>, isShared = false): Promise<T> {
    const { promise: mine, resolve: end } = Promise.withResolvers<void>();
    const waits = new Set<Promise<unknown>>();
    for (const { fits, over } of this.#wide) if (keys.some(fits)) waits.add(over);
    for (const key of keys) {
      const last = this.#last.get(key);
      const isBeside = isShared && last?.isShared === true;
      const before = isBeside ? last.before : last?.over;
      if (before !== undefined) waits.add(this.#withPatience(before));
      const turn = { over: isBeside ? Promise.all([last.over, mine]) : mine, before, isShared };
      this.#last.set(key, turn);
      void turn.over.then(() => {
        if (this.#last.get(key) === turn) this.#last.delete(key);
      });
    }
    return runAfter(waits, work).finally(end);
  }

  /** {@link take} for all keys that fit. */
  takeWhere<T>(fits: WideTurn['fits'], work: () => Promise<T>): Promise<T> {
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    const waits = new Set<Promise<unknown>>();
    for (const [key, turn] of this.#last) if (fits(key)) waits.add(this.#withPatience(turn.over));
    for (const other of this.#wide) waits.add(this.#withPatience(other.over));
    const turn = { fits, over };
    this.#wide.add(turn);
    return runAfter(waits, work).finally(() => {
      this.#wide.delete(turn);
      end();
    });
  }

  async #withPatience(before: Promise<unknown>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    void before.then(() => resolve());
    const timer = this.#patienceMs === undefined ? undefined : setTimeout(resolve, this.#patienceMs);
    await promise;
    clearTimeout(timer);
  }
}

async function runAfter<T>(before: ReadonlySet<Promise<unknown>>, work: () => Promise<T>): Promise<T> {
  if (before.size > 0) await Promise.all(before);
  return work();
}
