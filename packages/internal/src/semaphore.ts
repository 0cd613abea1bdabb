import { Fifo } from './fifo.ts';

/** A number of permits, handed out in the order of asking. With one permit it is a mutex. */
export class Semaphore {
  #free: number;
  readonly #waiting = new Fifo<() => void>();

  constructor(permits: number) {
    this.#free = permits;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes a permit if there is one. */
  tryTake(): boolean {
    if (this.#free === 0) return false;
    this.#free -= 1;
    return true;
  }

  /** Takes a permit, waiting for it; rejects with the signal's reason when that aborts first. */
  take(signal?: AbortSignal): Promise<void> {
    if (this.tryTake()) return Promise.resolve();
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#waiting.remove(ticket);
        reject(signal?.reason as Error);
      };
      const go = (): void => {
        signal?.removeEventListener('abort', stop);
        resolve();
      };
      const ticket = this.#waiting.push(go);
      signal?.addEventListener('abort', stop, { once: true });
    });
  }

  /** Gives a permit back: to who has waited longest. It is handed over, so that nobody can slip in between. */
  give(): void {
    if (this.#waiting.size === 0) this.#free += 1;
    else this.#waiting.shift()?.();
  }
}
