import { channel, type TracingChannel } from 'node:diagnostics_channel';
import { operationChannel } from '@ent/internal';
import type { PoolStats } from './driver.ts';

/** Published for each query (`ent:database:query`). Names follow OpenTelemetry's database conventions in camel case. */
export interface QueryOperation {
  /** The driver, such as `sqlite` (`db.system.name`). */
  readonly system: string;
  /** Which database: the name of the file, without its folder (`db.namespace`). */
  readonly namespace: string;
  /** `get`, `find`, `insert`, ... (`db.operation.name`); `native` through `db.native`. */
  readonly operation: string;
  /** The entity (`db.collection.name`); absent for native queries and pings. */
  readonly entity?: string | undefined;
  readonly inTransaction: boolean;
  /**
   * Set when a statement was sent: its text with placeholders, never a value (`db.query.text`). The last one, if there
   * were several.
   */
  statement?: string;
  /** Set when it ended: how many rows came back or were changed, where that is known. */
  rows?: number;
  /** Set when the database refused or failed: the code of the error, such as `database.unique_violation`. */
  errorCode?: string;
}

/** Published for each transaction and savepoint (`ent:database:transaction`); not for one that joins another. */
export interface TransactionOperation {
  readonly system: string;
  readonly namespace: string;
  readonly kind: 'transaction' | 'savepoint';
  readonly readOnly: boolean;
  readonly isolation?: string | undefined;
  /** How often it was run: 1, or more after conflicts. */
  attempts: number;
  /** Set when it ended. */
  outcome?: 'committed' | 'rolled_back';
}

/**
 * Published for each connection that a call or a transaction takes from the pool (`ent:database:connection`): from the
 * moment at which it is asked for until it is given back.
 */
export interface ConnectionOperation {
  readonly system: string;
  readonly namespace: string;
  /** Which pool (`db.client.connection.pool.name`). */
  readonly pool: string;
  /** Set when it came, or when the wait ended without it, in milliseconds (`db.client.connection.wait_time`). */
  waitMs?: number;
  /** Set when it was given back, in milliseconds (`db.client.connection.use_time`). */
  useMs?: number;
  /**
   * Set when it ended. `returned`; `discarded`, since it was left in the middle of something; `timeout`: none came in
   * time (`db.client.connection.timeouts`); `failed`: none came, since the caller gave up or the database is away.
   */
  outcome?: 'returned' | 'discarded' | 'timeout' | 'failed';
}

/**
 * Published while a replica is left out of the reads (`ent:database:replica`): `start` when that begins, `asyncEnd`
 * when it is read from again.
 */
export interface ReplicaOperation {
  readonly system: string;
  readonly namespace: string;
  /** Where it is: its host and port. */
  readonly replica: string;
  /** `lag`: it is further behind than it may be. `unavailable`: it cannot be reached, or follows nobody. */
  readonly reason: 'lag' | 'unavailable';
  /** Why it is unavailable. */
  readonly cause?: unknown;
}

/** The connections of one database, at the moment at which it is asked. */
export interface PoolReport extends PoolStats {
  readonly system: string;
  readonly namespace: string;
  /** Which pool (`db.client.connection.pool.name`). */
  readonly pool: string;
  /** How many connections it may have (`db.client.connection.max`); undefined where nobody says. */
  readonly max: number | undefined;
}

/** Payload of {@link poolsChannel}. */
export interface PoolsQuestion {
  /** Called by each database that is connected, before `publish` returns. */
  add(report: PoolReport): void;
}

/**
 * `ent:database:pools`: the other way round, who wants the numbers of all pools publishes a {@link PoolsQuestion}. So
 * they are counted when they are looked at, and nobody has to be told which databases there are.
 *
 * @example
 * ```ts
 * import { poolsChannel, type PoolsQuestion } from '@ent/database';
 *
 * const question: PoolsQuestion = { add: ({ pool, inUse, max }) => console.log(pool, inUse, max) };
 * poolsChannel.publish(question);
 * ```
 */
export const poolsChannel = channel('ent:database:pools');

/** The channels of this package; subscribe with `channels.query.subscribe({ start, asyncEnd, error, ... })`. */
export const channels: {
  readonly query: TracingChannel<QueryOperation, QueryOperation>;
  readonly transaction: TracingChannel<TransactionOperation, TransactionOperation>;
  readonly connection: TracingChannel<ConnectionOperation, ConnectionOperation>;
  readonly replica: TracingChannel<ReplicaOperation, ReplicaOperation>;
} = {
  query: operationChannel<QueryOperation>('database', 'query'),
  transaction: operationChannel<TransactionOperation>('database', 'transaction'),
  connection: operationChannel<ConnectionOperation>('database', 'connection'),
  replica: operationChannel<ReplicaOperation>('database', 'replica'),
};
