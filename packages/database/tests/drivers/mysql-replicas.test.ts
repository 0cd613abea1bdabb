// Reads on replicas of MariaDB, and what they alone do.
import { createDatabase } from '@ent/database';
import { mysql } from '@ent/database/mysql';
import { runWithContext } from '@ent/internal';
import { describeWithServer } from '@ent/testkit/vitest';
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { ask, newDatabase, sleep, urlOf } from '../fixtures/mysql.ts';
import { testReplicas } from '../fixtures/sql-replicas.ts';

describeWithServer('mariadb-replica', { killable: true }, (server) => {
  let name: string;
  testReplicas(server, {
    system: 'mysql',
    async prepare() {
      ({ name } = await newDatabase(server.url));
    },
    space: () => name,
    urlOf: () => urlOf(server.url, name),
    driverOf: ({ url = server.url, ...options }) => mysql({ url, ...options }),
    ask,
    port: '@@port',
    pause: 'sleep(4)',
    nextval: 'nextval(numbers)',
    sleep,
    running: ({ url }) =>
      ask(url, `select info from information_schema.processlist where db = ? and info like '%sleep%'`, [name]),
    connections: ({ url }) => ask(url, 'select id from information_schema.processlist where db = ?', [name]),
    halt: ({ url }) => ask(url, 'stop slave sql_thread'),
    goOn: ({ url }) => ask(url, 'start slave'),
  });

  it('a replica that was promoted is none, and the user may write what it likes: nothing is read or written there', async () => {
    const [replica] = server.standbys;
    const { name: database, url } = await newDatabase(server.url);
    await ask(url, 'create table t (n int)');
    const replicas = [`${replica!.host}:${replica!.port}`];
    const db = createDatabase({ driver: mysql({ url, replicas }) });
    const inContext = <T>(work: () => T): T => runWithContext({}, work);
    const read = (): Promise<unknown> =>
      inContext(async () => {
        const { rows } = await sql<{
          port: number;
          n: number;
        }>`select @@port as port, (select count(*) from t) as n`.execute(db.native.kysely);
        return rows[0];
      });
    try {
      await expect.poll(read).toEqual({ port: replica!.port, n: 0 });
      const there = urlOf(replica!.url, database);
      await ask(there, 'stop slave');
      await ask(there, 'reset slave all');
      await ask(there, 'set global read_only = 0');
      await ask(there, 'insert into t values (1)');
      await expect.poll(read).toEqual({ port: server.primaryNode.port, n: 0 });
    } finally {
      await db.close();
      // It would not follow again with what it has written itself.
      await replica!.kill();
    }
  });
});
