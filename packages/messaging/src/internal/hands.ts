/**
 * Bounds how many handlers run at once, over all sources of a subscription,
 * and begins them in the order in which they came.
 */
export class Hands {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(count: number) {
    this.#free = count;
  }

  /** Calls `begin` once a hand is free, perhaps at once. Who began gives the hand back. */
  take(begin: () => void): void {
    if (this.#free === 0) {
      this.#waiting.add(begin);
      return;
    }
    this.#free--;
    begin();
  }

  /** Forgets one that waits; false when it has begun. */
  withdraw(begin: () => void): boolean {
    return this.#waiting.delete(begin);
  }

  give(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
