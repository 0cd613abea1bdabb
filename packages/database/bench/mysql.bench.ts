// One MariaDB for all, a database for each subject: raw mysql2 with prepared statements, @ent/database, Kysely, the
// ORMs. All in one process: which processor it shares with the server makes the greatest difference. Prisma is left
// out: its generator downloads a program.
//
// Raw leaves out what @ent/database has: mysql2's dates are wrong before the year 100 and lose microseconds, its
// integers are rounded beyond 2^53, no call has a deadline, and what an update or an upsert has stored is not read in
// their transaction.
import { startServer } from '@ent/testkit';
import { createConnection } from 'mysql2/promise';
import { mysql } from '../src/drivers/mysql/index.ts';
import { drizzleMysql } from './subjects/drizzle.ts';
import { ent, seed } from './subjects/ent.ts';
import { kyselyMysql } from './subjects/kysely-mysql.ts';
import { mikroOrmMysql } from './subjects/mikro-orm.ts';
import { rawMysql } from './subjects/raw-mysql.ts';
import { typeormMysql } from './subjects/typeorm.ts';
import { benchAll, CALLERS } from './work.ts';

// The tables of all subjects in memory: what a disk does is no difference between them.
const server = await startServer('mariadb', { args: ['--innodb-buffer-pool-size=256M'] });

/** The URL of a database with the same rows for each subject. */
async function urlOf(database: string): Promise<string> {
  const admin = await createConnection(server.url);
  await admin.query(`create database ${database}`);
  await admin.end();
  const url = server.url.replace(/\/test$/, `/${database}`);
  await seed(mysql({ url }));
  return url;
}

const raw = rawMysql(await urlOf('raw'));
const others = {
  '@ent': ent(mysql({ url: await urlOf('ent'), max: CALLERS })),
  kysely: kyselyMysql(await urlOf('kysely')),
  'drizzle-orm': drizzleMysql(await urlOf('drizzle')),
  typeorm: await typeormMysql(await urlOf('typeorm')),
  '@mikro-orm/mysql': await mikroOrmMysql(await urlOf('mikro')),
};
await benchAll('mysql', { raw, others }, 50);
await server.close();
