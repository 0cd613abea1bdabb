// MariaDB, or the MySQL that ENT_TEST_MYSQL_URL names, by the conformance suite. Its longest cases are in a file of
// their own.
import { testDatabaseDriver } from '@ent/database/testing';
import { describeWithServer } from '@ent/testkit/vitest';
import { describe, it } from 'vitest';
import { databaseHarness, isLong } from '../fixtures/mysql.ts';

describeWithServer('mariadb', (server) => {
  describe('by the conformance suite', () => {
    testDatabaseDriver(
      { it: (name, body) => (isLong(name) ? undefined : it(`${name}`, body)) },
      databaseHarness(() => server.url),
    );
  });
});
