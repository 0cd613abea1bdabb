// MongoDB's API by the windows of the conformance suite.
import { testDatabaseDriver } from '@ent/database/testing';
import { describeWithServer } from '@ent/testkit/vitest';
import { describe, it } from 'vitest';
import { databaseHarness } from '../fixtures/mongodb.ts';

/** FerretDB compares documents one by one, and its requests wait for each other. */
const TIMEOUT_MS = 300_000;

describeWithServer('mongodb', (server) => {
  describe('by the conformance suite', () => {
    testDatabaseDriver(
      { it: (name, body) => (name.startsWith('windows') ? it(`${name}`, body, TIMEOUT_MS) : undefined) },
      databaseHarness(() => server.url),
    );
  });
});
