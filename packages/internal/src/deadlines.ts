import { outsideContext } from './outside.ts';
import { LONGEST_MS } from './timer.ts';

/**
 * A call among many that all get the same time, as its driver gets it: when it ends, and a signal that exists only once
 * somebody asks for it. For a call with a time of its own, that waits or has a caller's signal, there is `Call`.
 */
export class TimedCall {
  /** By `performance.now()`, so that a step of the wall clock moves nothing. */
  readonly deadlineAt: number;
  readonly #onOverdue: () => Error;
  #controller: AbortController | undefined;
  #reason: Error | undefined;

  /** @param onOverdue told when the time is up; makes the reason of the signal */
  constructor(deadlineAt: number, onOverdue: () => Error) {
    this.deadlineAt = deadlineAt;
    this.#onOverdue = onOverdue;
  }

  /** Aborts when the time is up. Not any more once the call has ended. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** For {@link Deadlines}. */
  expire(): void {
    this.#reason = this.#onOverdue();
    this.#controller?.abort(this.#reason);
  }
}

/**
 * The deadlines of calls that all get the same time, so that the oldest is overdue first. They share a timer, which is
 * set once in that time: one for each call would cost more than all else that a call goes through.
 */
export class Deadlines {
  readonly ms: number;
  readonly #waiting = new Set<TimedCall>();
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number) {
    this.ms = ms;
  }

  /** @param onOverdue as for {@link TimedCall}; not called once the call has ended */
  begin(onOverdue: () => Error): TimedCall {
    const call = new TimedCall(performance.now() + this.ms, onOverdue);
    this.#waiting.add(call);
    if (this.#timer === undefined) this.#ringIn(this.ms);
    else if (this.#waiting.size === 1) this.#timer.ref();
    return call;
  }

  /** Takes a call out that has ended. False when it was overdue before. */
  end(call: TimedCall): boolean {
    if (!this.#waiting.delete(call)) return false;
    // The timer alone must not keep the process.
    if (this.#waiting.size === 0) this.#timer?.unref();
    return true;
  }

  #ringIn(ms: number): void {
    // It is the timer of all, and not of whoever comes first.
    this.#timer = outsideContext(() => setTimeout(this.#ring, Math.min(ms, LONGEST_MS)));
  }

  readonly #ring = (): void => {
    const now = performance.now();
    // After a pause of this process the timer is due before the reply that already lies in the socket has been read.
    setImmediate(() => {
      this.#timer = undefined;
      for (const call of this.#waiting) {
        if (call.deadlineAt > now) {
          this.#ringIn(call.deadlineAt - now);
          return;
        }
        this.#waiting.delete(call);
        call.expire();
      }
    });
  };
}
