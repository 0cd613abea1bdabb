import {
  ConfigurationError,
  ConflictError,
  DatabaseError,
  defineErrors,
  EntError,
  NotFoundError,
  TimeoutError,
  UnsupportedError,
  ValidationError,
} from '@ent/errors';

/**
 * What this package throws. `details` name the entity, the operation, fields and constraints; no message, issue or
 * detail ever holds a value of a row.
 */
export const databaseErrors = defineErrors('database', {
  /**
   * A unique key is taken, or an exclusion constraint refused. `details`: `entity`, `fields`, `constraint`. Status 409,
   * so that an HTTP app needs no mapping.
   */
  unique_violation: { class: DatabaseError, status: 409, title: 'Already exists', retryable: 'never', expose: false },
  /** A foreign key points nowhere, or is still pointed at. */
  foreign_key_violation: {
    class: DatabaseError,
    status: 409,
    title: 'Related data is missing or still in use',
    retryable: 'never',
    expose: false,
  },
  /** The table refuses a null that the entity allows. */
  not_null_violation: { class: DatabaseError, title: 'A required value is missing', retryable: 'never', expose: false },
  /** A CHECK constraint or a trigger refused the row. */
  check_violation: { class: DatabaseError, title: 'A rule of the database refused', retryable: 'never', expose: false },
  /** A value does not fit its column, or a stored value does not fit its field. */
  bad_data: { class: DatabaseError, title: 'A value does not fit', retryable: 'never', expose: false },
  /** Two transactions contradict each other; retried by `transaction` before you see it. */
  serialization_failure: {
    class: DatabaseError,
    status: 503,
    title: 'Conflicting transactions',
    retryable: 'always',
    expose: false,
  },
  /** The database ended a deadlock; retried by `transaction` before you see it. */
  deadlock: { class: DatabaseError, status: 503, title: 'Deadlock', retryable: 'always', expose: false },
  /** Somebody else held a lock for too long; nothing was changed. */
  lock_timeout: { class: DatabaseError, status: 503, title: 'Locked', retryable: 'always', expose: false },
  /** The deadline of the call or the transaction passed. */
  timeout: { class: TimeoutError, status: 503, title: 'Database timed out', retryable: 'idempotent', expose: false },
  /**
   * No connection of the pool was free within its `acquireTimeout`; nothing was sent. Either the load is too high, or
   * somebody does not give connections back.
   */
  pool_timeout: {
    class: TimeoutError,
    status: 503,
    title: 'No connection is free',
    retryable: 'always',
    expose: false,
  },
  /** The database cannot be reached, or its files cannot be opened or read. */
  unavailable: {
    class: DatabaseError,
    status: 503,
    title: 'Database unavailable',
    retryable: 'idempotent',
    expose: false,
  },
  /** A write was refused: the transaction, the connection or the file is read-only. */
  read_only: { class: DatabaseError, title: 'Read-only', retryable: 'never', expose: false },
  /** The disk or the database is full. */
  full: { class: DatabaseError, status: 503, title: 'Database full', retryable: 'never', expose: false },
  /** Anything else that the database refused, such as a syntax error or a missing table; `cause` is what it said. */
  query_failed: { class: DatabaseError, title: 'Database error', retryable: 'never', expose: false },
  /** `close()` was called. */
  closed: { class: DatabaseError, status: 503, title: 'Database closed', retryable: 'never', expose: false },

  /** No row has this id (or it is soft-deleted). `details.entity` names the entity. */
  not_found: { class: NotFoundError, title: 'Not found', retryable: 'never', expose: false },
  /** The row has another version than the one that was expected. */
  version_conflict: { class: ConflictError, title: 'Changed in the meantime', retryable: 'never', expose: false },

  /**
   * A value of an insert, a patch or an upsert is wrong; `issues` point at the field of each, and a client sees them.
   * They have names of fields and what is expected, and neither a value nor the name of the entity.
   */
  invalid_value: { class: ValidationError, title: 'Invalid value', retryable: 'never', expose: true },
  /** A filter, sort, limit or option of a query is wrong; `issues` point at each. */
  invalid_query: { class: ValidationError, title: 'Invalid query', retryable: 'never', expose: false },
  /** A call on rows of tenants came without one; nothing was done. */
  tenant_missing: { class: DatabaseError, title: 'No tenant', retryable: 'never', expose: false },
  /** A cursor was changed, belongs to another query or another tenant, or is from an incompatible version. */
  invalid_cursor: { class: ValidationError, title: 'Invalid cursor', retryable: 'never', expose: true },
  /** The changes that a loop of `watch` was to go on with are not kept any more: read what you watch anew. */
  changes_lost: { class: DatabaseError, title: 'Changes are not kept any more', retryable: 'never', expose: false },
  /** An entity, a migration list, a driver option or a database URL is wrong; thrown while setting up. */
  invalid_definition: {
    class: ConfigurationError,
    title: 'Database is not configured correctly',
    retryable: 'never',
    expose: false,
  },
  /** This driver cannot do that; thrown before anything was done. */
  unsupported: { class: UnsupportedError, title: 'Not supported by this database', retryable: 'never', expose: false },

  /** A call ran in a transaction that has already ended, usually for want of an `await`. */
  transaction_ended: { class: DatabaseError, title: 'Transaction has ended', retryable: 'never', expose: false },
  /**
   * The connection was lost, or the time was up, while COMMIT was on its way: all of the transaction is stored, or
   * nothing. Look before you run it again; `cause` is what happened.
   */
  commit_unknown: {
    class: DatabaseError,
    status: 503,
    title: 'Unknown whether stored',
    retryable: 'never',
    expose: false,
  },
  /** A statement or an inner transaction failed, so this transaction can only roll back; `cause` is that failure. */
  transaction_failed: { class: DatabaseError, title: 'Transaction has failed', retryable: 'never', expose: false },
  /** The transaction is committed, but an `afterCommit` hook threw; `cause` holds what it threw. */
  after_commit_failed: {
    class: DatabaseError,
    title: 'An after-commit hook failed',
    retryable: 'never',
    expose: false,
  },

  /** A migration threw; `details.migration` names it and `cause` is what it threw. */
  migration_failed: { class: DatabaseError, title: 'A migration failed', retryable: 'never', expose: false },
  /** Applied migrations differ from the code; `details.migrations` names them. */
  migration_drift: {
    class: DatabaseError,
    title: 'Applied migrations have changed',
    retryable: 'never',
    expose: false,
  },
  /** A seed threw; `details.seed` names it and `cause` is what it threw. */
  seed_failed: { class: DatabaseError, title: 'A seed failed', retryable: 'never', expose: false },
  /** A migration that is to be reverted has no `down`, or is not in the list. */
  migration_irreversible: {
    class: DatabaseError,
    title: 'A migration cannot be reverted',
    retryable: 'never',
    expose: false,
  },
});

/**
 * Whether an error says that a unique key is taken; with `field`, that this field is part of the key.
 *
 * ```ts no-run
 * import { isUniqueViolation, type Repository } from '@ent/database';
 * import { ConflictError } from '@ent/errors';
 *
 * declare const users: Repository<{ id: string; email: string }, { email: string }>;
 * try {
 *   await users.insert({ email: 'ada@example.org' });
 * } catch (error) {
 *   if (isUniqueViolation(error, 'email')) throw new ConflictError('This address is taken.');
 *   throw error;
 * }
 * ```
 */
export function isUniqueViolation(error: unknown, field?: string): error is DatabaseError {
  if (!EntError.is(error) || error.code !== databaseErrors.unique_violation.code) return false;
  const fields = error.details?.['fields'];
  return field === undefined || (Array.isArray(fields) && fields.includes(field));
}
