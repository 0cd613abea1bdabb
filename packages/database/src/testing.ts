import { concurrencyCases } from './testing/concurrency.ts';
import { crudCases } from './testing/crud.ts';
import { failureCases } from './testing/failures.ts';
import { filterCases } from './testing/filters.ts';
import type { DatabaseHarness } from './testing/harness.ts';
import type { TestRunner } from './testing/runner.ts';
import { suiteOf } from './testing/suite.ts';
import { transactionCases } from './testing/transactions.ts';
import { windowCases } from './testing/windows.ts';

export { createTables } from './testing/entities.ts';
export { writeForever } from './testing/failures.ts';
export type { DatabaseHarness, DatabaseStorage } from './testing/harness.ts';
export type { Expectation, TestRunner } from './testing/runner.ts';

/**
 * The conformance suite: what every driver has to do, as cases of your test runner. The driver's features decide which
 * are run, and what is expected where drivers may differ.
 *
 * ```ts no-run
 * import { testDatabaseDriver } from '@ent/database/testing';
 * import { describe, expect, it } from 'vitest';
 *
 * testDatabaseDriver({ describe, it, expect }, harness);
 * ```
 */
export function testDatabaseDriver(runner: TestRunner, harness: DatabaseHarness): void {
  const suite = suiteOf(runner, harness);
  runner.describe(`${harness.name} is a database driver`, () => {
    crudCases(suite);
    filterCases(suite);
    windowCases(suite);
    transactionCases(suite);
    concurrencyCases(suite);
    failureCases(suite);
  });
}
