import type { DriverEntry } from '../../driver.ts';
import { type Calls, MAX_BATCH } from './calls.ts';

/** How the entries of some keys become what the readers get; one for each key, in their order. */
export type Decode<R> = (keys: readonly string[], entries: readonly (DriverEntry | undefined)[]) => (R | undefined)[];

/** Joins the reads of one tick: those of the same server become one call. */
export class JoinedReads<R> {
  readonly #calls: Calls;
  readonly #decode: Decode<R>;
  /** The batch of each server that takes more keys. */
  readonly #open = new Map<number, Batch<R>>();
  #due: Batch<R>[] = [];

  constructor(calls: Calls, decode: Decode<R>) {
    this.#calls = calls;
    this.#decode = decode;
  }

  /** What one key holds; undefined for nothing, and in an outage that the cache forgives. */
  readonly read = (key: string): Promise<R | undefined> => {
    const server = this.#calls.serverOf(key);
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
  };

  readonly #flush = (): void => {
    const due = this.#due;
    this.#due = [];
    this.#open.clear();
    for (const batch of due) void this.#send(batch);
  };

  async #send({ keys, waiting }: Batch<R>): Promise<void> {
    const calls = this.#calls;
    try {
      const entries = await calls.run('get', (call) => calls.driver.get(keys, call), keys[0]);
      const found = this.#decode(keys, entries);
      for (let i = 0; i < waiting.length; i++) waiting[i]!.resolve(found[i]);
    } catch (error) {
      const isForgiven = calls.forgives(error);
      for (const { resolve, reject } of waiting) {
        if (isForgiven) resolve(undefined);
        else reject(error);
      }
    }
  }
}

/** Keys of one server, and who asks for them. */
interface Batch<R> {
  readonly keys: string[];
  readonly waiting: { resolve: (found: R | undefined) => void; reject: (error: unknown) => void }[];
}
