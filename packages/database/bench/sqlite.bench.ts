// One SQLite file per subject, all with the same settings (WAL, synchronous = normal): raw better-sqlite3 with prepared
// statements, @ent/database, Kysely and the ORMs, each in a process of its own. What they cost beyond the raw call is
// validation, SQL, conversion and promises. It counts the time of the processor, in all threads: nothing waits for
// anything else.
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SqliteDialect } from 'kysely';
import { sqlite } from '../src/drivers/sqlite/index.ts';
import { drizzleSqlite } from './subjects/drizzle.ts';
import { ent, seed } from './subjects/ent.ts';
import { kysely } from './subjects/kysely.ts';
import { mikroOrmSqlite } from './subjects/mikro-orm.ts';
import { decode, open, rawSqlite } from './subjects/raw-sqlite.ts';
import { typeormSqlite } from './subjects/typeorm.ts';
import { benchApart } from './work.ts';

// The processes of the subjects find the rows that this one has stored.
const shared = process.env['ENT_BENCH_FOLDER'];
const folder = shared ?? mkdtempSync(join(tmpdir(), 'ent-bench-'));
process.env['ENT_BENCH_FOLDER'] = folder;
const seeded = join(folder, 'seeded.db');
if (!existsSync(seeded)) await seed(sqlite({ file: seeded }));

const own = join(folder, `${process.pid}.db`);
function file(): string {
  copyFileSync(seeded, own);
  return own;
}

const columns = { encodeDate: (date: Date) => date.getTime(), decode };
await benchApart(
  'sqlite',
  {
    raw: { make: () => rawSqlite(file()), streams: true },
    '@ent': { make: () => ent(sqlite({ file: file() })), streams: true },
    '@ent, in threads': { make: () => ent(sqlite({ file: file(), thread: true })), streams: true },
    kysely: { make: () => kysely(new SqliteDialect({ database: open(file()) }), columns) },
    'drizzle-orm': { make: () => drizzleSqlite(file()) },
    typeorm: { make: () => typeormSqlite(file()) },
    '@mikro-orm/sqlite': { make: () => mikroOrmSqlite(file()), streams: true },
  },
  200,
);
for (const end of ['', '-wal', '-shm']) rmSync(own + end, { force: true });
if (shared === undefined) rmSync(folder, { recursive: true });
