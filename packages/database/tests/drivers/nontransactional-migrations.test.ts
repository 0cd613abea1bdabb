// Migrations without a transaction, for what PostgreSQL refuses in one.
import { createDatabase, createMigrator, type Database, defineMigrations, loadMigrations } from '@ent/database';
import { mysql } from '@ent/database/mysql';
import { postgres } from '@ent/database/postgres';
import type { SqlNative } from '@ent/database/sql';
import { sqlite } from '@ent/database/sqlite';
import { describeWithServer } from '@ent/testkit/vitest';
import { type Kysely, sql } from 'kysely';
import { describe, expect, it, onTestFinished } from 'vitest';
import { useFiles } from '../fixtures/files.ts';
import { newDatabase } from '../fixtures/mysql.ts';
import { rejection } from '../fixtures/people.ts';
import { ask, newSchema } from '../fixtures/postgres.ts';

const run =
  (text: string) =>
  async ({ kysely }: { readonly kysely: Kysely<unknown> }) =>
    sql.raw(text).execute(kysely);
const users = { name: '1_users', up: run('create table users (id int primary key, email varchar(99))') };
const log = { name: '3_log', up: run('create table log (id int)'), down: run('drop table log') };
const index = {
  name: '2_index',
  transaction: false as const,
  up: run('create unique index concurrently if not exists by_email on users (email)'),
  down: run('drop index concurrently by_email'),
};

const PATIENT = { timeout: '3m' };

describeWithServer('postgres', (server) => {
  const files = useFiles();
  async function place() {
    const where = await newSchema(server.url);
    const connect = (): Database<SqlNative> => {
      const db = createDatabase({ driver: postgres({ ...where, max: 2 }) });
      onTestFinished(() => db.close());
      return db;
    };
    const invalid = async (): Promise<unknown[]> =>
      ask(
        server.url,
        `select c.relname as name from pg_index i join pg_class c on c.oid = i.indexrelid
          where not i.indisvalid and c.relnamespace = '${where.searchPath}'::regnamespace`,
      );
    return { schema: where.searchPath, connect, invalid };
  }

  it('are applied once, while others wait for them, and are undone', async () => {
    const { connect } = await place();
    const list = defineMigrations<SqlNative>([users, index, log]);
    const migrators = Array.from({ length: 4 }, () => createMigrator(connect(), list));
    const done = await Promise.all(migrators.map((migrator) => migrator.up()));
    expect(done.flat().sort()).toEqual(['1_users', '2_index', '3_log']);
    expect(await migrators[0]?.down({ steps: 2 })).toEqual(['3_log', '2_index']);
    expect(await migrators[1]?.up()).toEqual(['2_index', '3_log']);
  });

  it('in a dry run are recorded, and so is what comes after them', async () => {
    const { connect } = await place();
    const migrator = createMigrator(connect(), [users, index, { name: '3', up: run('drop index by_email') }]);
    expect((await migrator.dryRun()).map(({ statements }) => statements)).toEqual([
      ['create table users (id int primary key, email varchar(99))'],
      ['create unique index concurrently if not exists by_email on users (email)'],
      ['drop index by_email'],
    ]);
  });

  it('that fail name the index that is invalid then, again and again until it is dropped', async () => {
    const { connect, invalid, schema } = await place();
    const db = connect();
    const [fill, empty] = ['insert into users values (1, $$a$$), (2, $$a$$)', 'delete from users where id = 1'];
    await createMigrator(db, [users]).up();
    await run(fill)(db.native);
    const migrator = createMigrator(db, [users, index]);
    const expected = {
      code: 'database.migration_failed',
      message: `Migration "2_index" failed in up. There are invalid indexes: ${schema}.by_email. Drop what it has left, and run it again.`,
      details: { migration: '2_index', direction: 'up', invalidIndexes: [`${schema}.by_email`] },
    };
    const failed = await rejection(migrator.up());
    expect(failed).toMatchObject(expected);
    expect(failed.cause).toMatchObject({ code: 'database.unique_violation' });
    expect(await invalid()).toEqual([{ name: 'by_email' }]);
    await run(empty)(db.native);
    // `if not exists` finds it there, and PostgreSQL says nothing.
    expect(await rejection(migrator.up())).toMatchObject(expected);
    expect((await migrator.status()).map(({ state }) => state)).toEqual(['applied', 'pending']);
    await run('drop index by_email')(db.native);
    expect(await migrator.up()).toEqual(['2_index']);
    expect(await invalid()).toEqual([]);
    expect(db.stats().inUse).toBe(0);
  });

  it('that run out of time end on the server, and name it too', async () => {
    const { connect, schema } = await place();
    const db = connect();
    await createMigrator(db, [users]).up();
    const other = connect();
    await other.transaction(async () => {
      // The index waits for who may still see the table without it.
      await run('insert into users values (1, $$a$$)')(other.native);
      const late = await rejection(createMigrator(db, [users, index], { timeout: 8000 }).up());
      expect(late).toMatchObject({
        code: 'database.migration_failed',
        details: { invalidIndexes: [`${schema}.by_email`] },
      });
      expect(late.cause).toMatchObject({ code: 'database.timeout' });
    }, PATIENT);
    await run('drop index by_email')(db.native);
    expect(await createMigrator(db, [users, index]).up()).toEqual(['2_index']);
  });

  it('are files as well: of code, and of one statement', async () => {
    const { connect } = await place();
    const first = '-- transaction: false\n/* one */ create index concurrently one on users (email);\n';
    await files.write({
      '1.sql': 'create table users (id int primary key, email text);',
      '2.up.sql': first,
      '2.down.sql': '-- transaction: false\ndrop index concurrently one;',
      '3.mjs': `export const transaction = false;
        export const up = ({ script }) => script('create index concurrently two on users (email)');`,
    });
    const db = connect();
    expect(await createMigrator(db, await loadMigrations(files.path())).up()).toEqual(['1', '2', '3']);
    await files.write({ '4.sql': `${first}select 1;` });
    const several = await rejection(createMigrator(db, await loadMigrations(files.path())).up());
    expect(String((several.cause as Error).message)).toContain('cannot');
  });
});

describeWithServer('pgbouncer', (server) => {
  it('are refused behind a pooler, which keeps no lock for them', async () => {
    const db = createDatabase({ driver: postgres({ url: server.url }) });
    onTestFinished(() => db.close());
    const error = await rejection(createMigrator(db, [{ ...index, name: 'behind' }]).up());
    expect(error).toMatchObject({ code: 'database.unsupported', message: expect.stringContaining('pooler') as string });
  });
});

describeWithServer('mariadb', (server) => {
  it('are all migrations of MySQL', async () => {
    const { name: _name, ...where } = await newDatabase(server.url);
    const db = createDatabase({ driver: mysql(where) });
    onTestFinished(() => db.close());
    const again = { ...users, transaction: false as const };
    expect(await createMigrator(db, [again]).up()).toEqual(['1_users']);
  });
});

describe('SQLite', () => {
  it('refuses them, since its lock is that of a transaction', () => {
    const db = createDatabase({ driver: sqlite({ file: ':memory:' }) });
    expect(() => createMigrator(db, [index])).toThrow(/^Migration "2_index": sqlite migrates in a transaction alone/);
    const odd = [{ ...users, transaction: true as unknown as false }];
    expect(() => createMigrator(db, odd)).toThrow('transaction can be false, or is left out');
  });
});
