import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createDatabase,
  type Database,
  defineEntity,
  defineMigrations,
  generated,
  nullable,
  stored,
  withTenant,
} from '@ent/database';
import { openDatabase } from '@ent/database/open';
import { mysql } from '@ent/database/mysql';
import { postgres } from '@ent/database/postgres';
import type { SqlNative } from '@ent/database/sql';
import { sqlite } from '@ent/database/sqlite';
import { fake, fakeMany, fakes, rolledBack, workerDatabase } from '@ent/database/test-helpers';
import { createTables } from '@ent/database/testing';
import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newDatabase } from './fixtures/mysql.ts';
import { placeOn } from './fixtures/mongodb.ts';
import { ann, people } from './fixtures/people.ts';
import { newSchema } from './fixtures/postgres.ts';
import { temporaryFolder } from './fixtures/storage.ts';

const members = defineEntity({
  name: 'members',
  tenant: 'org',
  fields: { id: 'string', org: 'string', email: 'string' },
  unique: [['email']],
});

/** What is tried out leaves nothing behind, and is otherwise as it is in production. */
function rollsBack(driverOf: () => Promise<Parameters<typeof createDatabase<SqlNative>>[0]['driver']>): void {
  let db: Database<SqlNative>;
  beforeEach(async () => {
    db = createDatabase<SqlNative>({ driver: await driverOf() });
    await createTables(db, people, members);
  });
  afterEach(() => db.close());
  const count = () => db.repo(people).count();

  it('answers what the work answers, and leaves nothing behind', async () => {
    const kept = await db.repo(people).insert(ann);
    const seen = await rolledBack(db, async (tx) => {
      await tx.repo(people).updateMany({ set: { name: 'Bea' } }, { where: { id: kept.id } });
      await db.repo(people).insert(fake(people));
      return count();
    });
    expect([seen, await db.repo(people).find()]).toEqual([2, [kept]]);
    const failed = rolledBack(db, async () => {
      await db.repo(people).deleteMany({ where: { id: kept.id } });
      throw new Error('of the test');
    });
    await expect(failed).rejects.toThrow('of the test');
    expect(await count()).toBe(1);
    expect(db.stats()).toMatchObject({ inUse: 0, waiting: 0 });
  });

  it('lets calls fail alone, as outside of a transaction', async () => {
    await rolledBack(db, async () => {
      await db.repo(people).insert(ann);
      await expect(db.repo(people).insert(ann)).rejects.toMatchObject({ code: 'database.unique_violation' });
      await expect(db.native.kysely.selectFrom('no_table').selectAll().execute()).rejects.toThrow();
      expect(await count()).toBe(1);
      await Promise.all([count(), db.repo(people).insert(fake(people)), count()]);
      expect(await count()).toBe(2);
    });
    expect(await count()).toBe(0);
  });

  it('commits and rolls back transactions in it, each by a savepoint', async () => {
    await rolledBack(db, async () => {
      await db.transaction(() => db.repo(people).insert(ann));
      const failing = db.transaction(async () => {
        await db.repo(people).deleteMany({ where: { id: { ne: null } } });
        await db.repo(people).insert(fake(people));
        throw new Error('of the service');
      });
      await expect(failing).rejects.toThrow('of the service');
      expect(await count()).toBe(1);
      // A call that fails ends its transaction there as everywhere, and no more.
      const swallowed = db.transaction(async () => {
        await db
          .repo(people)
          .insert(ann)
          .catch(() => {});
        await count();
      });
      await expect(swallowed).rejects.toMatchObject({ code: 'database.transaction_failed' });
      await db.transaction(async () => {
        await expect(
          db.transaction(() => db.repo(people).insert(ann), { propagation: 'nested' }),
        ).rejects.toMatchObject({ code: 'database.unique_violation' });
        await db.repo(people).insert(fake(people));
      });
      expect(await count()).toBe(2);
    });
    expect(await count()).toBe(0);
  });

  it('does nothing that needs a commit', async () => {
    const hooks: string[] = [];
    await rolledBack(db, async () => {
      db.afterCommit(() => hooks.push('outer'));
      await db
        .transaction(async () => {
          db.afterCommit(() => hooks.push('inner'));
          const independent = db.transaction(count, { propagation: 'new' });
          await expect(independent).rejects.toMatchObject({ code: 'database.unsupported' });
        })
        .catch(() => {});
      const independent = db.transaction(count, { propagation: 'new' });
      await expect(independent).rejects.toMatchObject({ code: 'database.unsupported' });
      const again = rolledBack(db, count);
      await expect(again).rejects.toMatchObject({ code: 'database.invalid_query' });
    });
    expect(hooks).toEqual([]);
  });

  it('knows the tenant', async () => {
    await rolledBack(db, () =>
      withTenant('a', async () => {
        const row = await db.repo(members).insert(fake(members));
        expect(row.org).toBe('a');
        expect(await withTenant('b', () => db.repo(members).count())).toBe(0);
        expect(await db.repo(members).count()).toBe(1);
      }),
    );
    expect(await withTenant('a', () => db.repo(members).count())).toBe(0);
  });

  it('refuses what it has not', async () => {
    const wrong = rolledBack(db, count, { retries: 3 } as never);
    await expect(wrong).rejects.toMatchObject({ code: 'database.invalid_query' });
    await expect(rolledBack(db, undefined as never)).rejects.toMatchObject({ code: 'database.invalid_query' });
    await expect(rolledBack({} as never, count)).rejects.toMatchObject({ code: 'database.invalid_definition' });
  });

  it('stores what a factory makes, of every type and in unique keys', async () => {
    const everything = defineEntity({
      name: 'everything',
      fields: {
        id: 'string',
        text: 'string',
        int: 'int',
        big: 'bigint',
        price: 'decimal',
        rate: stored('decimal', { as: 'numeric(4,2)' }),
        ratio: 'double',
        flag: 'boolean',
        at: 'date',
        data: 'json',
        raw: 'bytes',
        key: stored('string', { as: 'uuid' }),
        instant: stored('string', { as: 'timestamptz' }),
        day: stored('string', { as: 'date' }),
        parent: nullable('string'),
        updatedAt: 'date',
        version: 'int',
      },
      unique: [['text'], ['int', 'at'], ['key']],
      updatedAt: 'updatedAt',
      version: 'version',
    });
    await createTables(db, everything);
    const rows = fakeMany(everything, 30, (at) => ({ flag: at % 2 === 0 }));
    await db.repo(everything).insertMany(rows);
    const found = await db.repo(everything).find({ sort: [['int', 'asc']] });
    expect(found.map(({ text, flag, parent }) => [text, flag, parent])).toEqual(
      rows.map(({ text, flag }) => [text, flag, null]),
    );
  });
}

