import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '@ent/database';
import type { SqlNative } from '@ent/database/sql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateKey } from '../../src/index.ts';
import { testAuthStores } from '../../src/testing.ts';
import { openMigrated, sessionsOn, storesOn } from '../fixtures/stored-sessions.ts';
import { expectToEndElsewhere } from '../support/ends-elsewhere.ts';

const START = Date.UTC(2030, 0, 1);
let folder: string;
let db: Database<SqlNative>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ent-auth-'));
  db = await openMigrated(join(folder, 'auth.db'));
});

afterAll(async () => {
  await db?.close();
  await rm(folder, { recursive: true, force: true });
});

describe('stores on repositories (SQLite)', () => {
  testAuthStores({ it }, { make: () => storesOn(db) });

  it('pass on what the database says, with its own code', async () => {
    const closed = await openMigrated(join(folder, 'closed.db'));
    const { pem } = await generateKey();
    const sessions = await sessionsOn(storesOn(closed), pem, () => START);
    await closed.close();
    await expect(sessions.start({ subject: 'u1' })).rejects.toMatchObject({
      code: expect.stringMatching(/^database\./),
    });
  });

  it('a session that is revoked ends at once in its process, and within a second in another one', () =>
    expectToEndElsewhere(storesOn(db), `sqlite:${join(folder, 'auth.db')}`));
});
