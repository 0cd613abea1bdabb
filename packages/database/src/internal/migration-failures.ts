import { EntError } from '@ent/errors';
import { databaseErrors } from '../errors.ts';
import type { Migration } from '../migrations.ts';
import type { MigrationHost } from './host.ts';

type Direction = 'up' | 'down';
type Step = Pick<Migration, 'name' | 'transaction'>;

/** Does the application's part of a migration; what it throws is told by the migration's name. */
export async function step({ name }: Step, direction: Direction, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw failed(name, direction, error);
  }
}

const VIOLATIONS: ReadonlySet<string> = new Set(
  (['unique_violation', 'foreign_key_violation', 'not_null_violation', 'check_violation'] as const).map(
    (key) => databaseErrors[key].code,
  ),
);

/**
 * What a step that had begun has failed by.
 *
 * @param statementsOf asked where it runs without a transaction
 */
export async function failureOf(
  host: MigrationHost,
  { name, transaction }: Step,
  direction: Direction,
  error: unknown,
  statementsOf: () => Promise<readonly string[]>,
): Promise<unknown> {
  // Refused by its commit, as by a constraint that is checked only then.
  const isRefused = EntError.is(error) && VIOLATIONS.has(error.code);
  const failure = isRefused ? failed(name, direction, error) : error;
  if (transaction !== false) return failure;
  const statements = await statementsOf();
  // The database may be gone, which the failure tells.
  const invalid = await host.invalidIndexes(statements).catch(() => []);
  if (invalid.length === 0) return failure;
  const isTold = EntError.is(failure) && failure.code === databaseErrors.migration_failed.code;
  return failed(name, direction, isTold ? failure.cause : failure, invalid);
}

/**
 * Refuses what a step without a transaction has left as it found it: `CREATE INDEX CONCURRENTLY IF NOT EXISTS` passes
 * over an index that is invalid since it was interrupted.
 *
 * @param statements those of the step
 */
export async function expectValidIndexes(host: MigrationHost, statements: readonly string[]): Promise<void> {
  const invalid = (await host.invalidIndexes(statements)).filter((name) =>
    statements.some((text) => text.includes(name.slice(name.indexOf('.') + 1))),
  );
  if (invalid.length === 0) return;
  throw databaseErrors.query_failed('The index that it makes was there, and is invalid.');
}

function failed(name: string, direction: Direction, cause: unknown, invalidIndexes?: readonly string[]): Error {
  const details = { migration: name, direction };
  const failure = `Migration "${name}" failed in ${direction}`;
  if (invalidIndexes === undefined) return databaseErrors.migration_failed(`${failure}.`, { cause, details });
  return databaseErrors.migration_failed(
    `${failure}. There are invalid indexes: ${invalidIndexes.join(', ')}. Drop what it has left, and run it again.`,
    { cause, details: { ...details, invalidIndexes } },
  );
}
