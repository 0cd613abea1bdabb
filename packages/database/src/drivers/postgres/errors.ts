import type { DriverFailure } from '../../driver.ts';
import { withoutValues } from '../../internal/without-values.ts';
import { columnsOfKey } from './key-columns.ts';

/** The connection could not be made, or is lost; the server has not said why. */
export class LostConnectionError extends Error {}

/** A statement was prepared for a schema that has changed since; its transaction can be run again. */
export class StaleStatementError extends Error {}

/** A statement came to a transaction that a COMMIT or ROLLBACK of the application's own has ended. */
export class LostTransactionError extends Error {}

/**
 * By SQLSTATE, or the first characters of it; the first that fits.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const CODES: readonly (readonly [state: string, code: DriverFailure['code'], message?: string])[] = [
  ['23505', 'unique_violation'],
  [
    '23P01',
    'unique_violation',
    'an exclusion constraint refused, since a row that exists is in conflict with this one',
  ],
  ['23503', 'foreign_key_violation'],
  ['23001', 'foreign_key_violation'],
  ['23502', 'not_null_violation'],
  ['23', 'check_violation'],
  // RAISE EXCEPTION, as triggers refuse.
  ['P0001', 'check_violation'],
  ['44000', 'check_violation'],
  ['22', 'bad_data'],
  // Such as a key that is too long for its index.
  ['54', 'bad_data', 'it is more than PostgreSQL takes'],
  ['40001', 'serialization_failure'],
  ['40P01', 'deadlock'],
  ['55P03', 'lock_timeout'],
  ['25006', 'read_only'],
  ['53100', 'full'],
  ['57014', 'timeout', 'the server cancelled the statement (statement_timeout, or an administrator)'],
  ['25P03', 'unavailable', 'the server ended the connection, whose transaction was idle for too long'],
  ['25P04', 'unavailable', 'the server ended the connection, whose transaction took too long'],
  ['28', 'unavailable', 'the server refused the user or password'],
  ['3D000', 'unavailable', 'there is no such database'],
  ['53300', 'unavailable', 'the server has no connection left (max_connections)'],
  ['53', 'unavailable', 'the server is short of memory or another resource'],
  ['57P03', 'unavailable', 'the server is starting or stopping'],
  ['57P', 'unavailable', 'the server ended the connection'],
  ['58', 'unavailable', 'the server has a fault of its system'],
  ['40003', 'unavailable'],
  ['08', 'unavailable'],
];

/** The schema that a statement names is missing, or all of those that names are looked for in. */
const NO_SCHEMA = '3F000';

/** What an error of PostgreSQL tells besides its message, and has no value of a row in it. */
const SAFE = ['code', 'severity', 'schema', 'table', 'column', 'constraint', 'dataType', 'routine'];

/**
 * What an error of pg or of PostgreSQL means.
 *
 * @param searchPath the schemas of the connection, where the options have any
 */
export function classify(error: unknown, searchPath?: string): DriverFailure | undefined {
  if (error instanceof StaleStatementError)
    return { code: 'serialization_failure', message: error.message, broken: true };
  if (error instanceof LostTransactionError) return { code: 'query_failed', message: error.message };
  if (error instanceof LostConnectionError) return { code: 'unavailable', message: error.message, broken: true };
  if (!(error instanceof Error)) return undefined;
  const { code: state, severity, detail, column, constraint } = error as Error & Readonly<Record<string, string>>;
  if (severity === undefined || state === undefined) return undefined;
  // Of a statement with another number of values; what ends the connection is FATAL.
  const isOfStatement = state === '08P01' && severity === 'ERROR';
  const known = isOfStatement ? undefined : CODES.find(([start]) => state.startsWith(start));
  const [, code, message] = known ?? ['', 'query_failed' as const];
  const fields = code === 'bad_data' ? undefined : columnsOfKey(detail ?? '');
  return {
    code,
    message: message ?? (code === 'query_failed' ? refused(state, searchPath) : undefined),
    constraint,
    fields: fields ?? (column === undefined ? undefined : [column]),
    cause: withoutValues(error, SAFE, hasValues(code, state) ? `A value does not fit (${state}).` : error.message),
    broken: code === 'unavailable' || severity === 'FATAL' || severity === 'PANIC',
  };
}

function refused(state: string, searchPath: string | undefined): string {
  if (state !== NO_SCHEMA) return `PostgreSQL refused (${state}); the cause says why`;
  return `there is no such schema, or none of those in the search_path${searchPath === undefined ? '' : `: ${searchPath}`}`;
}

/** "invalid input syntax for type integer: "hunter2""; and what a trigger raises can be made of a row. */
function hasValues(code: DriverFailure['code'], state: string): boolean {
  return code === 'bad_data' || state === 'P0001';
}
