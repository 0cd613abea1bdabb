/** Counts what happened lately: at least within `spanMs`, at most within twice of it. */
export class Recent {
  readonly #spanMs: number;
  #since = 0;
  #now = 0;
  #before = 0;

  constructor(spanMs: number) {
    this.#spanMs = spanMs;
  }

  add(): void {
    this.#turn();
    this.#now++;
  }

  get count(): number {
    this.#turn();
    return this.#before + this.#now;
  }

  /** Takes off the oldest `count`. */
  forget(count: number): void {
    const old = Math.min(count, this.#before);
    this.#before -= old;
    this.#now = Math.max(0, this.#now - (count - old));
  }

  #turn(): void {
    const age = performance.now() - this.#since;
    if (age < this.#spanMs) return;
    this.#before = age < 2 * this.#spanMs ? this.#now : 0;
    this.#now = 0;
    this.#since = performance.now();
  }
}
