import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createDatabase,
  createMigrator,
  type DatabaseDriver,
  defineEntity,
  defineMigrations,
  type Migration,
} from '@ent/database';
import { openDatabase } from '@ent/database/open';
import type { SqlNative } from '@ent/database/sql';
import { sqlite } from '@ent/database/sqlite';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { outcomeOf, steps, tablesOf } from './fixtures/migrations.ts';
import { runFixture, temporaryFolder } from './fixtures/storage.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  file = join(folder, 'test.db');
});
afterEach(() => rm(folder, { recursive: true }));

const open = () => createDatabase({ driver: sqlite({ file }) });
const table = (name: string): Migration<SqlNative> => ({
  name,
  up: ({ kysely, columns }) => kysely.schema.createTable(name).addColumn('id', columns.id).execute(),
});

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => expect.unreachable('it resolved'),
    (thrown: unknown) => thrown,
  );
  return (error as { code: string }).code;
}

describe('a migrator', () => {
  it('applies what is pending in the order of the list, once', async () => {
    const db = open();
    const migrator = createMigrator(db, steps);
    expect((await migrator.status()).map(({ state }) => state)).toEqual(Array(5).fill('pending'));
    expect(await tablesOf(db.native)).toEqual([]);
    expect(await migrator.up()).toEqual(steps.map(({ name }) => name));
    expect(await migrator.up()).toEqual([]);
    expect(await tablesOf(db.native)).toEqual(['ent_migrations', 'log', 't2', 't3', 't4', 't5']);
    const status = await migrator.status();
    expect(status.map(({ name, state }) => [name, state])).toEqual(steps.map(({ name }) => [name, 'applied']));
    expect(status[0]?.appliedAt).toBeInstanceOf(Date);
    await db.close();
  });

  it('applies one that is put between others, since it goes by name and not by position', async () => {
    const db = open();
    await createMigrator(db, [table('a'), table('c')]).up();
    expect(await createMigrator(db, [table('a'), table('b'), table('c')]).up()).toEqual(['b']);
    await db.close();
  });

  it('reverts the last ones first, and can apply them again', async () => {
    const db = open();
    const migrator = createMigrator(db, steps);
    await migrator.up();
    expect(await migrator.down()).toEqual(['0005_table']);
    expect(await migrator.down({ steps: 2 })).toEqual(['0004_table', '0003_table']);
    expect(await tablesOf(db.native)).toEqual(['ent_migrations', 'log', 't2']);
    expect(await migrator.up()).toEqual(['0003_table', '0004_table', '0005_table']);
    expect(await migrator.down({ steps: 99 })).toHaveLength(5);
    expect(await migrator.down()).toEqual([]);
    await db.close();
  });

  it('shows the exact statements of a dry run and writes nothing', async () => {
    const db = open();
    const migrator = createMigrator(db, steps.slice(0, 2));
    expect(await migrator.dryRun()).toEqual([
      { name: '0001_log', statements: ['create table "log" ("name" text)', 'insert into "log" ("name") values (?)'] },
      {
        name: '0002_table',
        statements: ['create table "t2" ("id" text primary key)', 'insert into "log" ("name") values (?)'],
      },
    ]);
    expect(await tablesOf(db.native)).toEqual([]);
    await db.close();
  });

  it('leaves nothing of a migration that fails, and keeps those before it', async () => {
    const db = open();
    const failing: Migration<SqlNative> = {
      name: 'b',
      async up({ kysely, columns }) {
        await kysely.schema.createTable('half').addColumn('id', columns.id).execute();
        await kysely.insertInto('half').values({ id: 'x' }).execute();
        await kysely.schema.createTable('a').addColumn('id', columns.id).execute();
      },
    };
    const migrator = createMigrator(db, [table('a'), failing, table('c')]);
    const error = (await migrator.up().catch((thrown: unknown) => thrown)) as Error & {
      code: string;
      details: unknown;
    };
    expect(error).toMatchObject({ code: 'database.migration_failed', details: { migration: 'b', direction: 'up' } });
    expect(error.message).toContain('"b"');
    expect((error.cause as Error).message).toContain('table "a" already exists');
    expect(await tablesOf(db.native)).toEqual(['a', 'ent_migrations']);
    expect((await migrator.status()).map(({ state }) => state)).toEqual(['applied', 'pending', 'pending']);
    await db.close();
  });

  it('names applied migrations that have changed, does nothing then, and can be told to accept them', async () => {
    const db = open();
    await createMigrator(db, [table('a'), table('b')]).up();
    const changed = {
      ...table('a'),
      up: ({ kysely, columns }: SqlNative) => kysely.schema.createTable('a').addColumn('id', columns.int).execute(),
    };
    const migrator = createMigrator(db, [changed, table('b'), table('c')]);
    const error = await migrator.up().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'database.migration_drift', details: { migrations: ['a'] } });
    expect((error as Error).message).toContain('a.');
    expect(await codeOf(migrator.down())).toBe('database.migration_drift');
    expect((await migrator.status()).map(({ state }) => state)).toEqual(['changed', 'applied', 'pending']);
    expect(await migrator.repair()).toEqual(['a']);
    expect(await migrator.up()).toEqual(['c']);
    await db.close();
  });

  it('does not take another formatting, other comments or values for a change', async () => {
    const db = open();
    const seed = (value: string): Migration<SqlNative> => ({
      name: 'seed',
      up: async ({ kysely }) => {
        await sql`create table seeds (value text)`.execute(kysely);
        await kysely.insertInto('seeds').values({ value }).execute();
      },
    });
    await createMigrator(db, [seed(new Date().toISOString())]).up();
    const reformatted: Migration<SqlNative> = {
      name: 'seed',
      // Another author, another style.
      async up(native: SqlNative): Promise<void> {
        const value = 'other';
        await sql`create table seeds (value text)`.execute(native.kysely);
        await native.kysely.insertInto('seeds').values({ value }).execute();
      },
    };
    expect(await createMigrator(db, [reformatted]).up()).toEqual([]);
    await db.close();
  });

  it('runs migrations that decide by what they read, and covers repositories with their transaction', async () => {
    const db = open();
    const things = defineEntity({ name: 'things', fields: { id: 'string', size: 'int' } });
    const repo = db.repo(things);
    const migrations = defineMigrations<SqlNative>([
      {
        name: 'a',
        up: async ({ kysely, columns }) => {
          await kysely.schema
            .createTable('things')
            .addColumn('id', columns.id)
            .addColumn('size', columns.int)
            .execute();
          await repo.insertMany([
            { id: 'x', size: 1 },
            { id: 'y', size: 2 },
          ]);
        },
      },
      {
        name: 'b',
        up: async ({ kysely }) => {
          const rows = await kysely.selectFrom('things').select(['id', 'size']).execute();
          for (const { id, size } of rows) {
            await kysely
              .updateTable('things')
              .set({ size: size * 10 })
              .where('id', '=', id)
              .execute();
          }
        },
      },
      {
        name: 'c',
        up: async () => {
          await repo.update('x', { inc: { size: 1 } });
          throw new Error('no');
        },
      },
    ]);
    const migrator = createMigrator(db, migrations);
    expect(await codeOf(migrator.up())).toBe('database.migration_failed');
    expect((await repo.find()).map(({ size }) => size)).toEqual([10, 20]);
    const plan = await migrator.dryRun().catch((error: unknown) => (error as Error).message);
    expect(plan).toContain('"c" failed');
    await db.close();
  });

  it('refuses to revert what has no down or is unknown, before anything is reverted', async () => {
    const db = open();
    const reversible = { ...table('b'), down: ({ kysely }: SqlNative) => kysely.schema.dropTable('b').execute() };
    const migrator = createMigrator(db, [table('a'), reversible]);
    await migrator.up();
    const error = await migrator.down({ steps: 2 }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'database.migration_irreversible', details: { migration: 'a' } });
    expect(await tablesOf(db.native)).toEqual(['a', 'b', 'ent_migrations']);
    const older = createMigrator(db, [table('a')]);
    expect(await older.status()).toMatchObject([
      { name: 'b', state: 'missing' },
      { name: 'a', state: 'applied' },
    ]);
    expect(await older.up()).toEqual([]);
    expect(await codeOf(older.down())).toBe('database.migration_irreversible');
    await db.close();
  });

  it('refuses malformed and repeated names, and to run inside a transaction', async () => {
    expect(() => defineMigrations([table('a'), table('a')])).toThrow('is there twice');
    expect(() => defineMigrations([table('../a')])).toThrow('its name must be');
    const db = open();
    expect(await codeOf(db.transaction(() => createMigrator(db, steps).up()))).toBe('database.invalid_query');
    expect(await codeOf(createMigrator(db, steps).down({ steps: 0 }))).toBe('database.invalid_query');
    await db.close();
  });

  it('gives up when it is told to while another process migrates', async () => {
    const db = open();
    const other = open();
    let unlock = (): void => {};
    const gate = new Promise<void>((resolve) => {
      unlock = resolve;
    });
    let locked = (): void => {};
    const isLocked = new Promise<void>((resolve) => {
      locked = resolve;
    });
    const holder = other.transaction(async () => {
      locked();
      await gate;
    });
    await isLocked;
    const reason = new Error('gone');
    const hurried = createMigrator(db, steps, { timeout: 50 });
    expect(await codeOf(hurried.up())).toBe('database.timeout');
    await expect(createMigrator(db, steps).up({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    unlock();
    await holder;
    expect(await createMigrator(db, steps).up()).toHaveLength(5);
    await db.close();
    await other.close();
  });

  it('tells where it stands without waiting for who writes', async () => {
    const db = open();
    const other = open();
    await createMigrator(db, steps.slice(0, 1)).up();
    await other.transaction(async () => {
      await other.native.kysely.insertInto('log').values({ name: 'held' }).execute();
      expect((await createMigrator(db, steps).status())[0]).toMatchObject({ name: '0001_log', state: 'applied' });
    });
    await db.close();
    await other.close();
  });

  const logged = async (): Promise<string[]> => {
    const db = open();
    const log = await db.native.kysely.selectFrom('log').select('name').execute();
    await db.close();
    return log.map(({ name }) => name as string).sort();
  };

  it('applies each migration exactly once from eight processes at the same time', async () => {
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => outcomeOf(runFixture('migrate.ts', file))));
    expect(outcomes.flat().sort()).toEqual(steps.map(({ name }) => name));
    expect(await logged()).toEqual(steps.map(({ name }) => name));
  }, 300_000);

  it('leaves nothing of a migration whose process is killed in its middle', async () => {
    const child = runFixture('migrate.ts', file, 'hang');
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const db = await openDatabase<SqlNative>(`sqlite:${file}`);
    expect(await tablesOf(db.native)).toEqual(['ent_migrations', 'log', 't2']);
    expect(await createMigrator(db, steps).up()).toEqual(['0003_table', '0004_table', '0005_table']);
    await db.close();
  });

  it('lets the others go on when the process that has the lock is killed', async () => {
    const holder = runFixture('migrate.ts', file, 'hang');
    await once(holder.stdout, 'data');
    let begun = 0;
    const others = Array.from({ length: 7 }, () => outcomeOf(runFixture('migrate.ts', file), () => void (begun += 1)));
    await expect.poll(() => begun, { timeout: 120_000 }).toBe(7);
    const hasty = open();
    expect(await codeOf(createMigrator(hasty, steps, { timeout: 50 }).up())).toBe('database.timeout');
    await hasty.close();
    holder.kill('SIGKILL');
    expect((await Promise.all(others)).flat().sort()).toEqual(['0003_table', '0004_table', '0005_table']);
    expect(await logged()).toEqual(steps.map(({ name }) => name));
  }, 300_000);
});

