import type { Change, Condition, DriverAggregate, DriverQuery, Row } from './driver-query.ts';
import type { EntityModel } from './entity.ts';

export type {
  AggregateValue,
  Change,
  Condition,
  DriverAggregate,
  DriverQuery,
  Order,
  Row,
} from './driver-query.ts';

/**
 * The contract between the portable core and a driver. What the core has already done when it calls a driver: checked
 * every value, name, filter, sort and option; filled in ids, times and versions; appended the id to sorts; turned
 * cursors into filters; decided which session to use, and made sure that a session runs one call at a time. What it
 * does afterwards: wraps errors, retries, publishes telemetry. A driver translates.
 *
 * Conditions, orders, changes and rows name fields. What is stored is called otherwise: a field is stored in its
 * `column`, by the type `as` where that is given, and an entity in its `table`.
 *
 * A driver of a SQL database is made by `sqlDriver` of `@ent/database/sql`, which has most of this already.
 *
 * Every method may answer with a value or a promise; an embedded database that answers at once saves its callers the
 * wait.
 */

/** A value or a promise of it. */
export type Awaitable<T> = T | Promise<T>;

/** How much a transaction sees of others, weakest first. `snapshot` sees one moment in time but allows write skew. */
export type IsolationLevel = 'read committed' | 'repeatable read' | 'snapshot' | 'serializable';

/** What a driver can do. Types, refusals, the conformance suite and the table in the README all read this object. */
export interface DatabaseFeatures {
  /** Transactions: all or nothing, over several calls. */
  readonly transactions: boolean;
  /** `propagation: 'nested'`. */
  readonly savepoints: boolean;
  /** `propagation: 'new'` inside a transaction that has written. */
  readonly independentTransactions: boolean;
  /** The isolation levels it gives, weakest first. */
  readonly isolation: readonly IsolationLevel[];
  /** The database itself refuses writes in a `readOnly` transaction. */
  readonly readOnlyTransactions: boolean;
  /** A failed migration leaves nothing behind. */
  readonly transactionalDdl: boolean;
  /** `transaction: false` of a migration: it runs without one, under the lock of all migrations. */
  readonly nonTransactionalMigrations: boolean;
  /** Foreign keys. */
  readonly foreignKeys: boolean;
  /** `foreignKeys: 'off'` of a migration: they need only hold again at its end. */
  readonly suspendsForeignKeys: boolean;
  /** Decimals can be compared, sorted and incremented; else only `eq`, `ne`, `in` and `nin`. */
  readonly decimalOrder: boolean;
  /** `upsert` acts on exactly the key it is given, also where an entity has several unique keys. */
  readonly exactUpsert: boolean;
  /** Fields that the database fills in: `generated('int')`. */
  readonly generatedFields: boolean;
  /** Other processes can use the same database. */
  readonly shared: boolean;
  /**
   * Abort and timeout stop a statement that is running; else they end the wait for it, and statements that have not
   * begun.
   */
  readonly cancelsRunning: boolean;
}

/**
 * What a driver says of its connections. What is the same for all of them the core does: it ends the wait for one,
 * tells of those that do not come back, and publishes how long each was waited for and used.
 */
export interface DriverPool {
  /** As OpenTelemetry names a pool: `host:port/database`. Neither a user nor a password is in it. */
  readonly name: string;
  /** Connections, at the most. */
  readonly max: number;
  /**
   * How long a call waits for one that is free, in milliseconds; while it does, the driver says by `call.waitingFor`
   * what it waits for. Default: as long as the call may take.
   */
  readonly acquireTimeoutMs?: number | undefined;
  /** One that is in use for longer is told as a warning of the process, in milliseconds. Default: never. */
  readonly leakAfterMs?: number | undefined;
}

/** The numbers behind `db.stats()`: connections, and calls that wait for one. */
export interface PoolStats {
  readonly total: number;
  readonly idle: number;
  readonly inUse: number;
  readonly waiting: number;
}

/** One call, as a driver sees it. */
export interface DriverCall {
  /** When it ends at the latest, by `performance.now()`; `Infinity` for never. */
  readonly deadlineAt: number;
  /**
   * Aborts at the deadline, or when the caller gives up. A driver that waits for anything must stop then. It is made
   * when it is asked for, which costs more than a fast call: ask when you wait.
   */
  readonly signal: AbortSignal;
  /** A driver tells each statement that it is about to send: text with placeholders, without values. */
  readonly onStatement?: ((statement: string) => void) | undefined;
  /** A driver may say what the call is waiting for; the timeout error repeats it. */
  waitingFor?: string | undefined;
  /**
   * For a driver with replicas: a read shows at least what was committed before this time, by `performance.now()`.
   * Then the caller has written for the last time; `Infinity` for all that was.
   */
  readonly asOf?: number | undefined;
  /** For `acquire`: texts of several statements will be run on the session, as migrations and seeds do. */
  readonly scripts?: boolean | undefined;
}

