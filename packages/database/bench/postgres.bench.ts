// One PostgreSQL for all, a database for each subject: raw pg with named statements, Kysely on pg, and @ent/database on
// both. All in one process, one caller: which processor it shares with the server makes the greatest difference.
import { startServer } from '@ent/testkit';
import { Kysely, PostgresDialect } from 'kysely';
import { Client, Pool, types } from 'pg';
import { bench } from '../../../scripts/bench.ts';
import { postgres } from '../src/drivers/postgres/index.ts';
import { createDatabase, uuidv7 } from '../src/index.ts';
import { createTables } from '../src/testing.ts';
import { users } from './users.ts';

interface Stored {
  id: string;
  email: string;
  name: string;
  roles: string | string[];
  createdAt: Date | string;
  version: number;
}

const ROWS = 10_000;
const COLUMNS = 'id, email, name, roles, "createdAt", version';
const ids = Array.from({ length: ROWS }, () => uuidv7());
const server = await startServer('postgres');
types.setTypeParser(types.builtins.INT8, Number);

/** The URL of a database with the same rows for each subject. */
async function urlOf(name: string): Promise<string> {
  const admin = new Client(server.url);
  await admin.connect();
  await admin.query(`create database ${name}`);
  await admin.end();
  const url = server.url.replace(/\/postgres$/, `/${name}`);
  const db = createDatabase({ driver: postgres({ url }) });
  await createTables(db, users);
  const rows = ids.map((id, n) => ({ id, email: `user${n}@example.org`, name: 'Ann', roles: ['user'] }));
  await db.repo(users).insertMany(rows);
  await db.close();
  return url;
}

const raw = new Pool({ connectionString: await urlOf('raw') });
const kysely = new Kysely<{ users: Stored }>({
  dialect: new PostgresDialect({ pool: new Pool({ connectionString: await urlOf('kysely') }) }),
});
const db = createDatabase({ driver: postgres({ url: await urlOf('ent') }) });
const repo = db.repo(users);

let turn = 0;
const nextId = (): string => {
  turn = (turn + 7919) % ROWS;
  return ids[turn] as string;
};
let fresh = 0;
const next = () => ({ email: `new${(fresh += 1)}@example.org`, name: 'Ann', roles: ['user'] });
const columnsOf = ({ email, name, roles }: ReturnType<typeof next>) => [
  uuidv7(),
  email,
  name,
  JSON.stringify(roles),
  new Date().toISOString(),
  1,
];
const recordOf = ({ email, name, roles }: ReturnType<typeof next>): Stored => ({
  id: uuidv7(),
  email,
  name,
  roles: JSON.stringify(roles),
  createdAt: new Date().toISOString(),
  version: 1,
});

const GET = { name: 'get', text: `select ${COLUMNS} from users where id = $1` };
await bench('postgres: get by id', {
  perTurn: 50,
  raw: async () => (await raw.query<Stored>({ ...GET, values: [nextId()] })).rows[0],
  subjects: {
    '@ent': () => repo.get(nextId()),
    kysely: () => kysely.selectFrom('users').selectAll().where('id', '=', nextId()).executeTakeFirstOrThrow(),
  },
});

const FIND = { name: 'find', text: `select ${COLUMNS} from users where id > $1 order by id limit $2` };
await bench('postgres: find 20', {
  perTurn: 50,
  raw: async () => (await raw.query<Stored>({ ...FIND, values: [nextId(), 20] })).rows,
  subjects: {
    '@ent': () => repo.find({ where: { id: { gt: nextId() } }, sort: [['id', 'asc']], limit: 20 }),
    kysely: () => kysely.selectFrom('users').selectAll().where('id', '>', nextId()).orderBy('id').limit(20).execute(),
  },
});

const INSERT = { name: 'insert', text: `insert into users (${COLUMNS}) values ($1, $2, $3, $4, $5, $6)` };
await bench('postgres: insert', {
  perTurn: 50,
  raw: () => raw.query({ ...INSERT, values: columnsOf(next()) }),
  subjects: {
    '@ent': () => repo.insert(next()),
    kysely: () => kysely.insertInto('users').values(recordOf(next())).execute(),
  },
});

const UPDATE = {
  name: 'update',
  text: `update users set name = $1, version = version + 1 where id = $2 returning ${COLUMNS}`,
};
await bench('postgres: transaction of 5 statements', {
  perTurn: 20,
  raw: async () => {
    const client = await raw.connect();
    await client.query('begin');
    await client.query<Stored>({ ...GET, values: [nextId()] });
    await client.query({ ...INSERT, values: columnsOf(next()) });
    await client.query<Stored>({ ...UPDATE, values: ['Bob', nextId()] });
    await client.query('commit');
    client.release();
  },
  subjects: {
    '@ent': () =>
      db.transaction(async () => {
        await repo.get(nextId());
        await repo.insert(next());
        await repo.update(nextId(), { set: { name: 'Bob' } });
      }),
    kysely: () =>
      kysely.transaction().execute(async (trx) => {
        await trx.selectFrom('users').selectAll().where('id', '=', nextId()).executeTakeFirstOrThrow();
        await trx.insertInto('users').values(recordOf(next())).execute();
        await trx.updateTable('users').set({ name: 'Bob' }).where('id', '=', nextId()).returningAll().execute();
      }),
  },
});

const MANY = 1000;
const many = (): ReturnType<typeof next>[] => Array.from({ length: MANY }, next);
const MANY_PLACES = Array.from(
  { length: MANY },
  (_, row) => `(${Array.from({ length: 6 }, (__, column) => `$${row * 6 + column + 1}`).join()})`,
).join();
await bench('postgres: insert 1,000', {
  perTurn: 1,
  rounds: 7,
  raw: () =>
    raw.query({
      name: 'insert many',
      text: `insert into users (${COLUMNS}) values ${MANY_PLACES}`,
      values: many().flatMap(columnsOf),
    }),
  subjects: {
    '@ent': () => repo.insertMany(many()),
    kysely: () => kysely.insertInto('users').values(many().map(recordOf)).execute(),
  },
});

const PAGE = { name: 'page', text: `select ${COLUMNS} from users where id > $1 order by id limit 500` };
await bench('postgres: stream 10,000', {
  perTurn: 1,
  rounds: 7,
  raw: async () => {
    let seen = 0;
    for (let after = ''; seen < ROWS; ) {
      const { rows } = await raw.query<Stored>({ ...PAGE, values: [after] });
      seen += rows.length;
      after = (rows.at(-1) as Stored).id;
    }
    return seen;
  },
  subjects: {
    '@ent': async () => {
      let seen = 0;
      for await (const _row of repo.stream()) {
        seen += 1;
        if (seen === ROWS) break;
      }
      return seen;
    },
  },
});

await raw.end();
await kysely.destroy();
await db.close();
await server.close();
