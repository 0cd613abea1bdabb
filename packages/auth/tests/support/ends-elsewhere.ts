import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type AuthStores, generateKey } from '../../src/index.ts';
import { sessionsOn } from '../fixtures/stored-sessions.ts';

const START = Date.UTC(2030, 0, 1);

/** A session that is revoked ends at once in this process, and within a second in another one. */
export async function expectToEndElsewhere(stores: AuthStores, url: string): Promise<void> {
  const { pem } = await generateKey();
  const sessions = await sessionsOn(stores, pem, () => START);
  const { accessToken, sessionId } = await sessions.start({ subject: 'u1' });
  const worker = fork(join(import.meta.dirname, '../fixtures/session-worker.ts'), [url, pem, String(START)], {
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
}
