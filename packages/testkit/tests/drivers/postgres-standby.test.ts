import pg from 'pg';
import { expect, it } from 'vitest';
import { type Server, uniqueName } from '../../src/index.ts';
import { describeWithServer } from '../../src/vitest.ts';

async function ask(server: Server, statement: string): Promise<unknown[]> {
  const client = new pg.Client(server.url);
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query<unknown[]>({ text: statement, rowMode: 'array' });
    return rows.map(([value]) => value);
  } finally {
    await client.end();
  }
}

describeWithServer('postgres-standby', { killable: true }, (server) => {
  it('shows on both standbys what was committed, and takes writes on none', async () => {
    const table = uniqueName('shown');
    await ask(server, `create table ${table} as select 'here' as value`);
    for (const standby of server.standbys) {
      await expect.poll(() => ask(standby, `select value from ${table}`).catch(() => [])).toEqual(['here']);
      await expect(ask(standby, `delete from ${table}`)).rejects.toThrow('read-only');
    }
  });

  it('has a standby that follows again after a crash of either, and that can be promoted', async () => {
    const [first, second] = server.standbys as [Server, Server];
    const table = uniqueName('kept');
    await first.kill();
    await ask(server, `create table ${table} as select 1 as value`);
    await first.start();
    const shown = (): Promise<unknown[]> => ask(first, `select value from ${table}`).catch(() => []);
    await expect.poll(shown).toEqual([1]);
    await server.primaryNode.kill();
    await server.primaryNode.start();
    await ask(server, `insert into ${table} values (2)`);
    await expect.poll(shown).toEqual([1, 2]);
    await server.primaryNode.kill();
    expect(await ask(first, 'select pg_promote()')).toEqual([true]);
    await ask(first, `insert into ${table} values (3)`);
    expect(await ask(second, 'select pg_is_in_recovery()')).toEqual([true]);
  });
});