describe('on a database whose DDL cannot be rolled back', () => {
  it('a migration runs without a transaction under the lock, and a dry run tells what was recorded', async () => {
    const driver: DatabaseDriver<SqlNative> = sqlite({ file });
    const did: string[] = [];
    const db = createDatabase<SqlNative>({
      driver: {
        ...driver,
        features: { ...driver.features, transactionalDdl: false },
        begin: (...call) => {
          did.push('begin');
          return driver.begin(...call);
        },
        lock(_session, name) {
          did.push(`lock ${name}`);
          return () => {
            did.push('unlock');
          };
        },
      },
    });
    const migrator = createMigrator(db, steps.slice(0, 1));
    expect(await migrator.dryRun()).toEqual([
      { name: '0001_log', statements: ['create table "log" ("name" text)', 'insert into "log" ("name") values (?)'] },
    ]);
    expect(await tablesOf(db.native)).toEqual([]);
    expect(await migrator.up()).toEqual(['0001_log']);
    expect(did).toEqual(['lock ent_migrations', 'unlock']);
    const failing: Migration<SqlNative> = {
      name: 'half',
      async up({ kysely, columns }) {
        await kysely.schema.createTable('half').addColumn('id', columns.id).execute();
        throw new Error('mine');
      },
    };
    expect(await codeOf(createMigrator(db, [...steps.slice(0, 1), failing]).up())).toBe('database.migration_failed');
    expect([did.at(-1), (await tablesOf(db.native)).includes('half'), db.stats().inUse]).toEqual(['unlock', true, 0]);
    await db.close();
  });
});
