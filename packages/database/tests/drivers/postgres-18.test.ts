// PostgreSQL 18, in a database that compares by the rules of a language (ICU), by the conformance suite.
import { testDatabaseDriver } from '@ent/database/testing';
import { describeWithServer } from '@ent/testkit/vitest';
import { expect, it } from 'vitest';
import { ask, schemaHarness } from '../fixtures/postgres.ts';

describeWithServer('postgres-18', (server) => {
  it('is another version, and orders text by a language unless it is told', async () => {
    const asked = `select current_setting('server_version_num')::int / 10000 as version, 'a' < 'B' as by_language`;
    expect(await ask(server.url, asked)).toEqual([{ version: 18, by_language: true }]);
  });

  testDatabaseDriver(
    { it },
    schemaHarness(() => server.url),
  );
});
