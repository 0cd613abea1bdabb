import { kindOf, refuseUnknown } from '@ent/internal';
import { Database } from '../database.ts';
import { databaseErrors } from '../errors.ts';
import { demandHost } from '../internal/demand-host.ts';
import { expectTransaction } from '../internal/known-options.ts';
import type { TransactionOptions } from '../options.ts';

/** Options of {@link rolledBack}: those of a transaction, which all that is in it has to fit into. */
export type RolledBackOptions = Omit<TransactionOptions, 'propagation' | 'retries'>;

const OPTIONS = { isolation: true, readOnly: true, timeout: true, signal: true } as const;

/**
 * Runs `work`, such as a test, in a transaction that is rolled back at its end, and answers what it answers: the
 * database is as it was before. To what `work` calls, that is outside of any transaction: a call that fails leaves the
 * others alone, and `db.transaction` commits or rolls back, each by a savepoint. What needs a real commit does not
 * happen: `afterCommit` hooks do not run, other connections see nothing, and `propagation: 'new'` is refused.
 *
 * ```ts
 * import { createDatabase, defineEntity } from '@ent/database';
 * import { sqlite } from '@ent/database/sqlite';
 * import { fake, rolledBack } from '@ent/database/test-helpers';
 * import { createTables } from '@ent/database/testing';
 *
 * const db = createDatabase({ driver: sqlite({ file: ':memory:' }) });
 * const users = defineEntity({ name: 'users', fields: { id: 'string', email: 'string' }, unique: [['email']] });
 * await createTables(db, users);
 * await rolledBack(db, async () => {
 *   await db.repo(users).insert(fake(users));
 *   console.log(await db.repo(users).count()); // 1
 * });
 * console.log(await db.repo(users).count()); // 0
 * await db.close();
 * ```
 *
 * @param options `timeout` is for all of it; default: the `transactionTimeout` of the database
 * @throws what `work` throws; `database.unsupported` where there are no transactions with savepoints
 */
export async function rolledBack<Native, R>(
  db: Database<Native>,
  work: (tx: Database<Native>) => Promise<R>,
  options: RolledBackOptions = {},
): Promise<R> {
  if (typeof work !== 'function') {
    throw databaseErrors.invalid_query(`rolledBack: takes a function; got ${kindOf(work)}.`);
  }
  refuseUnknown(options, OPTIONS, 'rolledBack', databaseErrors.invalid_query);
  expectTransaction('rolledBack', options);
  return demandHost(db, 'rolledBack').trial(options, (inner) => work(new Database<Native>(inner)));
}
