// One SQLite file per subject, all with the same settings (WAL, synchronous = normal): raw better-sqlite3 with prepared
// statements, Kysely on it, and @ent/database on both. What the two cost beyond the raw call is validation, SQL,
// conversion and promises.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { bench } from '../../../scripts/bench.ts';
import { sqlite } from '../src/drivers/sqlite/index.ts';
import { createDatabase, uuidv7 } from '../src/index.ts';
import { createTables } from '../src/testing.ts';
import { users } from './users.ts';

interface Stored {
  id: string;
  email: string;
  name: string;
  roles: string;
  createdAt: number;
  version: number;
}

const ROWS = 10_000;
const ids = Array.from({ length: ROWS }, () => uuidv7());
const folder = mkdtempSync(join(tmpdir(), 'ent-bench-'));

async function fileOf(name: string): Promise<string> {
  const file = join(folder, `${name}.db`);
  const db = createDatabase({ driver: sqlite({ file }) });
  await createTables(db, users);
  await db
    .repo(users)
    .insertMany(ids.map((id, n) => ({ id, email: `user${n}@example.org`, name: 'Ann', roles: ['user'] })));
  await db.close();
  return file;
}

async function connect(name: string): Promise<BetterSqlite3.Database> {
  const connection = new BetterSqlite3(await fileOf(name));
  connection.pragma('synchronous = normal');
  return connection;
}

const raw = await connect('raw');
const kyselyConnection = await connect('kysely');
const kysely = new Kysely<{ users: Stored }>({ dialect: new SqliteDialect({ database: kyselyConnection }) });
const db = createDatabase({ driver: sqlite({ file: await fileOf('ent') }) });
const repo = db.repo(users);

const decode = (row: Stored) => ({
  ...row,
  roles: JSON.parse(row.roles) as string[],
  createdAt: new Date(row.createdAt),
});
let turn = 0;
const nextId = (): string => {
  turn = (turn + 7919) % ROWS;
  return ids[turn] as string;
};

const getOne = raw.prepare<[string], Stored>(
  'select id, email, name, roles, createdAt, version from users where id = ?',
);
await bench('get by id', {
  raw: () => decode(getOne.get(nextId()) as Stored),
  subjects: {
    '@ent': () => repo.get(nextId()),
    kysely: async () =>
      decode(await kysely.selectFrom('users').selectAll().where('id', '=', nextId()).executeTakeFirstOrThrow()),
  },
});

const findTwenty = raw.prepare<[string, number], Stored>(
  'select id, email, name, roles, createdAt, version from users where id > ? order by id limit ?',
);
await bench('find 20', {
  raw: () => findTwenty.all(nextId(), 20).map(decode),
  subjects: {
    '@ent': () => repo.find({ where: { id: { gt: nextId() } }, sort: [['id', 'asc']], limit: 20 }),
    kysely: async () => {
      const rows = await kysely
        .selectFrom('users')
        .selectAll()
        .where('id', '>', nextId())
        .orderBy('id')
        .limit(20)
        .execute();
      return rows.map(decode);
    },
  },
});

const insertOne = raw.prepare(
  'insert into users (id, email, name, roles, createdAt, version) values (?, ?, ?, ?, ?, ?)',
);
let fresh = 0;
const nextEmail = (): string => `new${(fresh += 1)}@example.org`;
await bench('insert', {
  raw: () => insertOne.run(uuidv7(), nextEmail(), 'Ann', JSON.stringify(['user']), Date.now(), 1),
  subjects: {
    '@ent': () => repo.insert({ email: nextEmail(), name: 'Ann', roles: ['user'] }),
    kysely: () =>
      kysely
        .insertInto('users')
        .values({
          id: uuidv7(),
          email: nextEmail(),
          name: 'Ann',
          roles: JSON.stringify(['user']),
          createdAt: Date.now(),
          version: 1,
        })
        .execute(),
  },
});

raw.close();
await kysely.destroy();
await db.close();
rmSync(folder, { recursive: true });
