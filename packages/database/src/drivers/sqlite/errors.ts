import type { DriverFailure } from '../../driver.ts';
import { OverflowError } from './functions.ts';

/** A statement came to a transaction that SQLite had already ended. */
export class LostTransactionError extends Error {}

/** Foreign keys that were off do not hold at the end. */
export class ForeignKeysError extends Error {
  constructor(table: string, parent: string) {
    super(`rows of "${table}" refer to rows that "${parent}" does not have; foreign keys were off and must hold again`);
  }
}

/** An error of a connection in another thread, or the end of that thread. */
export class ThreadError extends Error {
  readonly meaning: DriverFailure | undefined;

  constructor(message: string, meaning: DriverFailure | undefined, options?: ErrorOptions) {
    super(message, options);
    this.meaning = meaning;
  }
}

/** The disk of the file has no room left. */
export class FullDiskError extends Error {
  constructor() {
    super('The disk has less than 1 MiB left.');
  }
}

// https://www.sqlite.org/rescode.html; the longest name that fits is found first.
const CODES: readonly (readonly [prefix: string, code: DriverFailure['code']])[] = [
  ['SQLITE_CONSTRAINT_UNIQUE', 'unique_violation'],
  ['SQLITE_CONSTRAINT_PRIMARYKEY', 'unique_violation'],
  ['SQLITE_CONSTRAINT_ROWID', 'unique_violation'],
  ['SQLITE_CONSTRAINT_FOREIGNKEY', 'foreign_key_violation'],
  ['SQLITE_CONSTRAINT_NOTNULL', 'not_null_violation'],
  ['SQLITE_CONSTRAINT_DATATYPE', 'bad_data'],
  ['SQLITE_CONSTRAINT', 'check_violation'],
  ['SQLITE_BUSY_SNAPSHOT', 'serialization_failure'],
  ['SQLITE_BUSY', 'lock_timeout'],
  ['SQLITE_LOCKED', 'lock_timeout'],
  ['SQLITE_READONLY', 'read_only'],
  ['SQLITE_FULL', 'full'],
  ['SQLITE_TOOBIG', 'bad_data'],
  ['SQLITE_MISMATCH', 'bad_data'],
  ['SQLITE_CANTOPEN', 'unavailable'],
  ['SQLITE_IOERR', 'unavailable'],
  ['SQLITE_CORRUPT', 'unavailable'],
  ['SQLITE_NOTADB', 'unavailable'],
  ['SQLITE_PERM', 'unavailable'],
  ['SQLITE_PROTOCOL', 'unavailable'],
];

/** What better-sqlite3 refuses by itself, as TypeError or RangeError without a code; by how the message begins. */
const REFUSALS: readonly (readonly [start: string, code: DriverFailure['code'], message: string])[] = [
  ['The database connection is not open', 'unavailable', 'the connection is closed'],
  ['This database connection is busy', 'query_failed', 'its client is in the middle of an iteration of yours'],
  ['SQLite3 can only bind ', 'bad_data', 'SQLite can bind numbers, strings, bigints, bytes, booleans, dates and null'],
  ['The bound string, buffer, or bigint is too big', 'bad_data', 'a value is too big for SQLite'],
  ['Array overflow', 'query_failed', 'the rows are more than a list can hold; ask for them in parts'],
  [
    'The supplied SQL string contains more than one statement',
    'query_failed',
    'the text has more than one statement, which only native.script takes',
  ],
  ['The supplied SQL string contains no statements', 'query_failed', 'the text has no statement'],
  ['Too few parameter values', 'query_failed', 'the statement has more placeholders than there are values'],
  [
    'Missing named parameter',
    'query_failed',
    'the statement has placeholders with names, for which there are no values',
  ],
  ['Too many parameter values', 'query_failed', 'the statement has fewer placeholders than there are values'],
];

const UNAVAILABLE: Readonly<Record<string, string>> = {
  SQLITE_CANTOPEN: 'the database file cannot be opened; look at its path and permissions',
  SQLITE_CORRUPT: 'the database file is damaged',
  SQLITE_NOTADB: 'the file is no SQLite database',
};

// Messages of SQLite that name parts of the schema and cannot hold a value; all others stay in the cause.
const FAILED = /^(?:UNIQUE|NOT NULL) constraint failed: ((?:[^.,' ]+\.[^.,' ]+)(?:, [^.,' ]+\.[^.,' ]+)*)$/;
const INDEX = /^UNIQUE constraint failed: index '([^']*)'$/;
const CHECK = /^CHECK constraint failed: (\w+)$/;
const SCHEMA =
  /^(?:no such (?:table|column|index|view|function|savepoint|module): [\w.]+|table \w+ has no column named \w+|(?:table|index|view) "?\w+"? already exists|duplicate column name: \w+)$/;

/** What an error of better-sqlite3 means. */
export function classify(error: unknown): DriverFailure | undefined {
  if (error instanceof ThreadError) return error.meaning;
  if (error instanceof OverflowError) return { code: 'bad_data', message: 'the sum does not fit the field' };
  if (error instanceof LostTransactionError) return { code: 'query_failed', message: error.message };
  if (error instanceof ForeignKeysError) return { code: 'foreign_key_violation', message: error.message };
  if (error instanceof FullDiskError) return { code: 'full', message: 'the disk of the file has less than 1 MiB left' };
  if (!(error instanceof Error)) return undefined;
  const code = (error as { code?: unknown }).code;
  if (error.name === 'SqliteError' && typeof code === 'string') return ofSqlite(code, error.message);
  if ((error as { syscall?: unknown }).syscall === 'mkdir') {
    return { code: 'unavailable', message: 'the folder of the database file cannot be made' };
  }
  if (!(error instanceof TypeError || error instanceof RangeError)) return undefined;
  const [, own, message] = REFUSALS.find(([start]) => error.message.startsWith(start)) ?? [];
  return own && { code: own, message, broken: own === 'unavailable' };
}

function ofSqlite(sqliteCode: string, text: string): DriverFailure {
  // Of ON DELETE RESTRICT, which SQLite makes a trigger of.
  if (text === 'FOREIGN KEY constraint failed') return { code: 'foreign_key_violation' };
  const [prefix, code] = CODES.find(([start]) => sqliteCode.startsWith(start)) ?? [sqliteCode, 'query_failed' as const];
  if (text === 'integer overflow') return { code: 'bad_data', message: 'the sum does not fit 64 bits' };
  const columns = FAILED.exec(text)?.[1];
  if (columns !== undefined) {
    return { code, fields: columns.split(', ').map((column) => column.slice(column.indexOf('.') + 1)) };
  }
  const constraint = (INDEX.exec(text) ?? CHECK.exec(text))?.[1];
  if (constraint !== undefined) return { code, constraint };
  if (code === 'query_failed') {
    return { code, message: SCHEMA.test(text) ? text : `SQLite refused (${sqliteCode}); the cause says why` };
  }
  const message = UNAVAILABLE[prefix];
  return message === undefined ? { code } : { code, message };
}
