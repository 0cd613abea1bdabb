// A page by a cursor costs the same wherever it is: the 20 rows after row 100, and those after row 1,000,000, of SQLite
// and of PostgreSQL. Raw is the same query by hand, after the id of that row.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer } from '@ent/testkit';
import { Client } from 'pg';
import { bench } from '../../../scripts/bench.ts';
import { postgres } from '../src/drivers/postgres/index.ts';
import { sqlite } from '../src/drivers/sqlite/index.ts';
import { createDatabase, type Database } from '../src/index.ts';
import { createTables } from '../src/testing.ts';
import { open, rawSqlite } from './subjects/raw-sqlite.ts';
import { rawPostgres } from './subjects/raw-postgres.ts';
import { users } from './users.ts';
import type { Subject } from './work.ts';

const [LIMIT, SHALLOW, DEEP] = [20, 100, 1_000_000];
const idOf = (row: number): string => `01900000-0000-7000-8000-${row.toString().padStart(12, '0')}`;

async function benchPages(server: string, raw: Subject, db: Database): Promise<void> {
  const repo = db.repo(users);
  const after = async (row: number): Promise<() => Promise<unknown>> => {
    const { next } = await repo.window({ where: { id: { gte: idOf(row) } }, limit: 1 });
    const page = await repo.window({ limit: LIMIT, after: next });
    if (page.items[0]?.id !== idOf(row + 1)) throw new Error(`This is not the page after row ${row}.`);
    return () => repo.window({ limit: LIMIT, after: next });
  };
  await bench(`${server}: page of ${LIMIT} after row 1,000,000`, {
    perTurn: 50,
    raw: () => raw.find(idOf(DEEP), LIMIT),
    subjects: {
      'raw, after row 100': () => raw.find(idOf(SHALLOW), LIMIT),
      '@ent': await after(DEEP),
      '@ent, after row 100': await after(SHALLOW),
    },
  });
  await raw.close();
  await db.close();
}

// Made by the databases themselves, which takes seconds.
const rowsOf = (n: string, text: string, createdAt: string): string => `
  select '01900000-0000-7000-8000-' || ${text}, 'user' || ${n} || '@example.org', 'Ann', '["user"]', ${createdAt}, 1`;
const COLUMNS = 'id, email, name, roles, "createdAt", version';
const LAST = DEEP + SHALLOW;

const folder = mkdtempSync(join(tmpdir(), 'ent-bench-'));
const file = join(folder, 'pages.db');
const onSqlite = createDatabase({ driver: sqlite({ file }) });
await createTables(onSqlite, users);
const connection = open(file);
connection.exec(`
  with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${LAST})
  insert into users (${COLUMNS}) ${rowsOf('n', "format('%012d', n)", '0')} from numbers`);
connection.close();
await benchPages('sqlite', rawSqlite(file), onSqlite);
rmSync(folder, { recursive: true });

const server = await startServer('postgres');
const onPostgres = createDatabase({ driver: postgres({ url: server.url }) });
await createTables(onPostgres, users);
const client = new Client(server.url);
await client.connect();
const padded = "lpad(n::text, 12, '0')";
await client.query(`insert into users (${COLUMNS}) ${rowsOf('n', padded, 'now()')} from generate_series(1, ${LAST}) n`);
await client.query('vacuum analyze users');
await client.end();
await benchPages('postgres', rawPostgres(server.url), onPostgres);
await server.close();
