import { startTimer } from '@ent/internal';

/** Why somebody was not let in. */
export type Refusal = 'full' | 'late';

interface Waiting {
  let(): void;
  refuse(reason: Refusal): void;
}

/**
 * A number of places, and a queue before them that is fair between those who ask: each in turn, however many of one
 * wait. One who asks for a hundred waits for a hundred, and the next waits for one.
 */
export class FairGate {
  #free: number;
  readonly #room: number;
  readonly #maxWaitMs: number;
  /** By who asks, in the order in which it is their turn; nobody has an empty list. */
  readonly #queues = new Map<string, Set<Waiting>>();
  #waiting = 0;

  constructor(places: number, room: number, maxWaitMs: number) {
    this.#free = places;
    this.#room = room;
    this.#maxWaitMs = maxWaitMs;
  }

  /**
   * Waits for a place; who got one calls {@link leave}.
   *
   * @param fail makes the error for who is not let in
   * @throws what `fail` made; the signal's reason
   */
  async enter(who: string, fail: (reason: Refusal) => Error, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    if (this.#waiting >= this.#room && !this.#makeRoom(who)) throw fail('full');
    await this.#wait(who, fail, signal);
  }

  /** Gives a place back: to the next, of whoever has waited longest for a turn. */
  leave(): void {
    const [next] = this.#queues;
    if (next === undefined) {
      this.#free++;
      return;
    }
    const [who, queue] = next;
    const [first] = queue;
    // To the end of the row.
    this.#queues.delete(who);
    this.#queues.set(who, queue);
    this.#remove(who, first as Waiting);
    first?.let();
  }

  #wait(who: string, fail: (reason: Refusal) => Error, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        timer.cancel();
        signal?.removeEventListener('abort', stop);
        end();
      };
      const waiting: Waiting = {
        let: () => settle(resolve),
        refuse: (reason) => {
          this.#remove(who, waiting);
          settle(() => reject(fail(reason)));
        },
      };
      const stop = (): void => {
        this.#remove(who, waiting);
        settle(() => reject(signal?.reason as Error));
      };
      const timer = startTimer(this.#maxWaitMs, () => waiting.refuse('late'));
      signal?.addEventListener('abort', stop, { once: true });
      const queue = this.#queues.get(who) ?? new Set();
      this.#queues.set(who, queue.add(waiting));
      this.#waiting++;
    });
  }

  #remove(who: string, waiting: Waiting): void {
    const queue = this.#queues.get(who);
    if (queue?.delete(waiting) !== true) return;
    this.#waiting--;
    if (queue.size === 0) this.#queues.delete(who);
  }

  /** Where all places in the queue are taken, the latest of who has the most gives way to one who has less. */
  #makeRoom(who: string): boolean {
    let most: Set<Waiting> | undefined;
    for (const queue of this.#queues.values()) if (queue.size > (most?.size ?? 0)) most = queue;
    const own = this.#queues.get(who)?.size ?? 0;
    if (most === undefined || most.size <= own + 1) return false;
    [...most].at(-1)?.refuse('full');
    return true;
  }
}
