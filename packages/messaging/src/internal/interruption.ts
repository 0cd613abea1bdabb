/**
 * What an AbortController does, which is made only for a handler that asks for its signal: it is dear, and most do not.
 */
export class Interruption {
  #controller: AbortController | undefined;
  #cause: { readonly reason: unknown } | undefined;
  #reject: ((reason: unknown) => void) | undefined;

  /** Only the first one counts. */
  cause(reason: unknown): void {
    if (this.#cause) return;
    this.#cause = { reason };
    this.#reject?.(reason);
    this.#controller?.abort(reason);
  }

  signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#cause) this.#controller.abort(this.#cause.reason);
    return this.#controller.signal;
  }

  /** Settles with `work`, or rejects when it is caused. */
  guard(work: PromiseLike<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#cause) reject(this.#cause.reason);
      this.#reject = reject;
      work.then(resolve, reject);
    });
  }
}