/** A transaction that begins. */
export interface BeginOptions {
  /** One of `features.isolation`, or undefined for the default. */
  readonly isolation: IsolationLevel | undefined;
  readonly readOnly: boolean;
  /**
   * `off`: foreign keys are neither checked nor acted on in this transaction, and its commit is refused as a
   * `foreign_key_violation` while one of them points nowhere. Only with `features.suspendsForeignKeys`.
   */
  readonly foreignKeys?: 'off' | undefined;
}

/** What an error of the database means. */
export interface DriverFailure {
  readonly code:
    | 'unique_violation'
    | 'foreign_key_violation'
    | 'not_null_violation'
    | 'check_violation'
    | 'bad_data'
    | 'serialization_failure'
    | 'deadlock'
    | 'lock_timeout'
    | 'timeout'
    | 'unavailable'
    | 'read_only'
    | 'full'
    | 'query_failed';
  /** What to tell, without any value of a row; the code's title if there is nothing to add. */
  readonly message?: string | undefined;
  /** The name of the constraint, where the database tells. */
  readonly constraint?: string | undefined;
  /** The columns of the constraint, where the database tells; the core names their fields instead. */
  readonly fields?: readonly string[] | undefined;
  /** Where in a text of several statements it was, where that is known: `line 3`, `statement 2`. */
  readonly where?: string | undefined;
  /** The session cannot be used any more. */
  readonly broken?: boolean | undefined;
  /** What to keep as the cause in place of the error, where that holds values of rows: causes end up in logs. */
  readonly cause?: Error | undefined;
}

/** Runs a call of the native client in the transaction around it, or on a session of its own, like any other call. */
export type NativeRunner<Session> = <R>(
  use: 'read' | 'write',
  work: NativeWork<Session, R>['run'],
  signal?: AbortSignal,
) => Promise<R>;

/**
 * A method and not a function type, so that a driver with sessions of its own is a driver of unknown sessions to the
 * core.
 */
interface NativeWork<Session, R> {
  run(session: Session, call: DriverCall): Awaitable<R>;
}

/** Connections, or what stands for them. A session runs one call at a time. */
export interface DriverSessions<Session> {
  /**
   * A session for one call, or for a transaction. In first-come order; rejects when `call.signal` aborts while it
   * waits. Calls outside of transactions see what was committed before they began; where there are replicas, reads see
   * what was committed before `call.asOf`.
   */
  acquire(use: 'read' | 'write', forTransaction: boolean, call: DriverCall): Awaitable<Session>;
  /**
   * Takes a session back. A broken one is in an unknown state, perhaps still in the middle of a call: it is not used
   * again as it is, and with `features.cancelsRunning` what it runs is stopped. Never throws.
   */
  release(session: Session, broken: boolean): void;
  stats(): PoolStats;
  /**
   * Where there are replicas: whether a session is on one. What is refused there is asked again with an `asOf` of
   * `Infinity`, which is for the primary.
   */
  isReplica?(session: Session): boolean;
}

/** What is all or nothing. */
export interface DriverTransactions<Session> {
  /** Begins a transaction. Waits for locks until `call.signal` aborts. */
  begin(session: Session, options: BeginOptions, call: DriverCall): Awaitable<void>;
  commit(session: Session, call: DriverCall): Awaitable<void>;
  /**
   * Also after the database has ended the transaction by itself. A session that does not get there in time is broken.
   */
  rollback(session: Session, call: DriverCall): Awaitable<void>;
  savepoint(session: Session, name: string, call: DriverCall): Awaitable<void>;
  releaseSavepoint(session: Session, name: string, call: DriverCall): Awaitable<void>;
  /** Undoes what was done since, and forgets the savepoint. */
  rollbackTo(session: Session, name: string, call: DriverCall): Awaitable<void>;
  /**
   * Only where the database guards the rows of tenants itself, by row-level security, and is to be told whose turn it
   * is: tells it for the rest of the transaction that is open. A rollback to a savepoint takes it back. Empty: that of
   * none.
   */
  setTenant?(session: Session, tenant: string, call: DriverCall): Awaitable<void>;
}

