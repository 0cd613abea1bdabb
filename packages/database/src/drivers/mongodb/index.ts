/**
 * MongoDB 4.4 or later by its own library: a replica set, or a standalone where the options say so. The native client
 * is the library's `MongoClient`.
 *
 * Reads go to the primary; a transaction sees a snapshot of what a majority has, and is stored by a majority when it
 * resolves. Migrations run without a transaction, under a lock that is a document (lock.ts).
 */
import { withDeadline } from '@ent/internal';
import type { Collection, Db, MongoClient } from 'mongodb';
import type { DatabaseDriver, DatabaseFeatures, DriverCall } from '../../driver.ts';
import { databaseErrors } from '../../errors.ts';
import { pooledSessions } from '../../internal/sql/sessions.ts';
import { Codecs, type StorageRules } from './codec.ts';
import { classify, isCommitUnknown } from './errors.ts';
import { takeLock } from './lock.ts';
import { type MongodbNative, nativeOf, recorderOf } from './native.ts';
import { type MongodbOptions, settingsOf } from './options.ts';
import { rowsOf } from './rows.ts';
import { meet } from './server.ts';
import { Session } from './session.ts';
import { createCollection, hasCollection } from './table.ts';
import { letWatch } from './watch.ts';

export type { MethodName as MongodbMethodName } from './methods.ts';
export type { MongodbCollection, MongodbCursor, MongodbNative, MongodbSession } from './native.ts';
export { type RowChange, watch, type WatchOptions } from './watch.ts';
export type {
  MongodbClientOptions,
  MongodbCommonOptions,
  MongodbOptions,
  MongodbUrlOptions,
} from './options.ts';

/** What MongoDB can do, as a replica set or a sharded cluster. */
export const mongodbFeatures = {
  transactions: true,
  savepoints: false,
  independentTransactions: true,
  isolation: ['snapshot'],
  readOnlyTransactions: false,
  transactionalDdl: false,
  nonTransactionalMigrations: true,
  foreignKeys: false,
  suspendsForeignKeys: false,
  decimalOrder: true,
  exactUpsert: true,
  generatedFields: false,
  shared: true,
  // The server ends a command soon after the deadline of its call; but one that is given up earlier runs until then.
  cancelsRunning: false,
} as const satisfies DatabaseFeatures;

/** The driver that {@link mongodb} makes. Its `client` joins no transaction. */
export type MongodbDriver = DatabaseDriver<MongodbNative, Session, MongoClient>;

/** How long closing may take when the server is dead, in milliseconds. */
const ENDING_MS = 4_000;

/**
 * MongoDB by the package `mongodb`.
 *
 * ```ts no-run
 * import { createDatabase } from '@ent/database';
 * import { mongodb } from '@ent/database/mongodb';
 *
 * const db = createDatabase({ driver: mongodb({ url: 'mongodb://localhost:27017/app?replicaSet=rs0' }) });
 * await db.ping();
 * await db.close();
 * ```
 *
 * @throws ConfigurationError `database.invalid_definition` for options or a URL that are not right; the first call
 *   rejects with it where the server has no transactions and the options do not say so
 */
export function mongodb(options: MongodbOptions): MongodbDriver {
  const settings = settingsOf(options);
  const { client, isOurs, transactions, decimals } = settings;
  const majority = client.options.writeConcern === undefined ? { writeConcern: { w: 'majority' as const } } : {};
  const db = (): Db => client.db(settings.database, { ...BSON_OPTIONS, ...majority });
  const streams = new Set<() => void>();
  let rules: StorageRules = { decimals, nestedLists: true, groups: true };
  const codecs = new Codecs(() => rules);
  const connections = new Connections(client);
  const shared = { db: db(), collections: new Map<string, Collection>() };
  const sessions = pooledSessions<Session>({
    max: settings.max,
    take: () => new Session(client, shared.db, shared.collections),
    give: () => {},
    end: (session) => session.end(),
    total: () => connections.total,
  });

  /** Several commands as one: in the transaction around the call, or in one of their own. */
  async function together<R>(session: Session, call: DriverCall, work: () => Promise<R>): Promise<R> {
    if (!transactions || session.transaction !== undefined) return work();
    session.begin({ isolation: 'snapshot', readOnly: false }, call);
    try {
      const result = await work();
      await session.commit(call);
      return result;
    } catch (error) {
      await session.rollback();
      if (!isCommitUnknown(error)) throw error;
      throw databaseErrors.commit_unknown('The change may be stored or not: its commit was not answered.', {
        cause: classify(error)?.cause,
      });
    }
  }

  const driver: MongodbDriver = {
    name: 'mongodb',
    namespace: settings.database,
    features: {
      ...mongodbFeatures,
      decimalOrder: decimals === 'decimal128',
      ...(!transactions && { transactions: false, independentTransactions: false, isolation: [] }),
    },
    pool: {
      name: settings.database,
      max: settings.max,
      acquireTimeoutMs: settings.acquireTimeoutMs,
      leakAfterMs: settings.leakAfterMs,
    },
    client,
    async connect(call) {
      connections.watch();
      await client.connect();
      rules = await meet(shared.db, settings, call);
    },
    ping: async (session, call) => void (await session.command({ ping: 1 }, call)),
    async close() {
      for (const end of streams) end();
      await sessions.close();
      connections.unwatch();
      const late = (): Error => new Error('The server is dead.');
      if (isOurs) await withDeadline(() => client.close(), ENDING_MS, late).catch(() => {});
    },
    classify,

    acquire: (use, forTransaction, call) => sessions.acquire(use, forTransaction, call),
    release: (session, broken) => sessions.release(session, broken),
    stats: () => sessions.stats(),

    begin: (session, how, call) => session.begin(how, call),
    commit: (session, call) => session.commit(call),
    rollback: (session) => session.rollback(),
    savepoint: refuseSavepoints,
    releaseSavepoint: refuseSavepoints,
    rollbackTo: refuseSavepoints,

    ...rowsOf(codecs, together, () => rules.groups),

    native: (run) => nativeOf(client, db, run),
    async record(work) {
      const statements: string[] = [];
      const note = (statement: string): void => {
        if (statements.push(statement) > MAX_RECORDED) throw new Error('Too many statements.');
      };
      await work(recorderOf(client, db, note));
      return statements;
    },
    createTable: createCollection,
    hasTable: hasCollection,
    async lock(session, name, call) {
      const lock = await takeLock(session, name, call);
      session.lock = lock;
      return async () => {
        session.lock = undefined;
        await lock.end();
      };
    },
  };
  letWatch(driver, { codecs, streams });
  return driver;
}

/** Whatever the client of an application is set to: integers of 64 bits whole, and binaries with their subtype. */
const BSON_OPTIONS = {
  useBigInt64: true,
  promoteLongs: true,
  promoteValues: true,
  promoteBuffers: false,
  ignoreUndefined: false,
} as const;

/** A loop that waits for an answer would never end in a recording. */
const MAX_RECORDED = 10_000;

function refuseSavepoints(): never {
  throw databaseErrors.unsupported('mongodb has no savepoints.');
}

/** Counts the connections that a client has open. */
class Connections {
  total = 0;
  readonly #client: MongoClient;
  #isWatching = false;
  readonly #opened = (): void => void (this.total += 1);
  readonly #closed = (): void => void (this.total -= 1);

  constructor(client: MongoClient) {
    this.#client = client;
  }

  watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#client.on('connectionCreated', this.#opened).on('connectionClosed', this.#closed);
  }

  unwatch(): void {
    this.#isWatching = false;
    this.#client.off('connectionCreated', this.#opened).off('connectionClosed', this.#closed);
  }
}
