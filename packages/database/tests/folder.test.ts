import { createDatabase, createMigrator, loadMigrations } from '@ent/database';
import type { SqlNative } from '@ent/database/sql';
import { sqlite } from '@ent/database/sqlite';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { useFiles } from './fixtures/files.ts';
import { tablesOf } from './fixtures/migrations.ts';
import { rejection } from './fixtures/people.ts';

const files = useFiles();
const open = () => createDatabase<SqlNative>({ driver: sqlite({ file: ':memory:' }) });

const usual = {
  '0001_users.up.sql': `create table users (id text primary key);
create table log (what text);
create trigger noted after insert on users begin
  insert into log values ('; it is new -- ''');
  insert into log values (new.id);
end;
`,
  '0001_users.down.sql': 'drop table users; drop table log;',
  '0002_first.ts': `
import type { SqlNative } from '@ent/database/sql';
export async function up({ kysely }: SqlNative): Promise<void> {
  await kysely.insertInto('users').values({ id: 'ann' }).execute();
}
export const down = async ({ kysely }: SqlNative) => void (await kysely.deleteFrom('users').execute());
`,
  '0003_tags.sql': 'create table tags (id text);',
  'README.md': 'not a migration',
  '0004_types.d.ts': 'export {};',
  'old/0000_old.sql': 'this is not looked at',
};

