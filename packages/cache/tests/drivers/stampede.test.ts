import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { createClient } from 'redis';
import { afterEach, expect, it } from 'vitest';

const PROCESSES = 8;
const script = join(import.meta.dirname, 'fixtures/stampede.ts');

describeWithServer('redis', (server) => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  async function start(count: number, prefix: string, mode: string): Promise<ChildProcess[]> {
    const started = Array.from({ length: count }, () =>
      fork(script, [server.url, prefix, mode], { execArgv: ['--conditions=@ent/source'], stdio: 'inherit' }),
    );
    children.push(...started);
    await Promise.all(started.map((child) => once(child, 'message')));
    return started;
  }

  async function runsOf(prefix: string): Promise<number> {
    const client = await createClient({ url: server.url }).connect();
    const runs = Number(await client.get(`${prefix}-runs`));
    client.destroy();
    return runs;
  }

  /** The values that a process has read, when it is done. */
  function values(child: ChildProcess): Promise<unknown[]> {
    return new Promise((resolve) => {
      child.on('message', (message) => {
        if (Array.isArray(message)) resolve(message);
      });
    });
  }

  it(`runs one factory for ${PROCESSES} processes with 200 callers each`, async () => {
    const prefix = uniqueName('stampede');
    const processes = await start(PROCESSES, prefix, 'end');
    const results = Promise.all(processes.map(values));
    for (const child of processes) child.send('go');
    for (const value of (await results).flat()) expect(value).toEqual({ runs: 1 });
    expect(await runsOf(prefix)).toBe(1);
  });

  it('runs it once more when the process that loads is killed', async () => {
    const prefix = uniqueName('stampede');
    const processes = await start(3, prefix, 'hang');
    const loading = Promise.race(
      processes.map(async (child) => {
        const [message] = (await once(child, 'message')) as [unknown];
        expect(message).toBe('loading');
        return child;
      }),
    );
    const results = new Map(processes.map((child) => [child, values(child)]));
    for (const child of processes) child.send('go');
    const holder = await loading;
    holder.kill('SIGKILL');
    results.delete(holder);
    for (const value of (await Promise.all(results.values())).flat()) expect(value).toEqual({ runs: 2 });
    expect(await runsOf(prefix)).toBe(2);
  });
});
