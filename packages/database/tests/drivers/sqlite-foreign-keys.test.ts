// Foreign keys on SQLite, and tables that are rebuilt under them.
import { createDatabase, createMigrator, defineEntity, type Migration } from '@ent/database';
import type { SqlNative } from '@ent/database/sql';
import { sqlite } from '@ent/database/sqlite';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rejection } from '../fixtures/people.ts';
import { pragma } from '../fixtures/sqlite-file.ts';

let db: ReturnType<typeof open>;
const open = () => createDatabase<SqlNative>({ driver: sqlite({ file: ':memory:' }) });
const run = (...texts: string[]) =>
  texts.reduce<Promise<unknown>>(
    (before, text) => before.then(() => sql.raw(text).execute(db.native.kysely)),
    Promise.resolve(),
  );
const rows = async (table: string): Promise<unknown[]> => db.native.kysely.selectFrom(table).selectAll().execute();

beforeEach(async () => {
  db = open();
  await run(
    'create table parents (id text primary key, age text)',
    'create table children (id text primary key, parent text references parents (id) on delete cascade)',
    'create table pets (id text primary key, parent text references parents (id) on delete set null)',
    'create table houses (id text primary key, parent text references parents (id) on delete restrict)',
    `insert into parents values ('p', '40'), ('q', '30')`,
    `insert into children values ('c', 'p')`,
    `insert into pets values ('d', 'p')`,
    `insert into houses values ('h', 'q')`,
  );
});
afterEach(() => db.close());

const REBUILD = [
  'create table parents_new (id text primary key, age integer)',
  'insert into parents_new select id, age from parents',
  'drop table parents',
  'alter table parents_new rename to parents',
];
const rebuild = (texts: readonly string[], more: Partial<Migration<SqlNative>> = {}): Migration<SqlNative> => ({
  name: '0001_ages',
  up: () => run(...texts),
  ...more,
});
const unharmed = async () =>
  expect([await rows('children'), await rows('pets'), await pragma(db, 'foreign_keys')]).toEqual([
    [{ id: 'c', parent: 'p' }],
    [{ id: 'd', parent: 'p' }],
    1,
  ]);

describe('a migration that rebuilds a table', () => {
  it('leaves what refers to it alone when it has foreign keys off, in both directions', async () => {
    const migrator = createMigrator(db, [rebuild(REBUILD, { foreignKeys: 'off', down: () => run(...REBUILD) })]);
    expect((await migrator.dryRun())[0]?.statements).toEqual(REBUILD);
    await unharmed();
    expect(await migrator.up()).toEqual(['0001_ages']);
    expect(await rows('parents')).toEqual([
      { id: 'p', age: 40 },
      { id: 'q', age: 30 },
    ]);
    await unharmed();
    expect(await migrator.down()).toEqual(['0001_ages']);
    await unharmed();
  });

  it('is rolled back when foreign keys do not hold at its end, and says where', async () => {
    const losing = [...REBUILD, `delete from parents where id = 'p'`];
    const error = await rejection(createMigrator(db, [rebuild(losing, { foreignKeys: 'off' })]).up());
    expect(error).toMatchObject({
      code: 'database.migration_failed',
      details: { migration: '0001_ages' },
      cause: { code: 'database.foreign_key_violation' },
    });
    expect(String(error.cause)).toMatch(/rows of "(children|pets)" refer to rows that "parents" does not have/);
    expect(await rows('parents')).toHaveLength(2);
    await unharmed();
  });

  it('cannot switch them off by itself, where SQLite would ignore it', async () => {
    for (const text of [
      'PRAGMA foreign_keys=OFF',
      'pragma main.foreign_keys (0)',
      '-- off\n pragma foreign_keys = 0',
      'explain query plan pragma foreign_keys = 0',
      '/* app */ pragma foreign_keys = 0',
    ]) {
      const error = await rejection(createMigrator(db, [rebuild([text, ...REBUILD])]).up());
      expect(error).toMatchObject({ code: 'database.migration_failed', cause: { code: 'database.unsupported' } });
      expect(String(error.cause)).toContain("foreignKeys: 'off'");
      expect((await rejection(run(text))).code).toBe('database.unsupported');
      if (!text.startsWith('explain'))
        expect((await rejection(db.native.script(text))).code).toBe('database.unsupported');
    }
    await unharmed();
  });

  it('is refused at set-up for a misspelt word, and where the driver cannot', () => {
    const wrong = rebuild(REBUILD, { foreignKeys: false } as never);
    expect(() => createMigrator(db, [wrong])).toThrow(expect.objectContaining({ code: 'database.invalid_definition' }));
    const driver = sqlite({ file: ':memory:' });
    const other = createDatabase({
      driver: { ...driver, features: { ...driver.features, suspendsForeignKeys: false } },
    });
    expect(() => createMigrator(other, [rebuild(REBUILD, { foreignKeys: 'off' })])).toThrow(
      expect.objectContaining({ code: 'database.unsupported' }),
    );
  });

  it('leaves them off on a connection that has them off', async () => {
    await db.ping();
    const { client } = db.driver as ReturnType<typeof sqlite>;
    client?.pragma('foreign_keys = off');
    await createMigrator(db, [rebuild(REBUILD, { foreignKeys: 'off' })]).up();
    expect(await pragma(db, 'foreign_keys')).toBe(0);
  });
});

describe('a row that is still referred to', () => {
  it('is a foreign key violation to delete, whichever way the key forbids it', async () => {
    const fields = { id: 'string', age: 'string' } as const;
    const parents = db.repo(defineEntity({ name: 'parents', fields }));
    const error = await rejection(parents.delete('q'));
    expect(error).toMatchObject({ code: 'database.foreign_key_violation', status: 409 });
    expect(await parents.delete('p')).toBe(true);
  });
});
