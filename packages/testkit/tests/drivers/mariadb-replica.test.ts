import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { expect, it } from 'vitest';
import { type Server, uniqueName } from '../../src/index.ts';
import { describeWithServer } from '../../src/vitest.ts';

async function ask(server: Server, statement: string): Promise<unknown[]> {
  const client = await createConnection({ uri: server.url, rowsAsArray: true });
  try {
    const [rows] = await client.query<RowDataPacket[][]>(statement);
    return Array.isArray(rows) ? rows.map(([value]) => value) : [];
  } finally {
    await client.end();
  }
}

describeWithServer('mariadb-replica', { killable: true }, (server) => {
  it('shows on both replicas what was committed, and is told to be read only', async () => {
    const table = uniqueName('shown');
    await ask(server, `create table ${table} as select 'here' as value`);
    for (const replica of server.standbys) {
      await expect.poll(() => ask(replica, `select value from ${table}`).catch(() => [])).toEqual(['here']);
      expect(await ask(replica, 'select @@read_only')).toEqual([1]);
    }
  });

  it('has a replica that follows again after a crash of either, and that can be promoted', async () => {
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
    await ask(first, 'stop slave');
    await ask(first, 'reset slave all');
    await ask(first, 'set global read_only = 0');
    await ask(first, `insert into ${table} values (3)`);
    expect(await shown()).toEqual([1, 2, 3]);
    expect(await ask(second, 'select @@read_only')).toEqual([1]);
  });
});
