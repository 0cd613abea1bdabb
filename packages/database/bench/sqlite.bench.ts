// One SQLite file per subject, all with the same settings (WAL, synchronous = normal): raw better-sqlite3 with prepared
// statements, @ent/database, Kysely and the ORMs. What they cost beyond the raw call is validation, SQL, conversion and
// promises. It counts the time of the processor, in all threads: nothing waits for anything else.
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
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
import { benchAll } from './work.ts';

const folder = mkdtempSync(join(tmpdir(), 'ent-bench-'));
const seeded = join(folder, 'seeded.db');
await seed(sqlite({ file: seeded }));

function fileOf(name: string): string {
  const file = join(folder, `${name}.db`);
  copyFileSync(seeded, file);
  return file;
}

const raw = rawSqlite(fileOf('raw'));
const others = {
  '@ent': ent(sqlite({ file: fileOf('ent') })),
  '@ent, in threads': ent(sqlite({ file: fileOf('threads'), thread: true })),
  kysely: kysely(new SqliteDialect({ database: open(fileOf('kysely')) }), {
    encodeDate: (date) => date.getTime(),
    decode,
  }),
  'drizzle-orm': drizzleSqlite(fileOf('drizzle')),
  typeorm: await typeormSqlite(fileOf('typeorm')),
  '@mikro-orm/sqlite': await mikroOrmSqlite(fileOf('mikro-orm')),
};
await benchAll('sqlite', { raw, others }, 200, 'cpu');
rmSync(folder, { recursive: true });
