// Texts of several statements, as files of migrations have them, on each database in its own hand.
import { createDatabase, createMigrator, type Database, loadMigrations, loadSeeds, runSeeds } from '@ent/database';
import { mysql } from '@ent/database/mysql';
import { postgres } from '@ent/database/postgres';
import type { SqlNative } from '@ent/database/sql';
import { sqlite } from '@ent/database/sqlite';
import { describeWithServer } from '@ent/testkit/vitest';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { useFiles } from '../fixtures/files.ts';
import { newDatabase } from '../fixtures/mysql.ts';
import { rejection } from '../fixtures/people.ts';
import { newSchema } from '../fixtures/postgres.ts';

const FUNCTIONS = {
  postgresql: `create function noted() returns trigger language plpgsql as $$
begin
  insert into log values ('; it is new -- ''');
  return new;
end $$;
create trigger noted after insert on users for each row execute function noted();`,
  sqlite: `create trigger noted after insert on users begin
  insert into log values ('; it is new -- ''');
end;`,
  mysql: `create trigger noted after insert on users for each row begin
  insert into log values ('; it is new -- ''');
end;`,
};

function declare(open: () => Database<SqlNative> | Promise<Database<SqlNative>>): void {
  const files = useFiles();
  const logged = async ({ native: { kysely } }: Database<SqlNative>): Promise<string[]> =>
    (await sql<{ what: string }>`select what from log order by what`.execute(kysely)).rows.map(({ what }) => what);

  it('runs what the database takes: triggers, quotes and comments included', async () => {
    const db = await open();
    await files.write({
      '1_users.up.sql': `/* ; */ create table users (id varchar(9) primary key); -- ;
create table log (what varchar(99));
${FUNCTIONS[db.driver.name as 'mysql']}
insert into users values ('ann');
select * from users;`,
      '1_users.down.sql': 'drop table users; drop table log;',
    });
    const migrator = createMigrator(db, await loadMigrations(files.path()));
    expect(await migrator.up()).toEqual(['1_users']);
    expect(await logged(db)).toEqual([`; it is new -- '`]);
    expect(await migrator.down()).toEqual(['1_users']);
    expect((await rejection(logged(db))).code).toBe('database.query_failed');
    expect(db.stats().inUse).toBe(0);
    await db.close();
  });

  it('tells the file and the place of what the database refuses', async () => {
    const db = await open();
    await files.write({
      '1.sql': 'create table log (what varchar(9) not null);',
      '2.sql': `insert into log values ('é😀');
insert into log values ('two');

creat table other (id int);
insert into log values ('never');`,
    });
    const migrator = createMigrator(db, await loadMigrations(files.path()));
    const failed = await rejection(migrator.up());
    expect(failed).toMatchObject({ code: 'database.migration_failed', details: { migration: '2' } });
    expect((failed.cause as Error).message).toMatch(/2\.sql, line 4: .*creat/s);
    expect((await migrator.status()).map(({ state }) => state)).toEqual(['applied', 'pending']);
    expect((await logged(db)).sort()).toEqual(db.features.transactionalDdl ? [] : ['two', 'é😀']);
    await files.write({ '2.sql': `insert into log values ('a');\ninsert into log\nvalues (null);\nselect 1;` });
    const refused = await rejection(createMigrator(db, await loadMigrations(files.path())).up());
    // In which line a value was refused some do not tell.
    const place = { sqlite: 'line 3', mysql: 'statement 2', postgresql: undefined }[db.driver.name];
    expect((refused.cause as { details: { where?: string } }).details.where).toBe(place);
    await db.close();
  });

  it('runs seeds as often as one likes, each whole or not at all', async () => {
    const db = await open();
    await db.native.kysely.schema
      .createTable('log')
      .addColumn('id', 'integer', (id) => id.primaryKey())
      .addColumn('what', 'varchar(20)')
      .execute();
    const upsert =
      db.driver.name === 'mysql' ? 'on duplicate key update what =' : 'on conflict (id) do update set what =';
    const stored = (id: number, what: string): string =>
      `insert into log (id, what) values (${id}, '${what}') ${upsert} '${what}';\n`;
    await files.write({ '1.sql': stored(1, 'one') + stored(2, 'two'), '2.sql': `${stored(3, 'three')}nothing;` });
    for (let round = 0; round < 2; round += 1) {
      const failed = await rejection(runSeeds(db, await loadSeeds(files.path())));
      expect(failed).toMatchObject({ code: 'database.seed_failed', details: { seed: '2' } });
      expect((failed.cause as Error).message).toContain('2.sql, line 2: ');
      expect(await logged(db)).toEqual(['one', 'two']);
      await sql`delete from log where id = 1`.execute(db.native.kysely);
    }
    if (db.driver.name === 'mysql') {
      // DDL commits, which is told.
      await files.write({ '2.sql': `${stored(3, 'three')}create table other (id int);` });
      const ended = await rejection(runSeeds(db, await loadSeeds(files.path()), { only: ['2'] }));
      expect(String((ended.cause as Error).message)).toContain('DDL, which commits');
    }
    await db.close();
  });

  it('takes them from code too, and leaves no connection that takes them to others', async () => {
    const db = await open();
    const step = {
      name: 'a',
      up: ({ script }: SqlNative) => script('create table a (x int); create table b (x int);'),
    };
    expect(await createMigrator(db, [step]).up()).toEqual(['a']);
    const twice = sql`insert into a values (1); insert into b values (1)`;
    expect((await rejection(twice.execute(db.native.kysely))).code).toBe('database.query_failed');
    const outside = db.native.script('insert into a values (1); insert into b values (1);');
    if (db.driver.name === 'mysql') expect((await rejection(outside)).code).toBe('database.unsupported');
    else await outside;
    expect((await rejection(db.transaction(() => db.native.script('select 1;\ncommit;')))).code).toBe(
      'database.unsupported',
    );
    await db.close();
  });
}

describe('SQLite', () => {
  declare(() => createDatabase({ driver: sqlite({ file: ':memory:' }) }));
});

describeWithServer('postgres', (server) => {
  declare(async () => createDatabase({ driver: postgres(await newSchema(server.url)) }));
});

describeWithServer('mariadb', (server) => {
  declare(async () => {
    const { name, ...place } = await newDatabase(server.url);
    const db = createDatabase({ driver: mysql(place) });
    await sql.raw(`alter database ${name} character set utf8mb4`).execute(db.native.kysely);
    return db;
  });
});
