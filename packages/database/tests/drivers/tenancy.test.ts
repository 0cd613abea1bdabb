// Two hundred tenants at once through three connections: nobody meets the rows of another, on any database.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mysql } from '@ent/database/mysql';
import { postgres } from '@ent/database/postgres';
import { sqlite } from '@ent/database/sqlite';
import { describeWithServer } from '@ent/testkit/vitest';
import { afterEach, beforeEach, describe } from 'vitest';
import { tenantsOn } from '../fixtures/hostile-tenants.ts';
import { newDatabase } from '../fixtures/mysql.ts';
import { newSchema } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/storage.ts';

describe('SQLite', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => rm(folder, { recursive: true }));
  tenantsOn(async () => sqlite({ file: join(folder, 'tenants.db') }), 3);
});

describeWithServer('postgres', (server) => {
  tenantsOn(async () => postgres({ ...(await newSchema(server.url)), max: 3 }), 3);
});

describeWithServer('mariadb', (server) => {
  tenantsOn(async () => {
    const { name: _name, ...place } = await newDatabase(server.url);
    return mysql({ ...place, max: 3 });
  }, 3);
});
