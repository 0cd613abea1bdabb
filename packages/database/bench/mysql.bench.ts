// One MariaDB for all, a database for each subject: raw mysql2 with prepared statements, Kysely on mysql2, and
// @ent/database on both. All in one process, one caller: which processor it shares with the server makes the greatest
// difference.
import { startServer } from '@ent/testkit';
import { Kysely, MysqlDialect } from 'kysely';
import { createPool } from 'mysql2';
import { createConnection, createPool as createRawPool, type RowDataPacket } from 'mysql2/promise';
import { bench } from '../../../scripts/bench.ts';
import { mysql } from '../src/drivers/mysql/index.ts';
import { createDatabase, uuidv7 } from '../src/index.ts';
import { createTables } from '../src/testing.ts';
import { users } from './users.ts';

interface Stored {
  id: string;
  email: string;
  name: string;
  roles: string;
  createdAt: Date | string;
  version: number;
}

const ROWS = 10_000;
const COLUMNS = 'id, email, name, roles, createdAt, version';
const ids = Array.from({ length: ROWS }, () => uuidv7());
const server = await startServer('mariadb');

/** The URL of a database with the same rows for each subject. */
async function urlOf(name: string): Promise<string> {
  const admin = await createConnection(server.url);
  await admin.query(`create database ${name}`);
  await admin.end();
  const url = server.url.replace(/\/test$/, `/${name}`);
  const db = createDatabase({ driver: mysql({ url }) });
  await createTables(db, users);
  const rows = ids.map((id, n) => ({ id, email: `user${n}@example.org`, name: 'Ann', roles: ['user'] }));
  await db.repo(users).insertMany(rows);
  await db.close();
  return url;
}

const raw = createRawPool({ uri: await urlOf('raw'), timezone: 'Z' });
const kysely = new Kysely<{ users: Stored }>({
  dialect: new MysqlDialect({ pool: createPool({ uri: await urlOf('kysely'), timezone: 'Z' }) }),
});
const db = createDatabase({ driver: mysql({ url: await urlOf('ent') }) });
const repo = db.repo(users);

let turn = 0;
const nextId = (): string => {
  turn = (turn + 7919) % ROWS;
  return ids[turn] as string;
};
let fresh = 0;
const next = () => ({ email: `new${(fresh += 1)}@example.org`, name: 'Ann', roles: ['user'] });
const recordOf = ({ email, name, roles }: ReturnType<typeof next>): Stored => ({
  id: uuidv7(),
  email,
  name,
  roles: JSON.stringify(roles),
  createdAt: new Date(),
  version: 1,
});
const columnsOf = (row: ReturnType<typeof next>) => Object.values(recordOf(row)) as (string | number | Date)[];
const ask = async (text: string, values: (string | number | Date)[]): Promise<Stored[]> =>
  (await raw.execute<RowDataPacket[]>(text, values))[0] as Stored[];

const GET = `select ${COLUMNS} from users where id = ?`;
await bench('mysql: get by id', {
  perTurn: 50,
  raw: async () => (await ask(GET, [nextId()]))[0],
  subjects: {
    '@ent': () => repo.get(nextId()),
    kysely: () => kysely.selectFrom('users').selectAll().where('id', '=', nextId()).executeTakeFirstOrThrow(),
  },
});

await bench('mysql: find 20', {
  perTurn: 50,
  raw: () => ask(`select ${COLUMNS} from users where id > ? order by id limit 20`, [nextId()]),
  subjects: {
    '@ent': () => repo.find({ where: { id: { gt: nextId() } }, sort: [['id', 'asc']], limit: 20 }),
    kysely: () => kysely.selectFrom('users').selectAll().where('id', '>', nextId()).orderBy('id').limit(20).execute(),
  },
});

const INSERT = `insert into users (${COLUMNS}) values (?, ?, ?, ?, ?, ?)`;
await bench('mysql: insert', {
  perTurn: 50,
  raw: () => ask(INSERT, columnsOf(next())),
  subjects: {
    '@ent': () => repo.insert(next()),
    kysely: () => kysely.insertInto('users').values(recordOf(next())).execute(),
  },
});

const UPDATE = 'update users set name = ?, version = version + 1 where id = ?';
await bench('mysql: transaction of 6 statements', {
  perTurn: 20,
  raw: async () => {
    const client = await raw.getConnection();
    await client.query('start transaction');
    await client.execute(GET, [nextId()]);
    await client.execute(INSERT, columnsOf(next()));
    const id = nextId();
    await client.execute(UPDATE, ['Bob', id]);
    // Without RETURNING this is how to know what is stored.
    await client.execute(`${GET} for update`, [id]);
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
        const id = nextId();
        await trx.updateTable('users').set({ name: 'Bob' }).where('id', '=', id).execute();
        await trx.selectFrom('users').selectAll().where('id', '=', id).forUpdate().executeTakeFirstOrThrow();
      }),
  },
});

const MANY = 1000;
const many = (): ReturnType<typeof next>[] => Array.from({ length: MANY }, next);
const MANY_PLACES = Array.from({ length: MANY }, () => '(?, ?, ?, ?, ?, ?)').join();
await bench('mysql: insert 1,000', {
  perTurn: 1,
  rounds: 7,
  raw: () => ask(`insert into users (${COLUMNS}) values ${MANY_PLACES}`, many().flatMap(columnsOf)),
  subjects: {
    '@ent': () => repo.insertMany(many()),
    kysely: () => kysely.insertInto('users').values(many().map(recordOf)).execute(),
  },
});

await bench('mysql: stream 10,000', {
  perTurn: 1,
  rounds: 7,
  raw: async () => {
    let seen = 0;
    for (let after = ''; seen < ROWS; ) {
      const rows = await ask(`select ${COLUMNS} from users where id > ? order by id limit 500`, [after]);
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
