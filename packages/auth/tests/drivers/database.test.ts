import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Database } from '@ent/database';
import type { SqlNative } from '@ent/database/sql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateKey } from '../../src/index.ts';
import { testAuthStores } from '../../src/testing.ts';
import { openMigrated, sessionsOn, storesOn } from '../fixtures/sqlite-sessions.ts';

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
    const sessions = await sessionsOn(closed, pem, () => START);
    await closed.close();
    await expect(sessions.start({ subject: 'u1' })).rejects.toMatchObject({
      code: expect.stringMatching(/^database\./),
    });
  });

  it('a thousand refreshes at once in four processes give one successor; a copy then ends the family', async () => {
    const { pem } = await generateKey();
    let time = START;
    const sessions = await sessionsOn(db, pem, () => time);
    const first = await sessions.start({ subject: 'u1' });
    const bystander = await sessions.start({ subject: 'u1' });
    const worker = join(import.meta.dirname, '../fixtures/refresh-worker.ts');
    const outputs = await Promise.all(
      Array.from({ length: 4 }, () =>
        promisify(execFile)(process.execPath, [
          '--conditions=@ent/source',
          worker,
          join(folder, 'auth.db'),
          pem,
          first.refreshToken,
          '250',
          String(START),
        ]),
      ),
    );
    const answers = outputs.flatMap(({ stdout }) => JSON.parse(stdout) as string[]);
    expect(answers).toHaveLength(1000);
    expect(new Set(answers).size).toBe(1);
    const [successor] = answers as [string];
    const next = await sessions.refresh(successor);
    time += 10_001;
    const reused = await sessions.refresh(first.refreshToken).catch((error: unknown) => error);
    expect(reused).toMatchObject({ code: 'auth.refresh_invalid', details: { reason: 'reuse' } });
    await expect(sessions.refresh(next.refreshToken)).rejects.toMatchObject({ code: 'auth.refresh_invalid' });
    await sessions.refresh(bystander.refreshToken);
  });
});
