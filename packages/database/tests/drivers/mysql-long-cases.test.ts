// MariaDB, or the MySQL that ENT_TEST_MYSQL_URL names, by the longest cases of the conformance suite.
import { testDatabaseDriver } from '@ent/database/testing';
import { describeWithServer } from '@ent/testkit/vitest';
import { describe, it } from 'vitest';
import { databaseHarness, isLong } from '../fixtures/mysql.ts';

describeWithServer('mariadb', (server) => {
  describe('by the conformance suite', () => {
    testDatabaseDriver(
      { it: (name, body) => (isLong(name) ? it(`${name}`, body) : undefined) },
      databaseHarness(() => server.url),
    );
  });
});
