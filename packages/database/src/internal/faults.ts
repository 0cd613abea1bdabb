import { EntError } from '@ent/errors';
import { exponentialBackoff, placeOf } from '@ent/internal';
import type { DriverFailure, DatabaseDriver } from '../driver.ts';
import { databaseErrors } from '../errors.ts';
import { type Attempted, nameOf } from './operation.ts';

const TITLES: Readonly<Record<DriverFailure['code'], string>> = {
  unique_violation: 'a row with this key exists already',
  foreign_key_violation: 'a row that this refers to is missing, or a row that is to go is still referred to',
  not_null_violation: 'the table refuses null here',
  check_violation: 'a check of the table refused',
  bad_data: 'a value does not fit',
  serialization_failure: 'another transaction changed the same rows',
  deadlock: 'the database ended a deadlock',
  lock_timeout: 'somebody else holds a lock',
  timeout: 'the database ended a statement that took too long',
  unavailable: 'the database cannot be reached',
  read_only: 'the database is read-only here',
  full: 'the database is full',
  query_failed: 'the database refused',
};

/**
 * Wraps an error of the database, once. An error that is not the database's own (an abort, a fault of ours) stays what
 * it is.
 */
export function wrapped(driver: DatabaseDriver, error: unknown, attempted: Attempted): unknown {
  if (EntError.is(error)) return error;
  const found = driver.classify(error);
  if (found === undefined) return error;
  const { code, message = TITLES[code], constraint, fields, where, cause = error } = found;
  const { operation, entity } = attempted;
  const place = code === 'unavailable' ? placeOf(error) : undefined;
  const said = place === undefined ? message : `${message}: ${place}`;
  return databaseErrors[code](`${nameOf(attempted)}: ${said}${where === undefined ? '' : ` (${where})`}.`, {
    cause,
    // Room does not come by itself.
    ...(code === 'full' && { retryAfterMs: 30_000 }),
    details: {
      system: driver.name,
      operation,
      ...(entity !== undefined && { entity }),
      ...(fields !== undefined && { fields: fields.map((column) => fieldOf(attempted, column)) }),
      ...(constraint !== undefined && { constraint }),
      ...(where !== undefined && { where }),
    },
  });
}

/** The field that is stored in a column; the column itself, where the entity does not know it. */
function fieldOf({ model }: Attempted, column: string): string {
  for (const field of model?.fields.values() ?? []) if (field.column === column) return field.name;
  return column;
}

/** After these the whole transaction is no more, or can commit nothing. */
const ENDS: readonly string[] = [databaseErrors.serialization_failure.code, databaseErrors.deadlock.code];
/** A lock that was not to be had ends its statement alone. */
const CONFLICTS: readonly string[] = [...ENDS, databaseErrors.lock_timeout.code];

/** Whether an error, or what caused it, is a conflict that goes away when the whole transaction is run again. */
export function isConflict(driver: DatabaseDriver, error: unknown): boolean {
  return isOneOf(CONFLICTS, driver, error);
}

/** Whether it is one after which a savepoint cannot go on either. */
export function endsTransaction(driver: DatabaseDriver, error: unknown): boolean {
  return isOneOf(ENDS, driver, error);
}

function isOneOf(codes: readonly string[], driver: DatabaseDriver, error: unknown): boolean {
  let current = error;
  // The application may have wrapped it; a chain that is longer than this is not ours.
  for (let depth = 0; depth < 8 && current instanceof Error; depth += 1) {
    const code = EntError.is(current) ? current.code : `database.${driver.classify(current)?.code}`;
    if (codes.includes(code)) return true;
    current = current.cause;
  }
  return false;
}

/** Between the attempts of a transaction or call that met a conflict. */
export const backoff = exponentialBackoff({ baseMs: 10, maxMs: 1000 });
