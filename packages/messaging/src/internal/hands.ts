import { Fifo, type Ticket } from '@ent/internal';

/**
 * Bounds how many handlers run at once, over all sources of a subscription,
 * and begins them in the order in which they came.
 */
export class Hands {
  #free: number;
  #isGiving = false;
  readonly #waiting = new Fifo<() => void>();

  constructor(count: number) {
    this.#free = count;
  }

  get free(): number {
    return this.#free;
  }

  /** Calls `begin` once a hand is free, perhaps at once; else answers its place. Who began gives the hand back. */
  take(begin: () => void): Ticket<() => void> | undefined {
    if (this.#free === 0) return this.#waiting.push(begin);
    this.#free--;
    begin();
    return undefined;
  }

  /** Forgets one that waits. */
  withdraw(place: Ticket<() => void>): void {
    this.#waiting.remove(place);
  }

  /** One after the other, not one inside the other: handlers that end at once would fill the stack. */
  give(): void {
    this.#free++;
    if (this.#isGiving) return;
    this.#isGiving = true;
    while (this.#free > 0 && this.#waiting.size > 0) this.take(this.#waiting.shift() as () => void);
    this.#isGiving = false;
  }
}