describe('loadMigrations', () => {
  it('makes of files what code makes of a list: in their order, each once, both ways', async () => {
    const db = open();
    const migrator = createMigrator(db, await loadMigrations(await files.write(usual)));
    expect(await migrator.dryRun()).toEqual([
      { name: '0001_users', statements: [usual['0001_users.up.sql']] },
      { name: '0002_first', statements: ['insert into "users" ("id") values (?)'] },
      { name: '0003_tags', statements: [usual['0003_tags.sql']] },
    ]);
    expect(await migrator.up()).toEqual(['0001_users', '0002_first', '0003_tags']);
    expect(await migrator.up()).toEqual([]);
    const { rows } = await sql<{ what: string }>`select what from log`.execute(db.native.kysely);
    expect(rows.map(({ what }) => what)).toEqual([`; it is new -- '`, 'ann']);
    expect((await rejection(migrator.down())).code).toBe('database.migration_irreversible');
    await files.write({ '0003_tags.down.sql': 'drop table tags' });
    await files.remove('0003_tags.sql');
    await files.write({ '0003_tags.up.sql': usual['0003_tags.sql'] });
    const again = createMigrator(db, await loadMigrations(files.path()));
    expect(await again.down({ steps: 3 })).toEqual(['0003_tags', '0002_first', '0001_users']);
    expect(await tablesOf(db.native)).toEqual(['ent_migrations']);
    await db.close();
  });

  it('knows a file again by its text, whatever ends its lines, and finds one that has changed or is gone', async () => {
    const db = open();
    await createMigrator(db, await loadMigrations(await files.write(usual))).up();
    const up = usual['0001_users.up.sql'];
    await files.write({ '0001_users.up.sql': `\uFEFF${up.replaceAll('\n', '\r\n')}` });
    await files.write({ '0001_users.down.sql': 'drop table log; drop table users' });
    expect(await createMigrator(db, await loadMigrations(files.path())).up()).toEqual([]);
    await files.write({ '0001_users.up.sql': up.replace('text primary', 'text not null primary') });
    await files.remove('0003_tags.sql');
    const migrator = createMigrator(db, await loadMigrations(files.path()));
    const drift = await rejection(migrator.up());
    expect(drift).toMatchObject({ code: 'database.migration_drift', details: { migrations: ['0001_users'] } });
    expect((await migrator.status()).map(({ name, state }) => [name, state])).toEqual([
      ['0003_tags', 'missing'],
      ['0001_users', 'changed'],
      ['0002_first', 'applied'],
    ]);
    expect(await migrator.repair()).toEqual(['0001_users']);
    expect(await migrator.up()).toEqual([]);
    await db.close();
  });

  it('rebuilds a table with foreign keys off, and refuses the pragma that would do nothing', async () => {
    const db = open();
    await files.write({
      '1.sql': `create table a (id text primary key, n text);
create table b (a text references a on delete cascade);
insert into a values ('x', '1'); insert into b values ('x');`,
      '2.sql': `-- foreign-keys: off
create table a2 (id text primary key, n integer);
insert into a2 select id, n from a;
drop table a;
alter table a2 rename to a;`,
    });
    await createMigrator(db, await loadMigrations(files.path())).up();
    expect(await sql`select * from b, a`.execute(db.native.kysely)).toMatchObject({
      rows: [{ a: 'x', id: 'x', n: 1 }],
    });
    await files.write({ '3.sql': 'select 1; PRAGMA foreign_keys = OFF;' });
    const refused = await rejection(createMigrator(db, await loadMigrations(files.path())).up());
    expect(String((refused.cause as Error).message)).toContain('-- foreign-keys: off');
    await files.write({ '3.sql': 'create table c (x);\nCOMMIT;\ncreate table d (x);' });
    const ended = await rejection(createMigrator(db, await loadMigrations(files.path())).up());
    expect(String((ended.cause as Error).message)).toContain('"COMMIT;" (line 2)');
    expect(await tablesOf(db.native)).toEqual(['a', 'b', 'ent_migrations']);
    await db.close();
  });

  it.each<[string, Readonly<Record<string, string | Buffer>>, string]>([
    ['nothing to do', { '1.up.sql': ' \n' }, '1.up.sql is empty: write its SQL, or remove it.'],
    ['a misspelt part', { '1.up.sql': 'x', '1.donw.sql': 'x' }, '1.donw.sql: a migration is NAME.up.sql with'],
    ['no up', { '1.down.sql': 'x' }, '1.down.sql: there is no 1.up.sql beside it.'],
    [
      'two of one name',
      { '1.sql': 'x', '1.ts': 'export const up = () => {};' },
      '1.ts are the same migration; keep one.',
    ],
    [
      'what a compiler wrote beside its source',
      { '1.js': 'export const up = () => {};', '1.ts': 'export const up = () => {};' },
      '1.ts are the same migration; keep one. A compiler has written the one beside the other: set its "outDir"',
    ],
    ['code that throws nothing', { '1.mjs': 'throw null;' }, '1.mjs cannot be loaded: null'],
    ['a down in SQL of code', { '1.down.sql': 'x', '1.ts': 'export const up = 1;' }, 'is its export "down"'],
    ['the marks of others', { '1.sql': 'create table a (x);\n-- migrate:down\ndrop table a;' }, '1.sql, line 2: "--'],
    ['plain marks', { '1.sql': 'create table a (x);\n\n-- down\ndrop table a;' }, '1.sql, line 3: "-- down"'],
    ['an option further down', { '1.sql': 'x;\n-- foreign-keys: off' }, '1.sql, line 2: it is "-- foreign-keys: off"'],
    ['an option of another value', { '1.sql': '-- foreign-keys: on\nx;' }, '1.sql, line 1: it is "-- foreign-keys'],
    ['a transaction of another value', { '1.sql': '-- transaction: off\nx;' }, 'it is "-- transaction: false", in'],
    [
      'a transaction in code',
      { '1.mjs': 'export const up = () => {}, transaction = 0;' },
      '"transaction" can be false',
    ],
    ['no UTF-8', { '1.sql': Buffer.from('select 1;\nselect \xE9;', 'latin1') }, '1.sql, line 2: it is no UTF-8.'],
    ['a bad name', { '1 2.sql': 'x' }, 'its name must be'],
    ['no up in code', { '1.ts': 'export const down = () => {};' }, '1.ts must export a function "up".'],
    ['a misspelt export', { '1.mjs': 'export const up = () => {}, donw = 1;' }, '1.mjs exports "donw"'],
    ['a down of another type', { '1.mjs': 'export const up = () => {}, down = 1;' }, '"down" must be a function'],
    ['a misspelt option', { '1.mjs': `export const up = () => {}, foreignKeys = 'on';` }, `"foreignKeys" can be 'off'`],
    ['code that throws', { '1.mjs': '\n\nthrow new Error("mine");' }, 'cannot be loaded: mine'],
  ])('tells which file is wrong, and where: %s', async (_name, content, message) => {
    const error = await rejection(loadMigrations(await files.write(content)));
    expect(error.code).toBe('database.invalid_definition');
    expect(error.message).toContain(message);
  });

  it('tells that there is no such folder', async () => {
    const error = await rejection(loadMigrations(files.path('nothing')));
    expect(error.message).toMatch(/^loadMigrations: the folder .*nothing cannot be read \(ENOENT\)\.$/);
    for (const wrong of [7, '', undefined, new URL('https://example.org/migrations')]) {
      expect((await rejection(loadMigrations(wrong as never))).code).toBe('database.invalid_definition');
    }
  });

  it('takes code of CommonJS, and a URL', async () => {
    await files.write({ '1.cjs': `module.exports = { ...{ up: ({ script }) => script('create table a (x)') } };` });
    const db = open();
    const folder = new URL(`file://${files.path()}`);
    expect(await createMigrator(db, await loadMigrations(folder)).up()).toEqual(['1']);
    await db.close();
  });
});

describe('the progress of a migrator', () => {
  it('tells of each that begins and is done', async () => {
    const db = open();
    await files.write({ '1.sql': 'create table a (x)', '2.sql': 'create table b (x)', '2.down.sql': 'drop table b' });
    await files.remove('2.sql');
    await files.write({ '2.up.sql': 'create table b (x)' });
    const migrator = createMigrator(db, await loadMigrations(files.path()));
    const told: unknown[] = [];
    const onProgress = (progress: object): void => void told.push(Object.values(progress).join(' '));
    await migrator.up({ onProgress });
    await migrator.down({ onProgress });
    expect(told).toEqual([
      'begun up 1 1 2',
      'done up 1 1 2',
      'begun up 2 2 2',
      'done up 2 2 2',
      'begun down 2 1 1',
      'done down 2 1 1',
    ]);
    expect((await rejection(migrator.up({ onProgress: 1 as never }))).code).toBe('database.invalid_query');
    await db.close();
  });
});
