/**
 * SQLite, in this process, by Kysely and better-sqlite3: one connection writes, a few read.
 * The native client is the connection that writes.
 *
 * A statement is answered at once, on the JavaScript thread; only waiting for the locks of other processes takes turns
 * of the event loop (busy.ts). SQLite knows fewer types than fields have: dialect.ts says how each is stored, and
 * brings functions for what SQLite's own do otherwise.
 */
import { basename, resolve } from 'node:path';
import { refuseUnknown } from '@ent/internal';
import type { Awaitable, BeginOptions, DatabaseDriver, DatabaseFeatures, DriverCall } from '../../driver.ts';
import { databaseErrors } from '../../errors.ts';
import { chain } from '../../internal/awaitable.ts';
import { ACQUIRE_NAMES, type AcquireOptions, acquireSettings } from '../../internal/pool-options.ts';
import { controlOf, sqlDriver } from '../../internal/sql/driver.ts';
import type { SqlNative } from '../../internal/sql/types.ts';
import type { SqliteClient } from './client.ts';
import type { Connection } from './connection.ts';
import { dialect } from './dialect.ts';
import { classify } from './errors.ts';
import { Pool } from './pool.ts';

export type { SqliteClient, SqliteStatement } from './client.ts';

/** What SQLite can do. */
export const sqliteFeatures = {
  transactions: true,
  savepoints: true,
  // There is one writer: a second transaction inside the first would wait for it forever.
  independentTransactions: false,
  isolation: ['serializable'],
  readOnlyTransactions: true,
  transactionalDdl: true,
  foreignKeys: true,
  suspendsForeignKeys: true,
  // SQLite has no decimal type; as text "10" sorts before "9".
  decimalOrder: false,
  exactUpsert: true,
  generatedFields: true,
  // Except in memory.
  shared: true,
  // The library runs a statement on the JavaScript thread and cannot interrupt it.
  cancelsRunning: false,
} as const satisfies DatabaseFeatures;

/** Options that do not depend on where the connections come from. A call waits for its turn to write, nearly always. */
export type SqliteCommonOptions = AcquireOptions;

/** Options of {@link sqlite}: a file, or a connection of your own. */
export type SqliteOptions =
  | (SqliteCommonOptions & {
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
    })
  | (SqliteCommonOptions & {
      /**
       * A better-sqlite3 connection of your own. Its settings stay as they are, it serves everything, and you close it.
       */
      readonly client: SqliteClient;
    });

/**
 * The driver that {@link sqlite} makes. Its `client` is the better-sqlite3 connection that writes, undefined before the
 * first call. Outside of our control: mind open transactions.
 */
export type SqliteDriver<Tables> = DatabaseDriver<SqlNative<Tables>, Connection, SqliteClient | undefined>;

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
  expectKnown(options);
  const source =
    'client' in options
      ? { file: options.client.name, synchronous: 'normal' as const, client: options.client }
      : { file: pathOf(options.file), synchronous: expectSynchronous(options.synchronous) };
  const pool = new Pool(source);
  return sqlDriver<Connection, SqliteClient | undefined, Tables>({
    name: 'sqlite',
    namespace: basename(source.file),
    features: pool.isPrivate ? { ...sqliteFeatures, shared: false } : sqliteFeatures,
    pool: { name: basename(source.file), max: pool.max, ...acquireSettings('sqlite', options) },
    dialect,
    get client() {
      return pool.client;
    },
    connect: (call) => pool.connect(call),
    // Reads the file, where `select 1` would not.
    ping: (connection, call) => chain(control(connection, TOUCH, call), () => pool.expectRoom()),
    close: () => pool.close(),
    classify,
    sessions: pool,
    execute: (connection, statement, parameters, call) => connection.execute(call, statement, parameters),
    begin,
    commit(connection, call) {
      connection.expectForeignKeys();
      return chain(control(connection, 'commit', call), () => connection.resumeForeignKeys());
    },
    rollback: (connection) => connection.rollback(),
    // BEGIN IMMEDIATE has locked out everybody else.
    lock: () => () => {},
  });
}

const TOUCH = 'select 1 from sqlite_schema limit 1';

function control(connection: Connection, text: string, call: DriverCall): Awaitable<void> {
  return chain(connection.execute(call, controlOf(text), []), () => {});
}

/** Writers take the lock at once: a transaction that reads first and then fails to write could only start again. */
function begin(connection: Connection, { readOnly, foreignKeys }: BeginOptions, call: DriverCall): Awaitable<void> {
  const begun = (): void => {
    connection.inTransaction = true;
  };
  if (foreignKeys === 'off') connection.suspendForeignKeys();
  if (!readOnly) return chain(control(connection, 'begin immediate', call), begun);
  connection.refuseWrites(true);
  // SQLite takes its snapshot with the first read; this is it.
  const began = chain(control(connection, 'begin', call), () => control(connection, TOUCH, call));
  return chain(began, begun);
}

function expectKnown(options: SqliteOptions): void {
  const invalid = databaseErrors.invalid_definition;
  // What is no object is refused by either.
  if (Object(options) === options && 'client' in options) {
    refuseUnknown(options, { ...ACQUIRE_NAMES, client: true }, 'sqlite with a client of yours', invalid);
    // JavaScript may give that of another library.
    const client = options.client as Partial<SqliteClient> | null | undefined;
    if (typeof client?.pragma !== 'function' || typeof client.name !== 'string') {
      throw invalid('sqlite: client must be a Database of better-sqlite3.');
    }
    return;
  }
  refuseUnknown(
    options as Extract<SqliteOptions, { file: string }>,
    { ...ACQUIRE_NAMES, file: true, synchronous: true },
    'sqlite',
    invalid,
  );
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
