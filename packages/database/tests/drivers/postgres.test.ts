// PostgreSQL by the conformance suite.
import { testDatabaseDriver } from '@ent/database/testing';
import { describeWithServer } from '@ent/testkit/vitest';
import { describe, it } from 'vitest';
import { schemaHarness } from '../fixtures/postgres.ts';

describeWithServer('postgres', (server) => {
  describe('by the conformance suite', () => {
    testDatabaseDriver(
      { it },
      schemaHarness(() => server.url),
    );
  });
});
