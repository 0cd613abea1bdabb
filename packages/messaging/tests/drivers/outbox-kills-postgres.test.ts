// A process that publishes or handles is killed before each statement and each send, on PostgreSQL.
import { createDatabase } from '@ent/database';
import { postgres } from '@ent/database/postgres';
import { startServer, uniqueName, type Server } from '@ent/testkit';
import { describeWithServer, itInDepth } from '@ent/testkit/vitest';
import { afterAll, beforeAll } from 'vitest';
import { KILLS, killHandlers, killPublishers } from '../outbox-kills.ts';

describeWithServer('postgres', (server) => {
  let redis: Server;
  const ground = async () => {
    const searchPath = uniqueName('ent');
    const db = createDatabase({ driver: postgres({ url: server.url, max: 1 }) });
    await db.native.kysely.schema.createSchema(searchPath).execute();
    await db.close();
    return { place: { kind: 'postgres', url: server.url, searchPath } as const, redis: redis.url };
  };
  beforeAll(async () => {
    redis = await startServer('redis');
  });
  afterAll(() => redis?.close());

  itInDepth('an outbox has a message for each change that is stored, whenever its process is killed', KILLS, (round) =>
    killPublishers(ground, round),
  );

  itInDepth('an inbox has the effect of each message once, whenever its process is killed', KILLS, (round) =>
    killHandlers(ground, round),
  );
});