describe('rolledBack on SQLite', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => rm(folder, { recursive: true }));
  rollsBack(async () => sqlite({ file: join(folder, 'test.db') }));
});

describeWithServer('postgres', (server) => {
  describe('rolledBack', () => {
    rollsBack(async () => postgres(await newSchema(server.url)));
  });

  it('shows other connections nothing, and lets several be tried at once', async () => {
    const db = createDatabase({ driver: postgres(await newSchema(server.url)) });
    await createTables(db, people);
    const inserted = await Promise.all(
      [1, 2, 3].map((n) =>
        rolledBack(db, async () => {
          await db.repo(people).insertMany(fakeMany(people, n));
          return db.repo(people).count();
        }),
      ),
    );
    expect([inserted, await db.repo(people).count()]).toEqual([[1, 2, 3], 0]);
    await db.close();
  });

  makesDatabases(() => server.url);
});

describeWithServer('mariadb', (server) => {
  describe('rolledBack', () => {
    rollsBack(async () => {
      const { name: _name, ...place } = await newDatabase(server.url);
      return mysql(place);
    });
  });
  makesDatabases(() => server.url);
});

const migrations = defineMigrations<SqlNative>([
  {
    name: '0001_tags',
    up: ({ kysely, columns }) =>
      kysely.schema
        .createTable('tags')
        .addColumn('id', columns.id, (column) => column.primaryKey())
        .addColumn('label', columns.id, (column) => column.notNull().unique())
        .execute(),
  },
]);
const tags = defineEntity({ name: 'tags', fields: { id: 'string', label: 'string' }, unique: [['label']] });

/** A database of its own for each worker. */
function makesDatabases(urlOf: () => string): void {
  it('makes a database for a worker, migrated and empty, and removes it', async () => {
    const worker = uniqueName('w').slice(0, 20).replaceAll('-', '_');
    const first = await workerDatabase<SqlNative>(urlOf(), { worker, migrations });
    await first.db.repo(tags).insert(fake(tags));
    // As if its process had been killed.
    await first.db.close();
    const { db, url, drop } = await workerDatabase<SqlNative>(urlOf(), { worker, migrations });
    expect(url).toBe(first.url);
    expect(url).toContain(worker);
    expect(await db.repo(tags).count()).toBe(0);
    await db.repo(tags).insertMany(fakeMany(tags, 3));
    const other = await openDatabase(url);
    expect(await other.repo(tags).count()).toBe(3);
    await other.close();
    await drop();
    await expect(openDatabase(url, { timeout: '5s' })).rejects.toThrow();
  });

  it('leaves nothing behind where a migration fails', async () => {
    const worker = uniqueName('x').slice(0, 20).replaceAll('-', '_');
    const broken = defineMigrations<SqlNative>([{ name: '0001', up: () => Promise.reject(new Error('broken')) }]);
    const made = workerDatabase<SqlNative>(urlOf(), { worker, migrations: broken });
    await expect(made).rejects.toMatchObject({ code: 'database.migration_failed' });
    const { drop } = await workerDatabase(urlOf(), { worker });
    await drop();
  });
}

