import { mysql } from '@ent/database/mysql';
import { describeWithServer } from '@ent/testkit/vitest';
import { sleep, useDatabases } from '../fixtures/mysql.ts';
import { testFailures } from '../fixtures/sql-failures.ts';

describeWithServer('mariadb', { killable: true }, (server) => {
  testFailures(server, { ...useDatabases(server), sleep, driverOf: mysql });
});
