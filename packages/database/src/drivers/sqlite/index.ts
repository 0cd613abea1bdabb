/**
 * SQLite, in this process, by Kysely and better-sqlite3: one connection writes, a few read.
 * The native client is the connection that writes.
 *
 * A statement is answered at once, on the JavaScript thread; only waiting for the locks of other processes takes turns
 * of the event loop (busy.ts). With `thread: true` each connection is in a thread of its own (thread/), and works there
 * as it does here. SQLite knows fewer types than fields have: dialect.ts says how each is stored, and functions.ts has
 * what SQLite's own functions do otherwise.
 */
import { basename } from 'node:path';
import { chain, refuseUnknown } from '@ent/internal';
import type { DatabaseDriver, DatabaseFeatures } from '../../driver.ts';
import { databaseErrors } from '../../errors.ts';
import { ACQUIRE_NAMES, type AcquireOptions, acquireSettings } from '../../internal/pool-options.ts';
import { sqlDriver } from '../../internal/sql/driver.ts';
import type { SqlNative } from '../../internal/sql/types.ts';
import { letBackUp } from './backup.ts';
import type { SqliteClient } from './client.ts';
import type { Connection } from './connection.ts';
import { dialect } from './dialect.ts';
import { classify } from './errors.ts';
import { pathOf } from './path.ts';
import { Pool } from './pool.ts';
import { threadParts } from './thread/index.ts';
import type { ThreadSession } from './thread/session.ts';
import { begin, commit, touch } from './transactions.ts';

export { backup, type BackupOptions, type BackupProgress } from './backup.ts';
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
  // The lock of all migrations is that of the transaction.
  nonTransactionalMigrations: false,
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
      /**
       * Whether statements run in threads of their own, so that the event loop goes on meanwhile: one that writes, up
       * to four that read. A statement takes longer by the way there and back, and there is no `client`. Not for a
       * database in memory. Default `false`.
       */
      readonly thread?: boolean | undefined;
    })
  | (SqliteCommonOptions & {
      /**
       * A better-sqlite3 connection of your own. Its settings stay as they are, it serves everything, and you close it.
       */
      readonly client: SqliteClient;
    });

/**
 * The driver that {@link sqlite} makes. Its `client` is the better-sqlite3 connection that writes, undefined before the
 * first call, and refused with `thread: true`. Outside of our control: mind open transactions.
 */
export type SqliteDriver<Tables> = DatabaseDriver<SqlNative<Tables>, unknown, SqliteClient | undefined>;

/**
 * SQLite by better-sqlite3, with Kysely. Strictly serializable: one transaction writes at a time, in this process and
 * in all others that use the file. A statement runs on the JavaScript thread, but with `thread: true`; waiting for
 * locks does not.
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
  if ('file' in options && expectThread(options)) return threaded<Tables>(options);
  const source =
    'client' in options
      ? { file: options.client.name, synchronous: 'normal' as const, client: options.client }
      : { file: pathOf('sqlite', options.file), synchronous: expectSynchronous(options.synchronous) };
  const pool = new Pool(source);
  const driver = sqlDriver<Connection, SqliteClient | undefined, Tables>({
    ...SAME,
    namespace: basename(source.file),
    features: pool.isPrivate ? { ...sqliteFeatures, shared: false } : sqliteFeatures,
    pool: { name: basename(source.file), max: pool.max, ...acquireSettings('sqlite', options) },
    get client() {
      return pool.client;
    },
    connect: (call) => pool.connect(call),
    // Reads the file, where `select 1` would not.
    ping: (connection, call) => chain(touch(connection, call), () => pool.expectRoom()),
    close: () => pool.close(),
    sessions: pool,
    execute: (connection, statement, parameters, call) => connection.execute(call, statement, parameters),
    begin,
    commit,
    rollback: (connection) => connection.rollback(),
  });
  letBackUp(driver, () => (pool.isPrivate ? undefined : source.file));
  return driver;
}

const SAME = {
  name: 'sqlite',
  dialect,
  classify,
  // BEGIN IMMEDIATE has locked out everybody else.
  lock: () => () => {},
} as const;

function threaded<Tables>(options: Extract<SqliteOptions, { file: string }>): SqliteDriver<Tables> {
  const file = pathOf('sqlite', options.file);
  const parts = threadParts(file, expectSynchronous(options.synchronous));
  const driver = sqlDriver<ThreadSession, never, Tables>({
    ...SAME,
    ...parts,
    get client(): never {
      throw databaseErrors.unsupported(
        'sqlite: with thread: true the connections are in other threads, so there is no client. db.native works as ever; functions of your own, extensions and hooks need a connection in this thread.',
      );
    },
    namespace: basename(file),
    features: sqliteFeatures,
    pool: { ...parts.pool, ...acquireSettings('sqlite', options) },
  });
  letBackUp(driver, () => file);
  return driver;
}

function expectThread({ file, thread = false }: Extract<SqliteOptions, { file: string }>): boolean {
  if (typeof thread !== 'boolean') throw databaseErrors.invalid_definition('sqlite: thread must be true or false.');
  if (thread && file === ':memory:') {
    throw databaseErrors.invalid_definition(
      'sqlite: thread needs a file: a database in memory would be gone with its thread.',
    );
  }
  return thread;
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
    { ...ACQUIRE_NAMES, file: true, synchronous: true, thread: true },
    'sqlite',
    invalid,
  );
}

function expectSynchronous(synchronous: 'normal' | 'full' = 'normal'): 'normal' | 'full' {
  if (synchronous === 'normal' || synchronous === 'full') return synchronous;
  throw databaseErrors.invalid_definition("sqlite: synchronous must be 'normal' or 'full'.");
}