describeWithServer('mongodb', (server) => {
  it('makes a database for a worker, and removes it', async () => {
    const { database, url: at } = placeOn(server.url);
    const base = `${at.replace(/(mongodb:\/\/[^/]*).*/, '$1')}/${database}`;
    const url = process.env['ENT_TEST_MONGODB_URL'] ? server.url : `${base}?transactions=false&decimals=text`;
    const { db, drop, url: own } = await workerDatabase(url, { worker: 1 });
    await db.repo(tags).insertMany(fakeMany(tags, 3));
    await db.close();
    const again = await workerDatabase(own.replace('_1', ''), { worker: 1 });
    expect(await again.db.repo(tags).count()).toBe(0);
    await expect(rolledBack(again.db, async () => 1)).rejects.toMatchObject({ code: 'database.unsupported' });
    await again.drop();
    await drop();
  });
});

describe('workerDatabase on SQLite', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is a file beside the one of the URL', async () => {
    const url = `sqlite:${join(folder, 'app.db')}?synchronous=full`;
    const first = await workerDatabase<SqlNative>(url, { worker: 2, migrations });
    expect(first.url).toBe(`sqlite:${join(folder, 'app_2.db')}?synchronous=full`);
    await first.db.repo(tags).insert(fake(tags));
    await first.db.close();
    const { db, drop } = await workerDatabase<SqlNative>(url, { worker: 2, migrations });
    expect(await db.repo(tags).count()).toBe(0);
    await drop();
    await expect(access(join(folder, 'app_2.db'))).rejects.toThrow();
  });

  it('is that file where the URL writes a character of its name as %20', async () => {
    const url = `sqlite:${join(folder, 'my%20app.db')}`;
    const first = await workerDatabase<SqlNative>(url, { worker: 2, migrations });
    await first.db.repo(tags).insert(fake(tags));
    await first.db.close();
    const { db, drop } = await workerDatabase<SqlNative>(url, { worker: 2, migrations });
    expect(await db.repo(tags).count()).toBe(0);
    await drop();
    await expect(access(join(folder, 'my app_2.db'))).rejects.toThrow();
  });

  it.each([
    ['postgres://localhost', { worker: 1 }],
    ['postgres://localhost/', { worker: 1 }],
    ['sqlite::memory:', { worker: 'a-b' }],
    ['sqlite::memory:', { worker: '' }],
    // A variable of the environment that is not set: two workers would have the same database.
    ['sqlite::memory:', {}],
    ['sqlite::memory:', { worker: undefined }],
    ['sqlite::memory:', { worker: null }],
    ['sqlite::memory:', { worker: Number.NaN }],
    ['sqlite::memory:', { worker: 1.5 }],
    ['postgres://localhost/a%zz', { worker: 1 }],
    ['sqlite:./a%zz.db', { worker: 1 }],
    ['sqlite::memory:', { worker: 1, migration: [] }],
    [`postgres://localhost/${'x'.repeat(63)}`, { worker: 1 }],
  ])('refuses %s with %j', async (url, options) => {
    await expect(workerDatabase(url, options as never)).rejects.toMatchObject({ code: 'database.invalid_definition' });
  });
});

describe('fake', () => {
  const users = defineEntity({
    name: 'users',
    fields: {
      id: 'string',
      email: 'string',
      name: 'string',
      age: 'int',
      seenAt: nullable('date'),
      number: generated('int'),
    },
    unique: [['email'], ['age']],
  });

  it('makes the same by the same seed, and never the same twice', () => {
    const [one, same, other] = [fakes(1), fakes(1), fakes('other')];
    const rows = one.fakeMany(users, 100);
    expect(same.fakeMany(users, 100)).toEqual(rows);
    expect(other.fakeMany(users, 100)).not.toEqual(rows);
    for (const field of ['id', 'email', 'age'] as const) {
      expect(new Set([...rows, one.fake(users)].map((row) => row[field])).size).toBe(101);
    }
    expect(rows[0]?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('leaves out what the insert fills in, and takes what is given', () => {
    const row = fake(users, { name: 'Ann', seenAt: new Date(0) });
    expect(Object.keys(row).sort()).toEqual(['age', 'email', 'id', 'name', 'seenAt']);
    expect([row.name, row.seenAt]).toEqual(['Ann', new Date(0)]);
    expect(fakeMany(users, 3, (at) => ({ age: at })).map(({ age }) => age)).toEqual([0, 1, 2]);
  });

  it('asks for the value of an enum', () => {
    const rated = defineEntity({ name: 'rated', fields: { id: 'string', rating: stored('string', { as: 'enum' }) } });
    expect(() => fake(rated)).toThrow(/rating/);
    expect(fake(rated, { rating: 'G' }).rating).toBe('G');
  });
});
