/** When a subscription works, and when it rests. */
export class Shift {
  #work = new AbortController();
  #rest: PromiseWithResolvers<void> | undefined;

  /** Of the work that goes on: aborts when it is to rest. */
  get signal(): AbortSignal {
    return this.#work.signal;
  }

  pause(): void {
    this.#rest ??= Promise.withResolvers();
    this.#work.abort();
  }

  resume(): void {
    if (!this.#rest) return;
    this.#work = new AbortController();
    this.#rest.resolve();
    this.#rest = undefined;
  }

  /** Resolves when it works again, or when the signal aborts. */
  async over(stop: AbortSignal): Promise<void> {
    while (this.#rest && !stop.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const end = (): void => resolve();
      stop.addEventListener('abort', end, { once: true });
      void this.#rest.promise.then(end);
      await promise;
      stop.removeEventListener('abort', end);
    }
  }
}
