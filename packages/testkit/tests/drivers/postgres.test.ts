import pg from 'pg';
import { beforeEach, expect, it } from 'vitest';
import { uniqueName } from '../../src/index.ts';
import { isRunning } from '../../src/supervisor/tree.ts';
import { describeWithServer } from '../../src/vitest.ts';

async function openClient(url: string) {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {}); // the server dies on purpose
  await client.connect();
  return client;
}

describeWithServer('postgres', { killable: true }, (server) => {
  beforeEach(async () => {
    await server.resume();
    await server.start();
  });

  it.each(['stop', 'kill'] as const)('has what was committed after %s and start', async (how) => {
    const table = uniqueName('kept');
    const before = await openClient(server.url);
    await before.query(`create table ${table} as select 'here' as value`);

    await server[how]();
    await expect(openClient(server.url)).rejects.toThrow('ECONNREFUSED');
    await server.start();

    const after = await openClient(server.url);
    expect((await after.query(`select value from ${table}`)).rows).toEqual([{ value: 'here' }]);
    await after.end();
  });

  it('ends a running query when it is killed, although each backend has a session of its own', async () => {
    const client = await openClient(server.url);
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    const query = client.query('select pg_sleep(600)');
    query.catch(() => {});
    await server.kill();
    await expect(query).rejects.toThrow(/terminated unexpectedly|ECONNRESET/);
    expect(isRunning(rows[0]?.pid as number)).toBe(false);
  });

  it('answers nothing while it is paused, its open backends included', async () => {
    const client = await openClient(server.url);
    await server.pause();
    const query = client.query('select 1 as one');
    const settled = await Promise.race([
      query.then(() => 'answered'),
      new Promise((resolve) => setTimeout(() => resolve('nothing yet'), 100)),
    ]);
    expect(settled).toBe('nothing yet');
    await server.resume();
    expect((await query).rows).toEqual([{ one: 1 }]);
    await client.end();
  });

  it('shows its own log', async () => {
    expect(server.logTail()).toContain('ready to accept connections');
    expect(server.logTail(1).split('\n')).toHaveLength(1);
  });
});
