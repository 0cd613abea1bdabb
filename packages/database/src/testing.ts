import { aggregateCases } from './testing/aggregates.ts';
import { concurrencyCases } from './testing/concurrency.ts';
import { crudCases } from './testing/crud.ts';
import { failureCases } from './testing/failures.ts';
import { filterCases } from './testing/filters.ts';
import { innerCases } from './testing/inner.ts';
import type { DatabaseHarness, TestRunner } from './testing/harness.ts';
import { idCases } from './testing/ids.ts';
import { migrationCases } from './testing/migrations.ts';
import { softDeleteCases } from './testing/soft-delete.ts';
import { storageCases } from './testing/storage.ts';
import { declare } from './testing/suite.ts';
import { tenancyCases } from './testing/tenancy.ts';
import { transactionCases } from './testing/transactions.ts';
import { windowCases } from './testing/windows.ts';

export { createTables } from './testing/entities.ts';
export type { DatabaseHarness, DatabaseStorage, TestRunner } from './testing/harness.ts';
export { writeForever } from './testing/writer.ts';

/**
 * The conformance suite: what every driver has to do, as cases of your test runner. The driver's features decide which
 * are run.
 *
 * ```ts
 * import { createDatabase } from '@ent/database';
 * import { sqlite, sqliteFeatures } from '@ent/database/sqlite';
 * import { testDatabaseDriver } from '@ent/database/testing';
 * import { it } from 'node:test';
 *
 * testDatabaseDriver({ it }, {
 *   features: { ...sqliteFeatures, shared: false },
 *   create: async () => ({
 *     connect: (options) => createDatabase({ ...options, driver: sqlite({ file: ':memory:' }) }),
 *     remove: async () => {},
 *   }),
 * });
 * ```
 */
export function testDatabaseDriver(runner: TestRunner, harness: DatabaseHarness): void {
  declare(runner, harness, [
    ...crudCases,
    ...softDeleteCases,
    ...idCases,
    ...storageCases,
    ...filterCases,
    ...windowCases,
    ...aggregateCases,
    ...tenancyCases,
    ...transactionCases,
    ...innerCases,
    ...concurrencyCases,
    ...failureCases,
    ...migrationCases,
  ]);
}
