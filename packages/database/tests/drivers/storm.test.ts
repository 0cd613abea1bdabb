// Calls and transactions that are given up at any moment, through a few connections: sums hold, and nothing is left.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mysql } from '@ent/database/mysql';
import { postgres } from '@ent/database/postgres';
import { sqlite } from '@ent/database/sqlite';
import { describeWithServer } from '@ent/testkit/vitest';
import { afterEach, beforeEach, describe } from 'vitest';
import { newDatabase } from '../fixtures/mysql.ts';
import { newSchema } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/storage.ts';
import { stormOn } from '../fixtures/storm.ts';

describe('SQLite', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => rm(folder, { recursive: true }));
  stormOn(async () => sqlite({ file: join(folder, 'storm.db') }));
});

describeWithServer('postgres', (server) => {
  stormOn(async () => postgres({ ...(await newSchema(server.url)), max: 3 }));
});

describeWithServer('mariadb', (server) => {
  stormOn(async () => {
    const { name: _name, ...place } = await newDatabase(server.url);
    return mysql({ ...place, max: 3 });
  });
});