/** What repositories do. */
export interface DriverRows<Session> {
  find(session: Session, entity: EntityModel, query: DriverQuery, call: DriverCall): Awaitable<Row[]>;
  count(session: Session, entity: EntityModel, where: Condition, call: DriverCall): Awaitable<number>;
  /**
   * One row for each group: the fields of `by`, and the values by their names. A count is a number. A sum is exact and
   * may be beyond its field: a bigint for `int` and `bigint`, decimal text, a number for `double`, and null where there
   * is no value; `min` and `max` are a value of their field, or null. A sum that the database cannot hold is an error.
   */
  aggregate(session: Session, entity: EntityModel, query: DriverAggregate, call: DriverCall): Awaitable<Row[]>;
  /**
   * How many rows without generated fields an `insert` outside of a transaction may have: all of them are stored, or
   * none. Default: 1.
   */
  readonly insertsAtOnce?: number | undefined;
  /**
   * Inserts complete rows: every field is present, but for those of `entity.generated` that the database is to fill in.
   * More than `insertsAtOnce` come only inside a transaction, where there are any. Answers the rows as they are stored,
   * in their order, where the entity has such fields; else nothing.
   */
  insert(
    session: Session,
    entity: EntityModel,
    rows: readonly Row[],
    call: DriverCall,
  ): Awaitable<readonly Row[] | undefined>;
  /** Changes all rows that match, and answers how many matched (not: how many have other values now). */
  update(
    session: Session,
    entity: EntityModel,
    where: Condition,
    change: Change,
    call: DriverCall,
  ): Awaitable<{ readonly matched: number }>;
  /**
   * Changes at most one row, atomically, and answers what it is now; undefined when none matched. `where` fixes the id.
   */
  updateOne(
    session: Session,
    entity: EntityModel,
    where: Condition,
    change: Change,
    call: DriverCall,
  ): Awaitable<Row | undefined>;
  /**
   * Inserts `row`, or changes the one row with the same `key`; atomically. Answers what is stored now. Other unique
   * keys are errors. A row that is soft-deleted counts as absent: where it stands in the way, `row` takes its place,
   * id included.
   */
  upsert(
    session: Session,
    entity: EntityModel,
    key: readonly string[],
    row: Row,
    change: Change,
    call: DriverCall,
  ): Awaitable<Row>;
  delete(
    session: Session,
    entity: EntityModel,
    where: Condition,
    call: DriverCall,
  ): Awaitable<{ readonly matched: number }>;
}

/** What is not about rows: the native client, and what migrations need. */
export interface DriverSchema<Native, Session> {
  /** What applications use beside the repositories; everything it does goes through `run`. */
  native(run: NativeRunner<Session>): Native;
  /**
   * The statements that `work` would send, without sending any (each is answered with no rows). Migrations are
   * recognised by them.
   */
  record(work: (native: Native) => Promise<unknown>): Promise<readonly string[]>;
  /**
   * Creates the table or collection of an entity with its unique keys, unless it is there. A generated id is a number
   * that the database counts; other generated fields are as those that are not. Where rows can be soft-deleted, only
   * those that are not take up a unique key. For the migrations' ledger and for tests; what
   * applications store is created by their migrations.
   */
  createTable(session: Session, entity: EntityModel, call: DriverCall): Awaitable<void>;
  /**
   * Whether {@link DriverSchema.createTable} would find the table of an entity. So that where migrations stand can be
   * read without a right to create anything; where it is left out, the table is created for that.
   */
  hasTable?(session: Session, entity: EntityModel, call: DriverCall): Awaitable<boolean>;
  /**
   * Waits until the session has the lock of this name, alone among all that use the database; migrations do. It is lost
   * with the session: when this process dies or its connection breaks, the next one gets it. With
   * `features.transactionalDdl` it comes inside a transaction; with `features.nonTransactionalMigrations` it may come
   * outside of one as well.
   *
   * Answers what gives it back, to be called when the transaction has ended.
   */
  lock(session: Session, name: string, call: DriverCall): Awaitable<Unlock>;
  /**
   * The indexes that are invalid, with their schemas, of those that a text names, or whose table it names: such as
   * `CREATE INDEX CONCURRENTLY` of PostgreSQL leaves when it fails. Left out where there is nothing like that.
   */
  invalidIndexes?(session: Session, text: string, call: DriverCall): Awaitable<readonly string[]>;
}

/** Gives a lock back. */
export type Unlock = (call: DriverCall) => Awaitable<void>;

/**
 * A driver. `Native` is what applications get as `db.native`; `Session` is the driver's own idea of a
 * connection; `Client` is the library's client or pool.
 */
export interface DatabaseDriver<Native = unknown, Session = unknown, Client = unknown>
  extends DriverSessions<Session>,
    DriverTransactions<Session>,
    DriverRows<Session>,
    DriverSchema<Native, Session> {
  /** As in the URL scheme and `db.system.name` of OpenTelemetry. */
  readonly name: string;
  /** Which database this is, for telemetry: a name, never a path with user names or a URL with credentials. */
  readonly namespace: string;
  readonly features: DatabaseFeatures;
  /** Its connections, where it has several or one is waited for. */
  readonly pool?: DriverPool | undefined;
  /** The library's own client or pool, for what nothing here does. */
  readonly client: Client;

  /** Connects. Called once before anything else, and again only after it failed. */
  connect(call: DriverCall): Awaitable<void>;
  /** Resolves when the database answers, asked on a session, which in a transaction is the one that it has. */
  ping(session: Session, call: DriverCall): Awaitable<void>;
  /**
   * Frees everything that this driver made, and never the client that it was given; called when no session is in use,
   * or when the wait for that took too long. When it resolves nothing that this driver began runs any more.
   */
  close(): Awaitable<void>;
  /** What an error means, or undefined when it does not come from the database. */
  classify(error: unknown): DriverFailure | undefined;
}
