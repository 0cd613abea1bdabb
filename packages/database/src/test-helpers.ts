/**
 * For the tests of applications: a transaction that is rolled back ({@link rolledBack}), a database for each worker
 * ({@link workerDatabase}), and rows that are valid ({@link fake}). They know no test runner.
 */
export { fake, fakeMany, type Fakes, fakes } from './test-helpers/fakes.ts';
export { rolledBack, type RolledBackOptions } from './test-helpers/rolled-back.ts';
export { type WorkerDatabase, workerDatabase, type WorkerDatabaseOptions } from './test-helpers/worker-database.ts';
