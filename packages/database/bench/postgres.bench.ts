// One PostgreSQL for all, a database for each subject: raw pg with named statements, @ent/database, Kysely, the ORMs.
// All in one process: which processor it shares with the server makes the greatest difference.
//
// Raw leaves out what @ent/database has: pg's integers are rounded beyond 2^53 (as it is told to here), its dates lose
// microseconds, and no call has a deadline.
import { startServer } from '@ent/testkit';
import { PostgresDialect } from 'kysely';
import { Client, Pool } from 'pg';
import { postgres } from '../src/drivers/postgres/index.ts';
import { createDatabase } from '../src/index.ts';
import { drizzlePostgres } from './subjects/drizzle.ts';
import { ent, seed } from './subjects/ent.ts';
import { kysely, kyselyOn, type Stored } from './subjects/kysely.ts';
import { mikroOrmPostgres } from './subjects/mikro-orm.ts';
import { rawPostgres } from './subjects/raw-postgres.ts';
import { typeormPostgres } from './subjects/typeorm.ts';
import { benchAll, benchNative, CALLERS, type Subject } from './work.ts';

const server = await startServer('postgres');
const urlTo = (database: string): string => server.url.replace(/\/postgres$/, `/${database}`);

async function create(database: string): Promise<void> {
  const admin = new Client(server.url);
  await admin.connect();
  await admin.query(`create database ${database}`);
  await admin.end();
}

/** The URL of a database with the same rows for each subject. */
async function urlOf(database: string): Promise<string> {
  const admin = new Client(server.url);
  await admin.connect();
  await admin.query(`create database ${database} template seeded`);
  await admin.end();
  return urlTo(database);
}

await create('seeded');
await seed(postgres({ url: urlTo('seeded') }));
const raw = rawPostgres(await urlOf('raw'));
const columns = { encodeDate: (date: Date) => date.toISOString() };
const kyselyUrl = await urlOf('kysely');
const newKysely = (): Subject =>
  kysely(new PostgresDialect({ pool: new Pool({ connectionString: kyselyUrl, max: CALLERS }) }), columns);
const db = createDatabase({ driver: postgres<{ users: Stored }>({ url: await urlOf('native'), max: CALLERS }) });
const own = newKysely();
await benchNative('postgres', { raw: own, others: { '@ent': kyselyOn(db.native.kysely, columns) } }, 50);
await own.close();
await db.close();
const others = {
  '@ent': ent(postgres({ url: await urlOf('ent'), max: CALLERS })),
  kysely: newKysely(),
  'drizzle-orm': drizzlePostgres(await urlOf('drizzle')),
  typeorm: await typeormPostgres(await urlOf('typeorm')),
  '@mikro-orm/postgresql': await mikroOrmPostgres(await urlOf('mikro')),
};
await benchAll('postgres', { raw, others }, 50);
await server.close();
