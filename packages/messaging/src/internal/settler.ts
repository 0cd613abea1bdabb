import type { SettleResult, Settlement, Source } from '../driver.ts';

/** Collects the settlements of one turn of the event loop into one batch. */
export interface Settler {
  /** `lost`: the broker could not be told; the message will come back. */
  settle(settlement: Settlement): Promise<SettleResult | 'lost'>;
}

export function createSettler(source: Source): Settler {
  let batch: { settlement: Settlement; done: (result: SettleResult | 'lost') => void }[] = [];
  let flushing: Promise<void> | undefined;

  const flush = async (): Promise<void> => {
    // One batch at a time, in the order of asking.
    while (batch.length > 0) {
      const now = batch;
      batch = [];
      const results = await source
        .settle(now.map(({ settlement }) => settlement))
        .catch(() => now.map(() => 'lost' as const));
      for (const [at, { done }] of now.entries()) done(results[at] ?? 'lost');
    }
    flushing = undefined;
  };

  return {
    settle: (settlement) =>
      new Promise((done) => {
        batch.push({ settlement, done });
        flushing ??= new Promise<void>((resolve) => setImmediate(resolve)).then(flush);
      }),
  };
}
