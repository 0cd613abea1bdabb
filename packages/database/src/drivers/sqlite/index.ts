/** SQLite, in this process, by Kysely and better-sqlite3: one connection writes, a few read. The native client is the connection that writes. */
import { basename, resolve } from 'node:path';
import type { CompiledQuery } from 'kysely';
import type { Awaitable, CallContext, DatabaseDriver, NativeRunner } from '../../driver.ts';
import { databaseErrors } from '../../errors.ts';
import { chain } from '../../internal/awaitable.ts';
import { nativeKysely } from '../../internal/sql/native.ts';
import { SqlStore } from '../../internal/sql/store.ts';
import { tableOf } from '../../internal/sql/table.ts';
import type { SqlNative } from '../../sql.ts';
import type { SqliteClient } from './client.ts';
import type { Connection } from './connection.ts';
import { dialect } from './dialect.ts';
import { classify } from './errors.ts';
import { features } from './features.ts';
import { Pool } from './pool.ts';

export type { SqliteClient, SqliteStatement } from './client.ts';
export { features as sqliteFeatures } from './features.ts';

/** Options of {@link sqlite}: a file, or a connection of your own. */
export type SqliteOptions =
  | {
      /**
       * Path of the database file; it and its folder are made if they are missing. `:memory:` for a database that ends
       * with the process.
       */
      readonly file: string;
      /**
       * When a commit is on the disk. `normal`: soon; a killed process loses nothing, a power failure perhaps the last
       * commits. `full`: before it resolves, and the JavaScript thread waits for it. Default `normal`. (SQLite's PRAGMA
       * synchronous, in WAL mode.)
       */
      readonly synchronous?: 'normal' | 'full' | undefined;
    }
  | {
      /**
       * A better-sqlite3 connection of your own. Its settings stay as they are, it serves everything, and you close it.
       */
      readonly client: SqliteClient;
    };

const MAX_RECORDED = 10_000;

/** The driver that {@link sqlite} makes. */
export interface SqliteDriver<Tables> extends DatabaseDriver<SqlNative<Tables>, Connection> {
  readonly name: 'sqlite';
  /**
   * The better-sqlite3 connection that writes; undefined before the first call. Outside of our control: mind open
   * transactions.
   */
  readonly client: SqliteClient | undefined;
}

/**
 * SQLite by better-sqlite3, with Kysely. Strictly serializable: one transaction writes at a time, in this process and
 * in all others that use the file. A statement runs on the JavaScript thread; waiting for locks does not.
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
// oxlint-disable-next-line typescript/no-explicit-any -- Kysely's own word for tables that are not typed
export function sqlite<Tables = any>(options: SqliteOptions): SqliteDriver<Tables> {
  const source =
    'client' in options
      ? { file: options.client.name, synchronous: 'normal' as const, client: options.client }
      : { file: pathOf(options.file), synchronous: expectSynchronous(options.synchronous) };
  const pool = new Pool(source);
  const store = new SqlStore<Connection>(dialect, (connection, { sql: text, parameters }, context, shape) =>
    connection.execute(context, text, parameters, shape),
  );
  return {
    name: 'sqlite',
    namespace: basename(source.file),
    features: pool.isPrivate ? { ...features, shared: false } : features,
    get client() {
      return pool.client;
    },

    open: (context) => pool.open(context),
    close: () => pool.close(),
    stats: () => pool.stats(),
    // Reads the file, where `select 1` would not.
    ping: (connection, context) => connection.command(context, 'select 1 from sqlite_schema limit 1'),

    acquire: (use, forTransaction, context) => pool.acquire(use, forTransaction, context),
    // Nothing runs while nobody looks: a broken connection is one with a transaction open, and that is rolled back.
    release: (connection) => pool.release(connection),

    begin: (connection, { readOnly }, context) => begin(connection, readOnly, context),
    commit: (connection, context) => connection.command(context, 'commit'),
    rollback: (connection) => connection.rollback(),
    savepoint: (connection, name, context) => connection.command(context, `savepoint ${name}`),
    releaseSavepoint: (connection, name, context) => connection.command(context, `release ${name}`),
    rollbackTo(connection, name) {
      connection.client.exec(`rollback to ${name}; release ${name}`);
    },

    find: (...call) => store.find(...call),
    count: (...call) => store.count(...call),
    insert: (...call) => store.insert(...call),
    update: (...call) => store.update(...call),
    updateOne: (...call) => store.updateOne(...call),
    upsert: (...call) => store.upsert(...call),
    delete: (...call) => store.delete(...call),

    native: (run) => native<Tables>(run),
    async record(work) {
      const statements: string[] = [];
      const kysely = nativeKysely<Tables>(dialect, async (_use, query) => {
        // A loop that waits for an answer would never end here.
        if (statements.length === MAX_RECORDED) throw new Error('Too many statements.');
        statements.push(query.sql);
        return { rows: [] };
      });
      await work({ kysely, columns: dialect.columns });
      return statements;
    },
    createTable: (connection, entity, context) => connection.command(context, tableOf(dialect, entity)),
    classify,
  };
}

/** Writers take the lock at once: a transaction that reads first and then fails to write could only start again. */
function begin(connection: Connection, readOnly: boolean, context: CallContext): Awaitable<void> {
  const begun = (): void => {
    connection.inTransaction = true;
  };
  if (!readOnly) return chain(connection.command(context, 'begin immediate'), begun);
  connection.refuseWrites(true);
  // SQLite takes its snapshot with the first read; this is it.
  const began = chain(connection.command(context, 'begin'), () =>
    connection.command(context, 'select 1 from sqlite_schema limit 1'),
  );
  return chain(began, begun);
}

function native<Tables>(run: NativeRunner<Connection>): SqlNative<Tables> {
  const kysely = nativeKysely<Tables>(dialect, (use, query, signal) =>
    run(
      use,
      async (connection, context) => {
        context.onStatement?.(query.sql);
        const { rows, changes, lastId } = await connection.native(context, query.sql, bindable(query));
        return {
          rows,
          ...(changes !== undefined && { numAffectedRows: changes }),
          ...(lastId !== undefined && { insertId: lastId }),
        };
      },
      signal,
    ),
  );
  return { kysely, columns: dialect.columns };
}

/** What SQLite can bind of what applications pass to Kysely. */
function bindable({ parameters }: CompiledQuery): unknown[] {
  return parameters.map((value, index) => {
    if (value === undefined) {
      throw databaseErrors.invalid_query(`native: parameter ${index + 1} is undefined; SQLite would take it for null.`);
    }
    if (typeof value === 'boolean') return value ? 1 : 0;
    return value instanceof Date ? value.getTime() : value;
  });
}

function pathOf(file: string): string {
  if (typeof file !== 'string' || file === '') {
    throw databaseErrors.invalid_definition('sqlite: file must be a path, or ":memory:".');
  }
  if (file === ':memory:') return file;
  if (file.startsWith('file:') || file.includes('\0')) {
    throw databaseErrors.invalid_definition('sqlite: file must be a plain path, not a "file:" URI.');
  }
  // Resolved now: the working directory may be another one when the first call opens it.
  return resolve(file);
}

function expectSynchronous(synchronous: 'normal' | 'full' = 'normal'): 'normal' | 'full' {
  if (synchronous === 'normal' || synchronous === 'full') return synchronous;
  throw databaseErrors.invalid_definition("sqlite: synchronous must be 'normal' or 'full'.");
}
