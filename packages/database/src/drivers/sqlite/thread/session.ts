import type { Worker } from 'node:worker_threads';
import type { DriverCall } from '../../../driver.ts';
import { databaseErrors } from '../../../errors.ts';
import type { SqlOutcome } from '../../../internal/sql/types.ts';
import { threadEnded, unpackedError } from './errors.ts';
import { startThread } from './program.ts';
import { type Answer, unpacked, type Work } from './protocol.ts';

/** What a thread has been asked and has not answered. */
interface Pending {
  readonly call: DriverCall | undefined;
  readonly resolve: (outcome: SqlOutcome | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** A connection in a thread of its own. The thread lets the process end while nobody waits for it. */
export class ThreadSession {
  /** The next one must not meet what was left on it. */
  isUsed = false;
  readonly isReader: boolean;
  readonly #worker: Worker;
  readonly #givenUp = new Int32Array(new SharedArrayBuffer(4));
  readonly #pending = new Map<number, Pending>();
  readonly #exited: Promise<void>;
  #last = 0;
  #death: unknown;
  #isAlive = true;

  constructor(file: string, synchronous: 'normal' | 'full', isReader: boolean) {
    this.isReader = isReader;
    this.#worker = startThread({ kind: 'ent-sqlite', file, synchronous, isReader, givenUp: this.#givenUp });
    this.#worker.unref();
    this.#worker.on('message', (answer: Answer) => this.#take(answer));
    this.#worker.on('error', (error) => {
      this.#death = error;
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#exited = promise;
    this.#worker.on('exit', () => {
      this.#isAlive = false;
      for (const { reject } of this.#pending.values()) reject(threadEnded(this.#death));
      this.#pending.clear();
      resolve();
    });
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** @param call is told what the thread waits for */
  ask(work: Work, call?: DriverCall): Promise<SqlOutcome | undefined> {
    if (!this.#isAlive) return Promise.reject(threadEnded(this.#death));
    // Within 32 bits, and never 0, which is what nobody has given up.
    const id = (this.#last % 0x7fffffff) + 1;
    this.#last = id;
    return new Promise((resolve, reject) => {
      try {
        this.#worker.postMessage({ ...work, id });
      } catch {
        // A symbol or a function: its text may be a value, so that is not told.
        reject(databaseErrors.bad_data('SQLite can bind numbers, strings, bigints, bytes, booleans, dates and null.'));
        return;
      }
      if (this.#pending.size === 0) this.#worker.ref();
      this.#pending.set(id, { call, resolve, reject });
    });
  }

  /**
   * Ends what it was asked and what nobody waits for any more: a wait for a lock at once, a statement that runs when it
   * is done. Resolves when the thread can be asked again.
   */
  async abandon(): Promise<void> {
    Atomics.store(this.#givenUp, 0, this.#last);
    this.#worker.postMessage({ op: 'stop' });
    await this.ask({ op: 'reset' });
  }

  /** Closes the connection, and ends the thread. */
  async close(): Promise<void> {
    if (this.#isAlive) await this.ask({ op: 'close' }).catch(() => {});
    await this.#exited;
  }

  /** Ends the thread, in the middle of whatever it does, as soon as SQLite lets it. */
  kill(): void {
    void this.#worker.terminate();
  }

  #take(answer: Answer): void {
    if (!('id' in answer)) {
      for (const { call } of this.#pending.values()) if (call !== undefined) call.waitingFor = answer.waitingFor;
      return;
    }
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if (this.#pending.size === 0) this.#worker.unref();
    if ('failure' in answer) pending?.reject(unpackedError(answer.failure));
    else pending?.resolve(answer.outcome && unpacked(answer.outcome));
  }
}
