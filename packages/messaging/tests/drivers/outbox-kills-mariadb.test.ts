// A process that publishes or handles is killed before each statement and each send, on MariaDB.
import { createDatabase } from '@ent/database';
import { mysql } from '@ent/database/mysql';
import { type Server, startServer, uniqueName } from '@ent/testkit';
import { describeWithServer, itInDepth } from '@ent/testkit/vitest';
import { afterAll, beforeAll } from 'vitest';
import { KILLS, killHandlers, killPublishers } from '../outbox-kills.ts';

describeWithServer('mariadb', (server) => {
  let redis: Server;
  const ground = async () => {
    const name = uniqueName('ent');
    const db = createDatabase({ driver: mysql({ url: server.url, max: 1 }) });
    await db.native.kysely.schema.createSchema(name).execute();
    await db.close();
    const url = new URL(server.url);
    url.pathname = `/${name}`;
    return { place: { kind: 'mysql', url: url.href } as const, redis: redis.url };
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
