// Requests that begin in one turn of the event loop; half of them may have waited for it, so that who comes next is
// begun at once.
const IN_A_TURN = 64;
// Requests of one connection, a pipeline, that are begun and not answered. An answer that nobody reads counts.
const ON_THE_WAY = 64;

/** Whose requests wait: a connection. */
export interface Waiter {
  /** Requests that were read and are not answered, the waiting ones among them. */
  open: number;
  /** Requests that were read and are not begun. */
  readonly waiting: (() => void)[];
  /** No request waits any more. */
  done(): void;
}

const running = ({ open, waiting }: Waiter): number => open - waiting.length;

/**
 * Begins requests in turns of the event loop. Node begins whatever it has read before it looks at another connection,
 * so that fifty pipelines of a thousand requests keep all others waiting for seconds; here the connections take turns,
 * a request each.
 */
export class Turns {
  #begun = 0;
  #due = false;
  readonly #queue = new Set<Waiter>();

  /** Begins a request, which is among the running ones; or notes it as waiting, and gives `false`. */
  begin(of: Waiter, request: () => void): boolean {
    if (of.waiting.length === 0 && this.#begun < IN_A_TURN && running(of) <= ON_THE_WAY) {
      this.#count();
      request();
      return true;
    }
    of.waiting.push(request);
    this.wake(of);
    return false;
  }

  /** One of its requests was answered: another may begin. */
  wake(of: Waiter): void {
    if (of.waiting.length === 0 || running(of) >= ON_THE_WAY) return;
    this.#queue.add(of);
    this.#schedule();
  }

  leave(of: Waiter): void {
    this.#queue.delete(of);
  }

  #count(): void {
    this.#begun++;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#due) return;
    this.#due = true;
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#due = false;
    this.#begun = 0;
    for (const of of this.#queue) {
      if (this.#begun >= IN_A_TURN / 2) break;
      // To the end of the row; the loop comes by again while there is room.
      this.#queue.delete(of);
      const request = running(of) < ON_THE_WAY ? of.waiting.shift() : undefined;
      if (request === undefined) continue;
      if (of.waiting.length > 0) this.#queue.add(of);
      else of.done();
      this.#count();
      request();
    }
    if (this.#queue.size > 0) this.#schedule();
  };
}
