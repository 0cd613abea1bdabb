import { EntError } from '@ent/errors';
import type { Classification, DatabaseDriver } from '../driver.ts';
import { databaseErrors } from '../errors.ts';

const TITLES: Readonly<Record<Classification['code'], string>> = {
  unique_violation: 'a row with this key exists already',
  foreign_key_violation: 'a row that this refers to is missing, or a row that is to go is still referred to',
  not_null_violation: 'the table refuses null here',
  check_violation: 'a check of the table refused',
  bad_data: 'a value does not fit',
  serialization_failure: 'another transaction changed the same rows',
  deadlock: 'the database ended a deadlock',
  lock_timeout: 'somebody else holds a lock',
  unavailable: 'the database can not be reached',
  read_only: 'the database is read-only here',
  full: 'the database is full',
  query_failed: 'the database refused',
};

/** What was being done, for the message of an error. */
export interface Attempted {
  readonly operation: string;
  readonly entity?: string | undefined;
}

/**
 * Wraps an error of the database, once. An error that is not the database's own (an abort, a fault of ours) stays what
 * it is.
 */
export function wrapped(driver: DatabaseDriver, error: unknown, { operation, entity }: Attempted): unknown {
  if (EntError.is(error)) return error;
  const found = driver.classify(error);
  if (found === undefined) return error;
  const { code, message = TITLES[code], constraint, fields } = found;
  const where = entity === undefined ? operation : `${entity}.${operation}`;
  return databaseErrors[code](`${where}: ${message}.`, {
    cause: error,
    details: {
      system: driver.name,
      operation,
      ...(entity !== undefined && { entity }),
      ...(fields !== undefined && { fields }),
      ...(constraint !== undefined && { constraint }),
    },
  });
}

const CONFLICTS: ReadonlySet<string> = new Set([
  databaseErrors.serialization_failure.code,
  databaseErrors.deadlock.code,
  databaseErrors.lock_timeout.code,
]);

/** Whether an error, or what caused it, is a conflict that goes away when the whole transaction is run again. */
export function isConflict(driver: DatabaseDriver, error: unknown): boolean {
  let current = error;
  // The application may have wrapped it; a chain that is longer than this is not ours.
  for (let depth = 0; depth < 8 && current instanceof Error; depth += 1) {
    const code = EntError.is(current) ? current.code : `database.${driver.classify(current)?.code}`;
    if (CONFLICTS.has(code)) return true;
    current = current.cause;
  }
  return false;
}

/**
 * Milliseconds to wait before attempt `attempt + 1`: doubling, capped, with full jitter so that rivals do not meet
 * again.
 */
export function backoffMs(attempt: number): number {
  return Math.random() * Math.min(1000, 5 * 2 ** attempt);
}
