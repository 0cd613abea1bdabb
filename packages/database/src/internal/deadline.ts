import type { Awaitable, CallContext } from '../driver.ts';

/**
 * The time that one call may take. Its signal and timer exist only once somebody waits: an embedded database answers
 * most calls at once, and a timer for each would cost more than the query.
 */
export class Deadline implements CallContext {
  waitingFor: string | undefined;
  onStatement: ((statement: string) => void) | undefined;
  readonly #endsAt: number;
  readonly #caller: AbortSignal | undefined;
  readonly #parent: Deadline | undefined;
  readonly #onTimeout: (deadline: Deadline) => Error;
  #controller: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #unlisten: (() => void) | undefined;

  /**
   * @param timeoutMs `Infinity` for a call that may take as long as its parent
   * @param parent the deadline of the transaction around the call: the call ends with it
   */
  constructor(timeoutMs: number, onTimeout: (deadline: Deadline) => Error, caller?: AbortSignal, parent?: Deadline) {
    this.#endsAt = performance.now() + timeoutMs;
    this.#onTimeout = onTimeout;
    this.#caller = caller;
    this.#parent = parent;
  }

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
    let timer: NodeJS.Timeout | undefined;
    try {
      await this.guard(
        new Promise<void>((resolve) => {
          timer = setTimeout(resolve, ms);
        }),
      );
    } finally {
      clearTimeout(timer);
    }
  }

  /** Stops the timer and lets go of the other signals. */
  dispose(): void {
    if (this.#controller === undefined) return;
    clearTimeout(this.#timer);
    this.#unlisten?.();
  }

  #arm(): AbortController {
    const controller = new AbortController();
    this.#controller = controller;
    const left = this.#endsAt - performance.now();
    // A longer timer would fire at once; nobody waits for 24 days.
    if (left < 2 ** 31) this.#timer = setTimeout(() => controller.abort(this.#onTimeout(this)), Math.max(0, left));
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
