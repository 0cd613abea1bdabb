import { rm } from 'node:fs/promises';
import { refuseUnknown } from '@ent/internal';
import type { Database } from '../database.ts';
import { databaseErrors } from '../errors.ts';
import type { Migration } from '../migrations.ts';
import { createMigrator } from '../migrator.ts';
import { openDatabase } from '../open.ts';
import type { SqlNative } from '../sql.ts';

/** Options of {@link workerDatabase}. */
export interface WorkerDatabaseOptions<Native> {
  /** Which of the processes that test at once this is: letters, digits and `_`, such as `VITEST_POOL_ID`. */
  readonly worker: string | number;
  /** What makes the tables. Default: nothing. */
  readonly migrations?: readonly Migration<Native>[] | undefined;
}

/** A database of a worker. */
export interface WorkerDatabase<Native> {
  /** It, open. */
  readonly db: Database<Native>;
  /** Where it is, for what opens databases by itself. */
  readonly url: string;
  /** Closes it and removes it from the server. */
  drop(): Promise<void>;
}

/**
 * Makes a database for one worker beside the one that a URL names, on the same server: `app_test_1` beside `app_test`.
 * One that an earlier run has left behind is removed first. The user of the URL must be allowed to do that. Of SQLite
 * it is a file beside; `sqlite::memory:` is that of the worker anyhow.
 *
 * ```ts
 * import { workerDatabase } from '@ent/database/test-helpers';
 *
 * const worker = process.env['VITEST_POOL_ID'] ?? 1;
 * const { db, drop } = await workerDatabase('sqlite::memory:', { worker, migrations: [] });
 * await db.ping();
 * await drop();
 * ```
 *
 * @throws `database.invalid_definition` for a URL without a database or a worker that is none; what `openDatabase` and
 *   `up` throw
 */
export async function workerDatabase<Native = unknown>(
  url: string,
  options: WorkerDatabaseOptions<Native>,
): Promise<WorkerDatabase<Native>> {
  refuseUnknown(options, { worker: true, migrations: true }, 'workerDatabase', databaseErrors.invalid_definition);
  const { migrations = [] } = options;
  const place = placeOf(url, workerOf(options.worker));
  await place.remove();
  await place.create();
  const opened: Database<Native>[] = [];
  const drop = async (): Promise<void> => {
    for (const db of opened) await db.close();
    await place.remove();
  };
  try {
    const db = await openDatabase<Native>(place.url);
    opened.push(db);
    if (migrations.length > 0) await createMigrator(db, migrations).up();
    return { db, url: place.url, drop };
  } catch (error) {
    await drop();
    throw error;
  }
}

/** Where the database of a worker is, and how it is made there and removed. */
interface Place {
  readonly url: string;
  create(): Promise<unknown>;
  remove(): Promise<unknown>;
}

const invalid = databaseErrors.invalid_definition;
const WORKER = /^\w{1,20}$/;
const SQLITE = /^sqlite:([^?]*)(\?.*)?$/i;
/** Of several hosts, which the URL of the platform does not know: scheme and hosts, database, parameters. */
const SERVER = /^([a-z+]+:\/\/[^/?#]*)\/([^/?#]+)(\?.*)?$/i;
const MAX_NAME = 63;

/** Not the text of whatever it is: two workers without a number would both be "undefined", and have one database. */
function workerOf(given: unknown): string {
  const worker = typeof given === 'number' && Number.isSafeInteger(given) ? String(given) : given;
  if (typeof worker === 'string' && WORKER.test(worker)) return worker;
  throw invalid('workerDatabase: worker must be letters, digits and "_", at most 20, such as VITEST_POOL_ID.');
}

function placeOf(url: string, worker: string): Place {
  const [, file, parameters = ''] = SQLITE.exec(url) ?? [];
  if (file !== undefined) return fileOf(file, parameters, worker);
  const [, server, path, more = ''] = SERVER.exec(url) ?? [];
  if (server === undefined || path === undefined) {
    throw invalid('workerDatabase: the URL must name a database, such as postgres://localhost/app_test.');
  }
  const name = `${decoded(path)}_${worker}`;
  if (name.length > MAX_NAME)
    throw invalid(`workerDatabase: the database and the worker make more than ${MAX_NAME} characters.`);
  const own = `${server}/${encodeURIComponent(name)}${more}`;
  if (server.toLowerCase().startsWith('mongodb')) {
    const remove = async (db: Database): Promise<void> => {
      const { db: database } = db.native as { readonly db: { dropDatabase(): Promise<unknown> } };
      await database.dropDatabase();
    };
    // A database is there as soon as it holds something.
    return { url: own, create: async () => {}, remove: () => on(own, remove) };
  }
  const statement = (text: (name: string) => string) => () => on(url, (db) => execute(db, text, name));
  const isPostgres = server.toLowerCase().startsWith('postgres');
  return {
    url: own,
    create: statement((quoted) => `create database ${quoted}`),
    // Who is still connected is a test that was killed.
    remove: statement((quoted) => `drop database if exists ${quoted}${isPostgres ? ' with (force)' : ''}`),
  };
}

function fileOf(path: string, parameters: string, worker: string): Place {
  const isMemory = path === ':memory:';
  const dot = path.lastIndexOf('.');
  const at = dot > path.lastIndexOf('/') + 1 ? dot : path.length;
  const own = isMemory ? path : `${path.slice(0, at)}_${worker}${path.slice(at)}`;
  const file = decoded(own.startsWith('//') ? own.slice(2) : own);
  return {
    url: `sqlite:${own}${parameters}`,
    create: async () => {},
    async remove() {
      if (!isMemory) for (const suffix of ['', '-wal', '-shm', '-journal']) await rm(file + suffix, { force: true });
    },
  };
}

/** As `openDatabase` reads it. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    throw invalid('workerDatabase: a % that means itself is written %25 in a URL.', { cause });
  }
}

async function on(url: string, work: (db: Database) => Promise<unknown>): Promise<void> {
  const db = await openDatabase(url);
  try {
    await work(db);
  } finally {
    await db.close();
  }
}

async function execute(db: Database, text: (name: string) => string, name: string): Promise<void> {
  const { sql } = await import('kysely');
  const { kysely } = db.native as SqlNative;
  const [before, after] = text('\0').split('\0');
  await sql`${sql.raw(before ?? '')}${sql.id(name)}${sql.raw(after ?? '')}`.execute(kysely);
}
