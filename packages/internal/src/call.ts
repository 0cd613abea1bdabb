import { startTimer, type Timer } from './timer.ts';

/** A value or a promise of it. */
export type Awaitable<T> = T | Promise<T>;

/**
 * The time that one call may take, as drivers get it. Its signal and timer exist only once somebody asks for them: what
 * is answered at once would pay more for a timer than for the work.
 */
export class Call {
  /**
   * When the call ends at the latest, with what is around it. By `performance.now()`,
   * so that a step of the wall clock moves nothing.
   */
  readonly deadlineAt: number;
  /** What it waits for just now; the timeout error may repeat it. */
  waitingFor: string | undefined;
  readonly #endsAt: number;
  readonly #caller: AbortSignal | undefined;
  readonly #parent: Call | undefined;
  readonly #onTimeout: (call: Call) => Error;
  #controller: AbortController | undefined;
  #timer: Timer | undefined;
  #unlisten: (() => void) | undefined;

  /**
   * @param timeoutMs `Infinity` for a call that may take as long as its parent
   * @param onTimeout makes the error for a deadline that passed
   * @param caller gives the call up when it aborts
   * @param parent the call around it, which ends this one too: a transaction around its statements
   */
  constructor(timeoutMs: number, onTimeout: (call: Call) => Error, caller?: AbortSignal, parent?: Call) {
    this.#endsAt = performance.now() + timeoutMs;
    this.deadlineAt = Math.min(this.#endsAt, parent?.deadlineAt ?? Infinity);
    this.#onTimeout = onTimeout;
    this.#caller = caller;
    this.#parent = parent;
  }

  /** Aborts at the deadline, or when the caller gives up. */
  get signal(): AbortSignal {
    return (this.#controller ?? this.#arm()).signal;
  }

  /** Throws if the time is up or the caller has given up. */
  check(): void {
    if (this.#controller !== undefined) return this.#controller.signal.throwIfAborted();
    this.#caller?.throwIfAborted();
    this.#parent?.check();
    if (performance.now() >= this.#endsAt) throw this.#onTimeout(this);
  }

  /** Gives the call up for `reason`. */
  abort(reason: unknown): void {
    void this.signal;
    this.#controller?.abort(reason);
  }

  /**
   * Settles with `work`, or rejects when the time is up. Who calls this sees to it that a late outcome of `work` does
   * no harm.
   */
  guard<T>(work: Awaitable<T>): Awaitable<T> {
    if (!(work instanceof Promise)) return work;
    const { signal } = this;
    return new Promise<T>((resolve, reject) => {
      const stop = (): void => reject(signal.reason as Error);
      if (signal.aborted) stop();
      signal.addEventListener('abort', stop, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
    });
  }

  /** Waits, but not past the deadline. */
  async sleep(ms: number): Promise<void> {
    let timer: Timer | undefined;
    try {
      await this.guard(
        new Promise<void>((resolve) => {
          timer = startTimer(ms, resolve);
        }),
      );
    } finally {
      timer?.cancel();
    }
  }

  /** Stops the timer and lets go of the other signals. */
  dispose(): void {
    if (this.#controller === undefined) return;
    this.#timer?.cancel();
    this.#unlisten?.();
  }

  #arm(): AbortController {
    const controller = new AbortController();
    this.#controller = controller;
    const left = this.#endsAt - performance.now();
    if (left < Infinity) this.#timer = startTimer(left, () => controller.abort(this.#onTimeout(this)));
    const signals = [this.#caller, this.#parent?.signal].filter((signal) => signal !== undefined);
    const listeners = signals.map((signal) => {
      const listener = (): void => controller.abort(signal.reason);
      if (signal.aborted) listener();
      else signal.addEventListener('abort', listener, { once: true });
      return () => signal.removeEventListener('abort', listener);
    });
    this.#unlisten = () => {
      for (const unlisten of listeners) unlisten();
    };
    return controller;
  }
}
