import { postgres } from '@ent/database/postgres';
import { describeWithServer } from '@ent/testkit/vitest';
import { sleep, useDatabases } from '../fixtures/postgres.ts';
import { testFailures } from '../fixtures/sql-failures.ts';

describeWithServer('postgres', { killable: true }, (server) => {
  testFailures(server, { ...useDatabases(server), sleep, driverOf: postgres });
});
