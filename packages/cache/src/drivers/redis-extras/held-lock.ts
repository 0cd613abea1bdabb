import { cacheErrors } from '../../errors.ts';

/** What a held lock is made of. Times are of the monotonic clock, in milliseconds. */
interface Holding {
  readonly fence: number;
  readonly ttlMs: number;
  /** From before the lock was asked for: the server counts from later on. */
  readonly begunAt: number;
  readonly renew: () => Promise<boolean>;
  readonly release: () => Promise<boolean>;
}

// Node takes longer ones for 1 ms.
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A lock that is held. It renews itself until it is released or lost. */
export class HeldLock {
  /** Grows with each holder; see {@link RedisLock}. */
  readonly fence: number;
  readonly #holding: Holding;
  readonly #controller = new AbortController();
  #heldUntil: number;
  #renewing: Promise<void> = Promise.resolve();
  #renewal: NodeJS.Timeout;
  #end: NodeJS.Timeout | undefined;
  #released: Promise<boolean> | undefined;

  /** @internal */
  constructor(holding: Holding) {
    this.fence = holding.fence;
    this.#holding = holding;
    this.#heldUntil = holding.begunAt + holding.ttlMs;
    this.#renewal = setInterval(
      () => {
        this.#renewing = this.#renew();
      },
      Math.min(holding.ttlMs / 3, LONGEST_TIMER_MS),
    ).unref();
    this.#watch();
  }

  /** Aborts, with `cache.lock_lost`, as soon as the lock may be another's. */
  get signal(): AbortSignal {
    this.#check();
    return this.#controller.signal;
  }

  /**
   * Gives the lock back; answers whether it was still held. Idempotent. An outage rejects: then it runs out by itself.
   */
  release(): Promise<boolean> {
    this.#released ??= this.#release();
    return this.#released;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  async #release(): Promise<boolean> {
    this.#stop();
    await this.#renewing; // or it could come after the release
    return this.#holding.release();
  }

  async #renew(): Promise<void> {
    const begunAt = performance.now();
    try {
      if (await this.#holding.renew()) {
        this.#heldUntil = begunAt + this.#holding.ttlMs;
        this.#watch();
      } else {
        this.#lose('it ran out, or was deleted');
      }
    } catch {
      // Tried again at the next turn, as long as the lock lasts.
    }
  }

  #check(): void {
    if (performance.now() >= this.#heldUntil) this.#lose('it was not renewed in time');
  }

  #watch(): void {
    clearTimeout(this.#end);
    if (this.#released !== undefined || this.#controller.signal.aborted) return;
    // A timer can be a millisecond early.
    const left = Math.min(this.#heldUntil - performance.now() + 1, LONGEST_TIMER_MS);
    this.#end = setTimeout(() => {
      this.#check();
      this.#watch();
    }, left).unref();
  }

  #lose(why: string): void {
    if (this.#released !== undefined || this.#controller.signal.aborted) return;
    this.#stop();
    this.#controller.abort(cacheErrors.lock_lost(`The lock was lost: ${why}`));
  }

  #stop(): void {
    clearInterval(this.#renewal);
    clearTimeout(this.#end);
  }
}
