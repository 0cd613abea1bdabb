import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startServer } from '../../src/index.ts';
import { supervisor } from '../../src/supervisor/client.ts';
import { needs } from '../needs.ts';

const local = { args: ['--loglevel', 'notice'] };
const patient = { timeout: 60_000 };

it('ends its servers when it is ended, and they say so', async (context) => {
  needs('redis', context);
  const server = await startServer('redis', local);
  process.kill(supervisor().pid as number, 'SIGTERM');
  await expect.poll(() => existsSync(join(tmpdir(), `ent-testkit-${server.port}`)), patient).toBe(false);
  const gone = 'The testkit supervisor is gone';
  await expect.poll(() => server.start().then(() => 'runs', String), patient).toContain(gone);
  await expect(server.close()).rejects.toThrow(gone);
});

it('is followed by a new one', async (context) => {
  needs('redis', context);
  const first = supervisor().pid;
  process.kill(first as number, 'SIGTERM');
  await expect.poll(() => supervisor().pid, patient).not.toBe(first);
  const server = await startServer('redis', local);
  await server.close();
});
