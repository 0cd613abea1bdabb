import type { DatabaseFeatures } from '../../driver.ts';

/** What SQLite can do. */
export const features = {
  transactions: true,
  savepoints: true,
  // There is one writer: a second transaction inside the first would wait for it forever.
  independentTransactions: false,
  isolation: ['serializable'],
  readOnlyTransactions: true,
  transactionalDdl: true,
  foreignKeys: true,
  // SQLite has no decimal type; as text "10" sorts before "9".
  decimalOrder: false,
  exactUpsert: true,
  // Except in memory.
  shared: true,
  // The library runs a statement on the JavaScript thread and can not interrupt it.
  cancelsRunning: false,
} as const satisfies DatabaseFeatures;
