import type { DatabaseDriver, IsolationLevel } from './driver.ts';

/** A length of time: a number of milliseconds, or a number with a unit: `"250ms"`, `"30s"`, `"5m"`. */
export type Duration = number | string;

/** Options of every call. */
export interface CallOptions {
  /** Gives the call up: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long until the call rejects with `database.timeout`. Default: that of the database, or of the transaction it is
   * in.
   */
  readonly timeout?: Duration | undefined;
}

/** Options of {@link createDatabase}. */
export interface DatabaseOptions<Native> {
  /** Which database: `sqlite({ file })`, ... */
  readonly driver: DatabaseDriver<Native>;
  /** How long one call may take, waiting for a connection included. Default `"10s"`. */
  readonly timeout?: Duration | undefined;
  /** How long a transaction may take, retries included. Default `"30s"`. */
  readonly transactionTimeout?: Duration | undefined;
  /**
   * How often a transaction, or a call outside of one, is run again after a conflict with another one (serialization
   * failure, deadlock, lock). Default 10.
   */
  readonly retries?: number | undefined;
  /**
   * Signs the cursors of `window`, so that a client cannot make up its own. Give it when clients see cursors of rows
   * they may not see; all instances need the same. Default: cursors are only protected against damage.
   */
  readonly cursorSecret?: string | undefined;
}

/**
 * Options of `db.transaction`. Who aborts by `signal` while the COMMIT is on its way gets the reason of the signal,
 * though what was written may be stored.
 */
export interface TransactionOptions extends CallOptions {
  /**
   * How much of other transactions it may see, at least: the driver runs it at the weakest level it has that is as
   * strong. Default: that of the database. A level that the driver cannot give is refused with `database.unsupported`.
   */
  readonly isolation?: IsolationLevel | undefined;
  /** Refuses writes, and waits for no writer. Default `false`. */
  readonly readOnly?: boolean | undefined;
  /**
   * What to do inside another transaction. `required`: join it; when this one fails, the whole can only roll back.
   * `nested`: a savepoint; it can fail alone, but by a deadlock or a serialization failure. `new`: a transaction of its
   * own, on another connection. Default `required`.
   */
  readonly propagation?: 'required' | 'nested' | 'new' | undefined;
  /** How often it is run again after a conflict. Default: that of the database. */
  readonly retries?: number | undefined;
}
