// MongoDB's API by the conformance suite: FerretDB, or the server that ENT_TEST_MONGODB_URL names. Filters and
// windows are in files of their own: FerretDB takes its time for them.
import { testDatabaseDriver } from '@ent/database/testing';
import { describeWithServer } from '@ent/testkit/vitest';
import { describe, it } from 'vitest';
import { databaseHarness } from '../fixtures/mongodb.ts';

describeWithServer('mongodb', (server) => {
  describe('by the conformance suite', () => {
    testDatabaseDriver(
      { it: (name, body) => (/^(?:filters|windows)/.test(name) ? undefined : it(`${name}`, body)) },
      databaseHarness(() => server.url),
    );
  });
});
