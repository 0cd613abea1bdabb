import { nextTick } from 'node:process';
import type { Settlement, SettleResult, Source } from '../driver.ts';

interface Asked {
  readonly settlement: Settlement;
  readonly done: (result: SettleResult | 'lost') => void;
}

/** Collects the settlements of one turn of the event loop into one batch. */
export class Settler {
  readonly #source: Source;
  #batch: Asked[] = [];
  #flushing = false;
  #flushedThisTurn = false;

  constructor(source: Source) {
    this.#source = source;
  }

  /** @param done told `lost` when the broker could not be told; the message will come back */
  settle(settlement: Settlement, done: (result: SettleResult | 'lost') => void): void {
    this.#batch.push({ settlement, done });
    if (this.#flushing) return;
    this.#flushing = true;
    // At once, behind what is done already: a turn of the event loop costs more than a message. But once a turn:
    // whoever is given the next message by each settlement would else let nobody else have one.
    if (this.#flushedThisTurn) {
      setImmediate(nextTick, this.#flush);
      return;
    }
    this.#flushedThisTurn = true;
    setImmediate(this.#nextTurn).unref();
    nextTick(this.#flush);
  }

  settled(settlement: Settlement): Promise<SettleResult | 'lost'> {
    return new Promise((done) => this.settle(settlement, done));
  }

  /** One batch at a time, in the order of asking. */
  readonly #flush = async (): Promise<void> => {
    while (this.#batch.length > 0) {
      const now = this.#batch;
      this.#batch = [];
      let results: readonly (SettleResult | 'lost')[] = [];
      try {
        results = await this.#source.settle(now.map(({ settlement }) => settlement));
      } catch {
        // Each is lost.
      }
      for (const [at, { done }] of now.entries()) done(results[at] ?? 'lost');
    }
    this.#flushing = false;
  };

  readonly #nextTurn = (): void => {
    this.#flushedThisTurn = false;
  };
}
