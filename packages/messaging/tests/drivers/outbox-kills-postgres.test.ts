// A process that publishes or handles is killed before each statement and each send, on PostgreSQL.
import { createDatabase } from '@ent/database';
import { postgres } from '@ent/database/postgres';
import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { testKillsWithRedis } from '../outbox-kills.ts';

describeWithServer('postgres', (server) => {
  testKillsWithRedis(async () => {
    const searchPath = uniqueName('ent');
    const db = createDatabase({ driver: postgres({ url: server.url, max: 1 }) });
    await db.native.kysely.schema.createSchema(searchPath).execute();
    await db.close();
    return { kind: 'postgres', url: server.url, searchPath };
  });
});
