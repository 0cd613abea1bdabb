import { createConnection } from 'mysql2/promise';
import { expect, it } from 'vitest';
import { uniqueName } from '../../src/index.ts';
import { describeWithServer } from '../../src/vitest.ts';

describeWithServer('mariadb', { killable: true }, (server) => {
  it.each(['stop', 'kill'] as const)('has what was committed after %s and start', async (how) => {
    const table = uniqueName('kept');
    const before = await createConnection(server.url);
    before.on('error', () => {}); // the server dies on purpose
    await before.query(`create table ${table} (value varchar(10))`);
    await before.query(`insert into ${table} values ('höre')`);

    await server[how]();
    await expect(createConnection(server.url)).rejects.toThrow('ECONNREFUSED');
    await server.start();

    const after = await createConnection(server.url);
    const [rows] = await after.query(`select value from ${table}`);
    expect(rows).toEqual([{ value: 'höre' }]);
    await after.end();
  });
});
