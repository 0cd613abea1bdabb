import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '@ent/database';
import type { SqlNative } from '@ent/database/sql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateKey } from '../../src/index.ts';
import { testAuthStores } from '../../src/testing.ts';
import { openMigrated, sessionsOn, storesOn } from '../fixtures/stored-sessions.ts';

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

  it('a session that is revoked ends at once in its process, and within a second in another one', async () => {
    const { pem } = await generateKey();
    const sessions = await sessionsOn(db, pem, () => START);
    const { accessToken, sessionId } = await sessions.start({ subject: 'u1' });
    const args = [join(folder, 'auth.db'), pem, String(START)];
    const worker = fork(join(import.meta.dirname, '../fixtures/session-worker.ts'), args, {
      execArgv: ['--conditions=@ent/source'],
    });
    const said = async (): Promise<unknown> => ((await once(worker, 'message')) as [unknown])[0];
    const verifiedThere = (at: number): Promise<unknown> => {
      worker.send({ at, token: accessToken });
      return said();
    };
    expect(await said()).toBe('ready');
    expect(await verifiedThere(10_000)).toBe('ok');
    await sessions.verify(accessToken);
    await sessions.revoke(sessionId);
    await expect(sessions.verify(accessToken)).rejects.toMatchObject({ details: { reason: 'session' } });
    expect(await verifiedThere(10_999)).toBe('ok');
    expect(await verifiedThere(11_000)).toBe('session');
    worker.send('end');
    expect(await once(worker, 'exit')).toEqual([0, null]);
  });
});
