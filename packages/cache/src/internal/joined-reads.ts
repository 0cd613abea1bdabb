import { MAX_BATCH } from './batch.ts';

/** Joins the reads of one tick: those of the same server become one call. */
export class JoinedReads<T> {
  readonly #readMany: (keys: readonly string[]) => Promise<readonly T[]>;
  readonly #serverOf: (key: string) => number;
  /** The batch of each server that takes more keys. */
  readonly #open = new Map<number, Batch<T>>();
  #due: Batch<T>[] = [];

  constructor(readMany: (keys: readonly string[]) => Promise<readonly T[]>, serverOf: (key: string) => number) {
    this.#readMany = readMany;
    this.#serverOf = serverOf;
  }

  read(key: string): Promise<T> {
    const server = this.#serverOf(key);
    let batch = this.#open.get(server);
    if (batch === undefined || batch.keys.length === MAX_BATCH) {
      batch = { keys: [], waiting: [] };
      this.#open.set(server, batch);
      if (this.#due.push(batch) === 1) process.nextTick(this.#flush);
    }
    const { keys, waiting } = batch;
    return new Promise((resolve, reject) => {
      keys.push(key);
      waiting.push({ resolve, reject });
    });
  }

  readonly #flush = (): void => {
    const due = this.#due;
    this.#due = [];
    this.#open.clear();
    for (const { keys, waiting } of due) {
      this.#readMany(keys).then(
        (found) => {
          for (let i = 0; i < waiting.length; i++) waiting[i]!.resolve(found[i]!);
        },
        (error: unknown) => {
          for (const { reject } of waiting) reject(error);
        },
      );
    }
  };
}

interface Batch<T> {
  readonly keys: string[];
  readonly waiting: { resolve: (found: T) => void; reject: (error: unknown) => void }[];
}
