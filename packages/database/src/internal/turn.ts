const LONG_MS = 10;

/**
 * Keeps calls that are answered at once from starving the event loop. A loop of `await repo.get(id)` on an embedded
 * database consists of microtasks only: without a break no timer fires, no request is read and no deadline passes until
 * it ends.
 */
export class Turn {
  /** Whether calls are answered at once here: over a network each waits for the event loop anyway. */
  isNeeded = false;
  #isOpen = false;
  #began = 0;
  #next: Promise<void> | undefined;

  /**
   * Undefined, or when this turn of the event loop has lasted long enough, a promise for the next one.
   *
   * @param now by `performance.now()`, a moment of this turn
   */
  pause(now: number = performance.now()): Promise<void> | undefined {
    if (!this.isNeeded) return undefined;
    if (this.#isOpen) return now - this.#began < LONG_MS ? undefined : this.#nextTurn();
    this.#isOpen = true;
    this.#began = now;
    void this.#nextTurn();
    return undefined;
  }

  #nextTurn(): Promise<void> {
    this.#next ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#isOpen = false;
        this.#next = undefined;
        resolve();
      });
    });
    return this.#next;
  }
}
