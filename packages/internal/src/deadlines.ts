/** A call on its way. */
export interface Waiting {
  /** By `performance.now()`. */
  readonly overdueAt: number;
  expire(): void;
}

/**
 * The deadlines of calls that all get the same time, so that the oldest is overdue first. They share a timer, which is
 * set once in that time: one for each call would cost more than all else that a call goes through.
 */
export class Deadlines {
  readonly ms: number;
  readonly #waiting = new Set<Waiting>();
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number) {
    this.ms = ms;
  }

  add(call: Waiting): void {
    this.#waiting.add(call);
    if (this.#timer === undefined) this.#timer = setTimeout(this.#ring, this.ms);
    else if (this.#waiting.size === 1) this.#timer.ref();
  }

  /** Takes a call out that has ended. False when it was overdue before. */
  end(call: Waiting): boolean {
    if (!this.#waiting.delete(call)) return false;
    // The timer alone must not keep the process.
    if (this.#waiting.size === 0) this.#timer?.unref();
    return true;
  }

  readonly #ring = (): void => {
    const now = performance.now();
    // After a pause of this process the timer is due before the reply that already lies in the socket has been read.
    setImmediate(() => {
      this.#timer = undefined;
      for (const call of this.#waiting) {
        if (call.overdueAt > now) {
          this.#timer = setTimeout(this.#ring, call.overdueAt - now);
          return;
        }
        this.#waiting.delete(call);
        call.expire();
      }
    });
  };
}
