import { demandSignal, durationOption, kindOf, refuseUnknown } from '@ent/internal';
import type { DatabaseDriver, DatabaseFeatures, NativeRunner, PoolStats } from './driver.ts';
import type { Entity } from './entity.ts';
import { databaseErrors } from './errors.ts';
import { Calls } from './internal/calls.ts';
import { hostOf } from './internal/core.ts';
import { demandEntity } from './internal/demand-entity.ts';
import type { Host } from './internal/host.ts';
import { expectCallOptions, isRetries } from './internal/known-options.ts';
import type { CallOptions, DatabaseOptions, TransactionOptions } from './options.ts';
import { Repository } from './repository.ts';

const DATABASE_OPTIONS = {
  driver: true,
  timeout: true,
  transactionTimeout: true,
  retries: true,
  cursorSecret: true,
} as const;

/**
 * A database. Calls inside of {@link Database.transaction} join it by themselves, wherever they are made: the
 * transaction travels with the asynchronous context (`AsyncLocalStorage`), so a repository needs no transaction handle.
 */
export class Database<Native = unknown> {
  /** The driver it stands on. */
  readonly driver: DatabaseDriver<Native>;
  /** What the driver can do. */
  readonly features: DatabaseFeatures;
  /** @internal For the migrator and for `createTables`. */
  readonly host: Host;
  #native: Native | undefined;

  /** @internal Use {@link createDatabase}. */
  constructor(host: Host) {
    this.driver = host.driver as DatabaseDriver<Native>;
    this.features = host.driver.features;
    this.host = host;
  }

  /**
   * The database's own query builder or client, for what repositories do not do. It joins the transaction around the
   * call.
   */
  get native(): Native {
    const run: NativeRunner<unknown> = async (use, work, signal) => {
      demandSignal(signal, 'native', databaseErrors.invalid_query);
      return this.host.run({ operation: 'native', use }, signal && { signal }, work);
    };
    this.#native ??= this.driver.native(run);
    return this.#native;
  }

  /**
   * The repository of an entity. Cheap; keep it or ask again.
   *
   * @throws `database.unsupported` for generated fields, where the database fills in none;
   *   `database.invalid_definition` for what is no entity
   */
  repo<T extends object, New, Key extends keyof T & string>(entity: Entity<T, New, Key>): Repository<T, New, Key> {
    demandEntity(entity, 'repo:');
    return new Repository<T, New, Key>(entity, this.host);
  }

  /**
   * Runs `fn` in a transaction: it commits when `fn` resolves and rolls back when it rejects. After a conflict with
   * another transaction (serialization failure, deadlock) `fn` runs again, so it should do nothing that a rollback can
   * not undo; do that in {@link Database.afterCommit}.
   *
   * Everything that `fn` calls joins. `tx` is this database bound to the transaction, for where the asynchronous
   * context is lost. A statement that fails ends the transaction; put what may fail into `propagation: 'nested'`.
   *
   * ```ts
   * import { createDatabase, defineEntity } from '@ent/database';
   * import { sqlite } from '@ent/database/sqlite';
   *
   * const db = createDatabase({ driver: sqlite({ file: ':memory:' }) });
   * const accounts = db.repo(defineEntity({ name: 'accounts', fields: { id: 'string', cents: 'int' } }));
   * const table = db.native.kysely.schema.createTable('accounts');
   * await table.addColumn('id', 'text').addColumn('cents', 'integer').execute();
   * await accounts.insertMany([{ id: 'a', cents: 100 }, { id: 'b', cents: 0 }]);
   * await db.transaction(async () => {
   *   await accounts.update('a', { inc: { cents: -40 } });
   *   await accounts.update('b', { inc: { cents: 40 } });
   * });
   * console.log((await accounts.get('b'))?.cents); // 40
   * await db.close();
   * ```
   *
   * @throws what `fn` throws; a DatabaseError; `database.unsupported` when the driver cannot do what `options` ask for
   */
  transaction<R>(fn: (tx: Database<Native>) => Promise<R>, options: TransactionOptions = {}): Promise<R> {
    if (typeof fn !== 'function') {
      return Promise.reject(databaseErrors.invalid_query(`transaction: takes a function; got ${kindOf(fn)}.`));
    }
    return this.host.transaction(options, async (inner) => fn(new Database<Native>(inner)));
  }

  /**
   * Runs `hook` once the transaction around this call has committed: after the outermost one, and not at all if it (or
   * a savepoint around the call) rolls back. Outside of a transaction it runs at once. `transaction` waits for the
   * hooks; when one throws it rejects with `database.after_commit_failed`, though the data is stored.
   */
  afterCommit(hook: () => unknown): void {
    if (typeof hook !== 'function') {
      throw databaseErrors.invalid_query(`afterCommit: takes a function; got ${kindOf(hook)}.`);
    }
    this.host.afterCommit(hook);
  }

  /**
   * Resolves if the database answers and has room: for health checks.
   *
   * @throws `database.full` for 30 seconds after a write that found it full, unless one is stored meanwhile; and on
   *   SQLite while the disk of its file is full
   */
  async ping(options?: CallOptions): Promise<void> {
    expectCallOptions('ping', options);
    await this.host.run({ operation: 'ping', use: 'read', latest: true }, options, (session, call) =>
      this.driver.ping(session, call),
    );
    this.host.checkRoom();
  }

  /** Connections, and calls that wait for one. */
  stats(): PoolStats {
    return this.driver.stats();
  }

  /**
   * Refuses new calls, waits for those in flight, transactions and their hooks included, and disconnects. Calling it
   * again waits for the same end.
   *
   * @throws `database.timeout` when calls were still running at the deadline; they are cut off then, and their
   *   transactions rolled back
   */
  close(options?: CallOptions): Promise<void> {
    return this.host.close(options);
  }
}

/**
 * Makes a {@link Database} on a driver. Nothing is opened until the first call.
 *
 * ```ts
 * import { createDatabase } from '@ent/database';
 * import { sqlite } from '@ent/database/sqlite';
 *
 * const db = createDatabase({ driver: sqlite({ file: ':memory:' }) });
 * await db.ping();
 * await db.close();
 * ```
 */
export function createDatabase<Native>(options: DatabaseOptions<Native>): Database<Native> {
  refuseUnknown(options, DATABASE_OPTIONS, 'createDatabase', databaseErrors.invalid_definition);
  const { driver, timeout = '10s', transactionTimeout = '30s', retries = 10, cursorSecret = '' } = options;
  const invalid = databaseErrors.invalid_definition;
  if (typeof (driver as DatabaseDriver<Native> | undefined)?.features !== 'object') {
    throw invalid(
      `createDatabase: driver must be what a driver's function made, such as sqlite(); got ${kindOf(driver)}.`,
    );
  }
  const timeoutMs = durationOption(timeout, 'createDatabase: timeout', invalid);
  const transactionTimeoutMs = durationOption(transactionTimeout, 'createDatabase: transactionTimeout', invalid);
  if (!isRetries(retries)) throw invalid('createDatabase: retries must be a whole number, 0 or more.');
  if (typeof cursorSecret !== 'string') {
    throw invalid(`createDatabase: cursorSecret must be a text; got ${kindOf(cursorSecret)}.`);
  }
  const calls = new Calls(driver, { timeoutMs, transactionTimeoutMs, retries });
  return new Database<Native>(hostOf(calls, cursorSecret));
}
