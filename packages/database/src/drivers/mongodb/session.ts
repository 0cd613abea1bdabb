import { pause } from '@ent/internal';
import type { ClientSession, Collection, Db, Document, MongoClient } from 'mongodb';
import type { BeginOptions, DriverCall } from '../../driver.ts';
import { isCommitUnknown, LostSessionError } from './errors.ts';

/** How much longer than its call a command may run on the server, in milliseconds: who waits is told by us. */
const GRACE_MS = 500;
const COMMIT_PAUSE_MS = 50;
const MAX_INT32 = 2 ** 31 - 1;

/** What goes with each command. `signal` is not in the types of the library for commands that write; all heed it. */
export interface CommandOptions {
  readonly signal: AbortSignal;
  readonly session?: ClientSession;
  readonly maxTimeMS?: number;
}

/** A lock that is held by a session, and may be lost. */
export interface HeldLock {
  /** Whether nobody else can have it yet. */
  readonly isSure: boolean;
  /** Stops renewing it, and gives it back if that is possible. */
  end(): Promise<void>;
}

/** One call or transaction at a time: a transaction of the library's, a lock, and what stops them. */
export class Session {
  readonly db: Db;
  lock: HeldLock | undefined;
  readonly #client: MongoClient;
  readonly #collections: Map<string, Collection>;
  readonly #stop = new AbortController();
  #transaction: ClientSession | undefined;

  constructor(client: MongoClient, db: Db, collections: Map<string, Collection>) {
    this.#client = client;
    this.db = db;
    this.#collections = collections;
  }

  /** The transaction of the library's that is open. */
  get transaction(): ClientSession | undefined {
    return this.#transaction;
  }

  collection(name: string): Collection {
    let collection = this.#collections.get(name);
    if (collection === undefined) {
      collection = this.db.collection<Document>(name);
      this.#collections.set(name, collection);
    }
    return collection;
  }

  /** What to send with a command of this call. */
  with(call: Pick<DriverCall, 'deadlineAt'>): CommandOptions {
    if (this.lock?.isSure === false) throw new LostSessionError('the lock of this migration is lost');
    const left = Math.ceil(call.deadlineAt - performance.now()) + GRACE_MS;
    return {
      signal: this.#stop.signal,
      ...(this.#transaction !== undefined && { session: this.#transaction }),
      ...(left <= MAX_INT32 && { maxTimeMS: Math.max(1, left) }),
    };
  }

  /** A command as a document, where the library has no method for it. */
  command(command: Document, call: DriverCall): Promise<Document> {
    const { maxTimeMS, ...options } = this.with(call);
    return this.db.command(maxTimeMS === undefined ? command : { ...command, maxTimeMS }, options);
  }

  /** The server begins with the first command; what is read is of that moment, and what a majority has. */
  begin(_options: BeginOptions, call: DriverCall): void {
    const { maxTimeMS } = this.with(call);
    this.#transaction = this.#client.startSession({ causalConsistency: false });
    this.#transaction.startTransaction({
      readConcern: { level: 'snapshot' },
      writeConcern: { w: 'majority' },
      readPreference: 'primary',
      ...(maxTimeMS !== undefined && { maxCommitTimeMS: maxTimeMS }),
    });
  }

  /** A COMMIT that was not answered is sent again, as long as there is time: the server knows it by its number. */
  async commit(call: DriverCall): Promise<void> {
    const transaction = this.#transaction as ClientSession;
    for (;;) {
      try {
        await transaction.commitTransaction();
        break;
      } catch (error) {
        if (!isCommitUnknown(error) || this.#stop.signal.aborted || performance.now() >= call.deadlineAt) throw error;
        await pause(COMMIT_PAUSE_MS, this.#stop.signal);
      }
    }
    await this.#forget();
  }

  async rollback(): Promise<void> {
    // The library keeps failures to itself; a transaction that nobody ends is ended by the server.
    await this.#forget();
  }

  /** Gives up what it runs, and ends what it has. */
  async end(): Promise<void> {
    this.#stop.abort(new LostSessionError('the call was given up'));
    await Promise.all([this.#forget(), this.lock?.end()]);
  }

  async #forget(): Promise<void> {
    const transaction = this.#transaction;
    this.#transaction = undefined;
    await transaction?.endSession();
  }
}
