// A process that publishes or handles is killed before each statement and each send, on MariaDB.
import { createDatabase } from '@ent/database';
import { mysql } from '@ent/database/mysql';
import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { testKillsWithRedis } from '../outbox-kills.ts';

describeWithServer('mariadb', (server) => {
  testKillsWithRedis(async () => {
    const name = uniqueName('ent');
    const db = createDatabase({ driver: mysql({ url: server.url, max: 1 }) });
    await db.native.kysely.schema.createSchema(name).execute();
    await db.close();
    const url = new URL(server.url);
    url.pathname = `/${name}`;
    return { kind: 'mysql', url: url.href };
  });
});
