// What ent-db types makes of names and keys that are not like those of most schemas.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Database, EntityModel } from '@ent/database';
import { openDatabase } from '@ent/database/open';
import type { SqlNative } from '@ent/database/sql';
import { uniqueName } from '@ent/testkit';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { entDbHere } from './fixtures/cli.ts';
import { useFiles } from './fixtures/files.ts';

const files = useFiles();
let db: Database<SqlNative>;
const url = (): string => `sqlite:${files.path('app.db')}`;
beforeEach(async () => {
  db = await openDatabase<SqlNative>(url());
});
afterEach(() => db.close());

const written = async (...args: string[]): Promise<string> => (await entDbHere(['types', ...args], url())).out;

it('finds names for what has none in TypeScript, and tells what cannot be an entity', async () => {
  await db.native.script(`
    create table "delete" (id text primary key not null, "a_b" int, "aB" int, "class" int, "2nd" int, "an odd one" int);
    create table "my table" (id int primary key);
    create table keyless (x int);
    create table by_name (name text not null unique, note text unique, at datetime, seen date, ok boolean, blob, n numeric(5,2));
    create table by_amount (amount real primary key not null, x int);
    create table "Users" (ID integer primary key, "userName" text not null);
    create view names as select name from by_name;
    create table ent_migrations (id text primary key)`);
  const text = await written('--entities');
  expect(text).toContain(`export const delete2 = defineEntity({
  name: 'delete2',
  table: 'delete',
  naming: 'snake_case',
  fields: {
    id: 'string',
    aB: nullable('int'),
    aB2: stored(nullable('int'), { column: 'aB' }),
    class: nullable('int'),
    // 2nd: INT, for which there is no field
    // an odd one: INT, for which there is no field
  },
  id: 'id',
});`);
  expect(text).toContain('// No entity for my table: its name has characters that a table of an entity cannot have.');
  expect(text).toContain('// No entity for keyless: it has no key.');
  expect(text).toContain('// No entity for by_amount: its key has the column amount, of the type REAL.');
  expect(text).toContain(`    name: 'string',
    note: nullable('string'),
    at: stored(nullable('date'), { as: 'datetime' }),
    seen: stored(nullable('string'), { as: 'date' }),
    ok: nullable('boolean'),
    // blob: no type, for which there is no field
    n: nullable('double'),
  },
  id: 'name',
  unique: [['note']],`);
  // More of its columns are called as their fields than by snake_case.
  expect(text).toContain(`  table: 'Users',
  fields: {
    id: stored(generated('int'), { column: 'ID' }),
    userName: 'string',`);
  expect(text).not.toMatch(/ent_migrations|names/);

  // Below the package, from where its own name is found.
  const file = join(import.meta.dirname, `../test-output/${uniqueName('entities')}.ts`);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  const entities = (await import(file)) as Record<string, EntityModel>;
  await rm(file);
  expect(new Set(Object.values(entities).map(({ table }) => table))).toEqual(new Set(['by_name', 'delete', 'Users']));
});

it('writes interfaces of tables and views for Kysely', async () => {
  await db.native.script(`
    create table a (id integer primary key, "an odd one" bigint, ok boolean not null default 1, full_id text as (id || '!'));
    create view b as select id from a`);
  expect(await written()).toContain(`import type { ColumnType, Generated, GeneratedAlways } from 'kysely';

export interface A {
  id: Generated<number>;
  'an odd one': number | bigint | null;
  ok: ColumnType<number, boolean | number | undefined, boolean | number>;
  full_id: GeneratedAlways<string | null>;
}

export interface B {
  id: number | null;
}

/** For \`openDatabase<SqlNative<Tables>>(url)\`: what db.native.kysely knows of the tables. */
export interface Tables {
  a: A;
  b: B;
}`);
});

it('says so when there is nothing to write, or no way to', async () => {
  expect(await entDbHere(['types'], url())).toMatchObject({
    code: 2,
    err: expect.stringContaining('There is no table'),
  });
  await db.native.script('create table a (x)');
  const { code, err } = await entDbHere(['types', '--schema', 'other'], url());
  expect([code, err]).toEqual([2, expect.stringContaining('SQLite has no schemas')]);
  const lost = await entDbHere(['types', '--out', files.path('no/where.ts')], url());
  expect([lost.code, lost.err]).toEqual([2, expect.stringContaining('cannot be written: ENOENT')]);
});
