import type { Awaitable, BeginOptions, DatabaseDriver } from '../driver.ts';
import type { EntityModel } from '../entity.ts';
import type { CallOptions, TransactionOptions } from '../options.ts';
import type { Operation, Work } from './operation.ts';

/** What a handle stands on: that of a database, or of a transaction in it. */
export interface Host {
  readonly driver: DatabaseDriver;
  /** Signs cursors. */
  readonly cursorSecret: string;
  /** Runs a call: in the transaction around it, or on a session of its own. */
  run<R>(operation: Operation, options: CallOptions | undefined, work: Work<R>): Awaitable<R>;
  /** Runs `body` in a transaction, with the host of its handle. */
  transaction<R>(options: TransactionOptions, body: (inner: Host) => Promise<R>): Promise<R>;
  /** Runs `body` in a transaction that is rolled back at its end; in it, it is as if there were none. */
  trial<R>(options: TransactionOptions, body: (inner: Host) => Promise<R>): Promise<R>;
  afterCommit(hook: () => unknown): void;
  /** Throws `database.full` where the last write found it so. */
  checkRoom(): void;
  close(options: CallOptions | undefined): Promise<void>;
  readonly migrations: MigrationHost;
}

/** A database, as what comes beside its driver sees it. */
export interface Hosted {
  /** @internal */
  readonly host: Host;
}

/** How {@link MigrationHost.exclusive} runs. */
export interface ExclusiveOptions extends CallOptions {
  readonly foreignKeys?: BeginOptions['foreignKeys'];
  /** `false`: in no transaction, wherever the database would have one. */
  readonly transaction?: false | undefined;
  /** Hears, again and again, what it waits for, once that takes a while. */
  readonly onWait?: ((what: string) => void) | undefined;
}

/** What a migrator needs beside repositories. */
export interface MigrationHost {
  /**
   * Runs `work` while no other process does the same with this ledger. In a transaction where the database's DDL can be
   * rolled back; else on the session that has the lock, so that who loses one loses both.
   */
  exclusive<R>(ledger: EntityModel, options: ExclusiveOptions, work: () => Promise<R>): Promise<R>;
  /** Runs `work`, which only reads, on what was written last, and without a lock. */
  reading<R>(options: CallOptions, work: () => Promise<R>): Promise<R>;
  /** Whether the table of a ledger is there, so that it can be read. Creates it where the driver cannot tell. */
  hasTable(ledger: EntityModel): Promise<boolean>;
  /** Creates the table of a ledger, unless it is there. */
  createTable(ledger: EntityModel): Promise<void>;
  /** Runs `work` in a transaction, where there are any, whose session takes texts of several statements. */
  scripted(
    options: Omit<ExclusiveOptions, 'foreignKeys' | 'transaction'>,
    work: () => Promise<unknown>,
  ): Promise<unknown>;
  /** The statements that `work` sends, inside of {@link MigrationHost.exclusive}. */
  sent(work: () => Promise<unknown>): Promise<readonly string[]>;
  /** The statements that `work` would send by the native client. Nothing is sent, and all other calls are refused. */
  recorded(work: (native: unknown) => Promise<unknown>): Promise<readonly string[]>;
  /** The invalid indexes that statements are about, with their schemas, where a database has such. */
  invalidIndexes(statements: readonly string[]): Promise<readonly string[]>;
}
