/**
 * Items out of batches of them. In place of an async generator, of which each item would cost several promises, and
 * most of what a row of a stream costs.
 */
export class RowStream<T> implements AsyncGenerator<T, void, undefined> {
  readonly #batches: AsyncGenerator<readonly T[], void, undefined>;
  #batch: readonly T[] = [];
  #at = 0;
  /** The last of what was asked for; in order, as a generator answers. */
  #pending: Promise<IteratorResult<T, void>> | undefined;

  /** @param batches the batches; what it throws comes with the first call of `next` */
  constructor(batches: AsyncGenerator<readonly T[], void, undefined>) {
    this.#batches = batches;
  }

  next(): Promise<IteratorResult<T, void>> {
    return this.#pending === undefined && this.#at < this.#batch.length
      ? Promise.resolve({ done: false, value: this.#batch[this.#at++] as T })
      : this.#queued(() => this.#refill());
  }

  return(): Promise<IteratorResult<T, void>> {
    return this.#queued(() => this.#end(this.#batches.return()));
  }

  throw(error: unknown): Promise<IteratorResult<T, void>> {
    return this.#queued(() => this.#end(this.#batches.throw(error)));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** After what was asked for before. */
  #queued(work: () => Promise<IteratorResult<T, void>>): Promise<IteratorResult<T, void>> {
    const pending = this.#pending === undefined ? work() : this.#pending.then(work, work);
    this.#pending = pending;
    const done = (): void => {
      if (this.#pending === pending) this.#pending = undefined;
    };
    pending.then(done, done);
    return pending;
  }

  async #refill(): Promise<IteratorResult<T, void>> {
    while (this.#at >= this.#batch.length) {
      const { done, value } = await this.#batches.next();
      if (done === true) return { done: true, value: undefined };
      this.#batch = value;
      this.#at = 0;
    }
    return { done: false, value: this.#batch[this.#at++] as T };
  }

  async #end(ending: Promise<unknown>): Promise<IteratorResult<T, void>> {
    this.#batch = [];
    await ending;
    return { done: true, value: undefined };
  }
}
