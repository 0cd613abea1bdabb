import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { itInDepth } from '@ent/testkit/vitest';
import { expect } from 'vitest';
import { type AuthStores, generateKey } from '../../src/index.ts';
import { sessionsOn } from '../fixtures/stored-sessions.ts';

const START = Date.UTC(2030, 0, 1);
const PROCESSES = 4;
const worker = join(import.meta.dirname, '../fixtures/refresh-worker.ts');

/**
 * Declares the test of refreshes in several processes.
 *
 * @param open the stores, and the URL by which other processes open them
 */
export function refreshesAtOnce(open: () => Promise<{ stores: AuthStores; url: string }>): void {
  const name = 'refreshes at once in four processes give one successor; a copy then ends the family';
  itInDepth(name, { full: 1000, ci: 40, of: 'refreshes' }, async ({ count }) => {
    const { stores, url } = await open();
    const { pem } = await generateKey();
    let time = START;
    const sessions = await sessionsOn(stores, pem, () => time);
    const first = await sessions.start({ subject: 'u1' });
    const bystander = await sessions.start({ subject: 'u1' });
    const args = [url, pem, first.refreshToken, String(count / PROCESSES), String(START)];
    const outputs = await Promise.all(
      Array.from({ length: PROCESSES }, () =>
        promisify(execFile)(process.execPath, ['--conditions=@ent/source', worker, ...args]),
      ),
    );
    const answers = outputs.flatMap(({ stdout }) => JSON.parse(stdout) as string[]);
    expect(answers).toHaveLength(count);
    expect(new Set(answers).size).toBe(1);
    const [successor] = answers as [string];
    const next = await sessions.refresh(successor);
    time += 10_001;
    const reused = await sessions.refresh(first.refreshToken).catch((error: unknown) => error);
    expect(reused).toMatchObject({ code: 'auth.refresh_invalid', details: { reason: 'reuse' } });
    await expect(sessions.refresh(next.refreshToken)).rejects.toMatchObject({ code: 'auth.refresh_invalid' });
    await sessions.refresh(bystander.refreshToken);
  });
}
