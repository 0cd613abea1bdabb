import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { channels, createDatabase, type Database, defineEntity, nullable, type QueryOperation } from '@ent/database';
import type { SqlNative } from '@ent/database/sql';
import { sqlite } from '@ent/database/sqlite';
import { createTables, testDatabaseDriver } from '@ent/database/testing';
import BetterSqlite3 from 'better-sqlite3';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { people, rejection, signal } from '../fixtures/people.ts';
import { fileHarness, memoryHarness, runFixture, temporaryFolder } from '../fixtures/storage.ts';

describe('a SQLite file, by the conformance suite', () => {
  testDatabaseDriver({ it }, fileHarness);
});
describe('SQLite in memory, by the conformance suite', () => {
  testDatabaseDriver({ it }, memoryHarness);
});

let folder: string;
let file: string;
let opened: Database[];
beforeEach(async () => {
  folder = await temporaryFolder();
  file = join(folder, 'test.db');
  opened = [];
});
afterEach(async () => {
  for (const db of opened) await db.close();
  await rm(folder, { recursive: true });
});

async function open(options: { file?: string; synchronous?: 'full' } = {}): Promise<Database<SqlNative>> {
  const db = createDatabase({ driver: sqlite({ file, ...options }) });
  opened.push(db);
  await createTables(db, people);
  return db;
}

const pragma = async (db: Database<SqlNative>, name: string): Promise<unknown> => {
  const { rows } = await sql.raw<Record<string, unknown>>(`pragma ${name}`).execute(db.native.kysely);
  return Object.values(rows[0] ?? {})[0];
};

describe('a SQLite file', () => {
  it('is made with its folder, in WAL mode, with foreign keys on', async () => {
    const db = await open({ file: join(folder, 'not', 'there', 'yet.db') });
    expect([
      await pragma(db, 'journal_mode'),
      await pragma(db, 'foreign_keys'),
      await pragma(db, 'synchronous'),
    ]).toEqual(['wal', 1, 1]);
    expect(await pragma(await open({ synchronous: 'full' }), 'synchronous')).toBe(2);
    expect(db.driver.namespace).toBe('yet.db');
  });

  it('that cannot be opened, or is none, is unavailable', async () => {
    const text = join(folder, 'text.db');
    await writeFile(text, 'this is no database, however long it may be '.repeat(100));
    await mkdir(join(folder, 'folder.db'));
    for (const path of [text, join(folder, 'folder.db'), join(text, 'x.db')]) {
      expect((await rejection(open({ file: path }))).code).toBe('database.unavailable');
    }
  });

  it('must be named by a plain path', () => {
    for (const options of [
      { file: '' },
      { file: 'file:x' },
      { file: 'a\0b' },
      { file: 5 },
      { file: 'x', synchronous: 'off' },
    ]) {
      expect(() => sqlite(options as never)).toThrow(expect.objectContaining({ code: 'database.invalid_definition' }));
    }
  });

  it('that is full says so, and serves again when there is room', async () => {
    const db = await open();
    const pages = (await pragma(db, 'page_count')) as number;
    await pragma(db, `max_page_count = ${pages + 2}`);
    const repo = db.repo(people);
    const big = { email: 'a', name: 'x'.repeat(100_000) };
    const error = await rejection(repo.insert(big));
    expect([error.code, (error as unknown as { status: number }).status]).toEqual(['database.full', 503]);
    expect((await rejection(db.transaction(() => repo.insert(big)))).code).toBe('database.full');
    await pragma(db, 'max_page_count = 100000');
    await repo.insert(big);
    expect(await repo.count()).toBe(1);
  });

  it('lets readers see what was committed while a transaction writes, several read-only transactions included', async () => {
    const db = await open();
    const repo = db.repo(people);
    await repo.insert({ email: 'before' });
    const [began, done] = [signal(), signal()];
    const writing = db.transaction(async () => {
      await repo.insert({ email: 'during' });
      began.fire();
      await done.promise;
    });
    await began.promise;
    const readers = Array.from({ length: 6 }, () => db.transaction(() => repo.count(), { readOnly: true }));
    expect(await Promise.all([repo.count(), ...readers])).toEqual(Array(7).fill(1));
    done.fire();
    await writing;
    expect(await repo.count()).toBe(2);
    expect(db.stats()).toMatchObject({ inUse: 0, waiting: 0 });
  });

  it('shows a read-only transaction the state of its beginning, whatever is committed meanwhile', async () => {
    const db = await open();
    const other = await open();
    const repo = db.repo(people);
    await db.transaction(
      async () => {
        await other.repo(people).insert({ email: 'later' });
        expect(await repo.count()).toBe(0);
      },
      { readOnly: true },
    );
    expect(await repo.count()).toBe(1);
  });

  it('is opened again when its connection was closed by somebody else', async () => {
    const driver = sqlite({ file });
    const db = createDatabase({ driver });
    await createTables(db, people);
    await db.repo(people).insert({ email: 'a' });
    driver.client?.close();
    expect(await db.repo(people).count()).toBe(1);
    const lost = db.transaction(async () => {
      await db.repo(people).insert({ email: 'b' });
      driver.client?.close();
      await db.repo(people).insert({ email: 'c' });
    });
    expect((await rejection(lost)).code).toBe('database.unavailable');
    await db.repo(people).insert({ email: 'd' });
    expect((await db.repo(people).find()).map(({ email }) => email)).toEqual(['a', 'd']);
    await db.close();
  });

  it('does not block the event loop while another process holds the lock', async () => {
    const db = await open();
    const holder = new BetterSqlite3(file);
    holder.exec('begin immediate');
    const writing = db.repo(people).insert({ email: 'waits' });
    let turns = 0;
    while (turns < 50) {
      await new Promise(setImmediate);
      turns += 1;
    }
    const error = await rejection(db.repo(people).insert({ email: 'gives up' }, { timeout: 200 }));
    expect(error.message).toBe('people.insert took longer than 200 ms, waiting for a transaction that is writing.');
    expect(await db.repo(people).count()).toBe(0);
    holder.exec('commit');
    holder.close();
    await writing;
    expect((await db.repo(people).find()).map(({ email }) => email)).toEqual(['waits']);
  });

  it('loses no update of four processes that write at the same time, and shows none of them a conflict', async () => {
    const db = await open();
    const fields = { id: 'string', cents: 'int', moves: 'int' } as const;
    const accounts = defineEntity({ name: 'accounts', fields });
    await createTables(db, accounts);
    await db.repo(accounts).insertMany(['a', 'b', 'c'].map((id) => ({ id, cents: 1000, moves: 0 })));
    const children = Array.from({ length: 4 }, () => runFixture('transfer.ts', file, '40'));
    const codes = await Promise.all(
      children.map(async (child) => {
        child.stderr.pipe(process.stderr);
        const [code] = (await once(child, 'close')) as [number];
        return code;
      }),
    );
    expect(codes).toEqual([0, 0, 0, 0]);
    const rows = await db.repo(accounts).find({ sort: [['id', 'asc']] });
    expect(rows.map(({ cents, moves }) => [cents, moves])).toEqual([
      [920, 80],
      [1000, 160],
      [1080, 80],
    ]);
  });

  it('says that another process is in the way when it is', async () => {
    const db = await open();
    const holder = new BetterSqlite3(file);
    holder.exec('begin immediate');
    const error = await rejection(db.transaction(async () => {}, { timeout: 200 }));
    expect(error.message).toBe('transaction took longer than 200 ms, waiting for a lock that another process holds.');
    holder.exec('rollback');
    holder.close();
    await db.transaction(async () => {});
  });
});

describe('statements of the repository', () => {
  async function statementsOf(db: Database, work: () => Promise<unknown>): Promise<string[]> {
    const statements: string[] = [];
    const listen = (payload: unknown) => statements.push((payload as QueryOperation).statement ?? '');
    channels.query.asyncEnd.subscribe(listen);
    await work().finally(() => channels.query.asyncEnd.unsubscribe(listen));
    expect(db.stats().inUse).toBe(0);
    return statements;
  }

  it('use an index for a prefix, a window, a page in the middle and an id', async () => {
    const db = await open();
    await db.native.kysely.schema.createIndex('by_age').on('people').columns(['age', 'id']).execute();
    const repo = db.repo(people);
    await repo.insertMany(Array.from({ length: 30 }, (_, n) => ({ email: `e${n}`, age: n })));
    const { next } = await repo.window({ size: 5, sort: [['age', 'asc']] });
    const statements = await statementsOf(db, async () => {
      await repo.get('x');
      await repo.find({ where: { email: { startsWith: 'e1' } } });
      await repo.find({ where: { email: 'e1' } });
      await repo.window({ size: 5, sort: [['age', 'asc']], after: next });
      await repo.window({ size: 5 });
    });
    const plans: string[] = [];
    const reader = new BetterSqlite3(file, { readonly: true });
    for (const statement of statements) {
      const steps = reader.prepare(`explain query plan ${statement.replaceAll('?', "'x'")}`).all() as {
        detail: string;
      }[];
      plans.push(steps.map(({ detail }) => detail).join('; '));
    }
    reader.close();
    expect(plans).toEqual([
      'SEARCH people USING INDEX sqlite_autoindex_people_1 (id=?)',
      'SEARCH people USING INDEX sqlite_autoindex_people_2 (email>? AND email<?); USE TEMP B-TREE FOR ORDER BY',
      'SEARCH people USING INDEX sqlite_autoindex_people_2 (email=?)',
      'SEARCH people USING INDEX by_age (age>?)',
      'SCAN people USING INDEX sqlite_autoindex_people_1',
    ]);
  });

  it('take 32,766 values and refuse more before they are sent', async () => {
    const db = await open();
    const values = Array.from({ length: 32_767 }, (_, n) => n);
    const repo = db.repo(people);
    expect(await repo.count({ age: { in: values.slice(1) } })).toBe(0);
    expect((await rejection(repo.count({ age: { in: values } }))).code).toBe('database.invalid_query');
  });

  it('refuse a stored value that is none of the field, without repeating it', async () => {
    const db = await open();
    const repo = db.repo(people);
    for (const [column, value] of [
      ['tags', 'hunter2 {'],
      ['age', 'hunter2'],
      ['age', 2n ** 60n],
      ['version', null],
    ] as const) {
      await db.native.kysely.schema.dropTable('people').execute();
      await sql`create table people (id, email, name, tags, age, version)`.execute(db.native.kysely);
      await db.native.kysely
        .insertInto('people')
        .values({ id: 'a', email: 'e', version: 1, [column]: value })
        .execute();
      const error = await rejection(repo.get('a'));
      expect(error).toMatchObject({ code: 'database.bad_data', details: { entity: 'people', fields: [column] } });
      expect(JSON.stringify([error.message, error.cause ?? null])).not.toContain('hunter2');
    }
  });

  it('say which table or column is missing', async () => {
    const db = await open();
    const ghosts = db.repo(defineEntity({ name: 'ghosts', fields: { id: 'string' } }));
    expect((await rejection(ghosts.find())).message).toBe('ghosts.find: no such table: ghosts.');
  });

  it('name the constraint that refused', async () => {
    const db = await open();
    const { kysely } = db.native;
    await sql`create table parents (id text primary key)`.execute(kysely);
    await sql`create table kids (
      id text primary key, parent text not null references parents (id), age int constraint grown check (age > 17), nick text
    )`.execute(kysely);
    await sql`create unique index kids_nick on kids (lower(nick))`.execute(kysely);
    await sql`insert into parents values ('p')`.execute(kysely);
    const fields = {
      id: 'string',
      parent: nullable('string'),
      age: nullable('int'),
      nick: nullable('string'),
    } as const;
    const kids = db.repo(defineEntity({ name: 'kids', fields }));
    await kids.insert({ parent: 'p', age: 20, nick: 'Al' });
    const refusals = [
      await rejection(kids.insert({ parent: 'nobody' })),
      await rejection(kids.insert({ parent: null })),
      await rejection(kids.insert({ parent: 'p', age: 5 })),
      await rejection(kids.insert({ parent: 'p', nick: 'AL' })),
      await rejection(sql`delete from parents`.execute(kysely)),
    ];
    expect(refusals.map(({ code }) => code)).toEqual([
      'database.foreign_key_violation',
      'database.not_null_violation',
      'database.check_violation',
      'database.unique_violation',
      'database.foreign_key_violation',
    ]);
    expect(refusals.slice(1, 4)).toMatchObject([
      { details: { fields: ['parent'] } },
      { details: { constraint: 'grown' } },
      { details: { constraint: 'kids_nick' } },
    ]);
  });
});

describe('db.native.kysely on SQLite', () => {
  it('joins the transaction around it, and its failures end it', async () => {
    const db = await open();
    const { kysely } = db.native;
    await rejection(
      db.transaction(async () => {
        await kysely.insertInto('people').values({ id: 'a', email: 'a', version: 1 }).execute();
        expect(await db.repo(people).count()).toBe(1);
        throw new Error('back');
      }),
    );
    expect(await kysely.selectFrom('people').selectAll().execute()).toEqual([]);
    const failed = db.transaction(async () => {
      await kysely
        .selectFrom('nowhere')
        .selectAll()
        .execute()
        .catch(() => {});
      await db.repo(people).insert({ email: 'b' });
    });
    expect((await rejection(failed)).code).toBe('database.transaction_failed');
  });

  it('of a transaction handle belongs to that transaction where the context is lost', async () => {
    const db = await open();
    const start = signal();
    let tx: Database<SqlNative> | undefined;
    const stranger = start.promise.then(() =>
      tx?.native.kysely.insertInto('people').values({ id: 'a', email: 'a', version: 1 }).execute(),
    );
    await rejection(
      db.transaction(async (handle) => {
        tx = handle;
        start.fire();
        await stranger;
        throw new Error('back');
      }),
    );
    expect(await db.repo(people).count()).toBe(0);
  });

  it("refuses Kysely's own transactions, streams and destroy, which would not know of ours", async () => {
    const db = await open();
    const { kysely } = db.native;
    const refused = [
      kysely.transaction().execute(async () => {}),
      kysely.startTransaction().execute(),
      kysely.destroy(),
      (async () => {
        for await (const _row of kysely.selectFrom('people').selectAll().stream()) expect.unreachable();
      })(),
    ];
    for (const attempt of refused) expect((await rejection(attempt)).code).toBe('database.unsupported');
    expect(await kysely.connection().execute((one) => one.selectFrom('people').selectAll().execute())).toEqual([]);
    expect(db.stats().inUse).toBe(0);
  });

  it('maps errors, counts changes, keeps big integers, and binds booleans and dates as repositories store them', async () => {
    const db = await open();
    const { kysely } = db.native;
    const at = new Date('2026-01-02T03:04:05.678Z');
    await kysely.schema
      .createTable('raw')
      .addColumn('n', 'integer')
      .addColumn('b', 'integer')
      .addColumn('at', 'integer')
      .execute();
    const [inserted] = await kysely
      .insertInto('raw')
      .values({ n: 2n ** 53n + 1n, b: true, at })
      .execute();
    expect(inserted).toMatchObject({ insertId: 1n, numInsertedOrUpdatedRows: 1n });
    expect(await kysely.selectFrom('raw').selectAll().execute()).toEqual([
      { n: 2n ** 53n + 1n, b: 1, at: at.getTime() },
    ]);
    expect((await rejection(sql`select ${undefined}`.execute(kysely))).code).toBe('database.invalid_query');
    expect((await rejection(sql`select ${{}}`.execute(kysely))).code).toBe('database.bad_data');
    await db.repo(people).insert({ email: 'a' });
    const taken = kysely.insertInto('people').values({ id: 'b', email: 'a', version: 1 }).execute();
    expect(await rejection(taken)).toMatchObject({ code: 'database.unique_violation', details: { fields: ['email'] } });
  });

  it('may read with any SQL in a read-only transaction, and SQLite refuses what writes', async () => {
    for (const db of [await open(), await open({ file: ':memory:' })]) {
      const { kysely } = db.native;
      await db
        .transaction(
          async () => {
            expect((await sql`select 1 as one`.execute(kysely)).rows).toEqual([{ one: 1 }]);
            const write = sql`insert into people (id, email, version) values ('a', 'a', 1)`.execute(kysely);
            expect((await rejection(write)).code).toBe('database.read_only');
          },
          { readOnly: true },
        )
        .catch(() => {});
      await db.repo(people).insert({ email: 'a' });
    }
  });

  it('notices a transaction that was ended behind our back, and ends one that was left open', async () => {
    const db = await open();
    const { kysely } = db.native;
    const ended = db.transaction(async () => {
      await db.repo(people).insert({ email: 'a' });
      await sql`rollback`.execute(kysely);
      await db.repo(people).insert({ email: 'b' });
    });
    expect((await rejection(ended)).message).toContain('the transaction was ended');
    await sql`begin`.execute(kysely);
    await db.transaction(() => db.repo(people).insert({ email: 'c' }));
    expect((await db.repo(people).find()).map(({ email }) => email)).toEqual(['c']);
  });

  it('can be given up by its own signal', async () => {
    const db = await open();
    const reason = new Error('gone');
    const query = db.native.kysely.selectFrom('people').selectAll();
    const error = await rejection(query.execute({ signal: AbortSignal.abort(reason) }));
    expect(error.cause === reason || error === reason).toBe(true);
    expect(await query.execute({ signal: new AbortController().signal })).toEqual([]);
  });
});

describe('a connection that was handed in', () => {
  it('serves everything, keeps its settings, and stays open', async () => {
    const client = new BetterSqlite3(file);
    const db = createDatabase({ driver: sqlite({ client }) });
    await createTables(db, people);
    await db.transaction(() => db.repo(people).insert({ email: 'a' }));
    expect(await db.transaction(() => db.repo(people).count(), { readOnly: true })).toBe(1);
    expect([db.driver.namespace, client.pragma('journal_mode', { simple: true })]).toEqual(['test.db', 'delete']);
    await db.close();
    expect([client.open, client.inTransaction]).toEqual([true, false]);
    client.close();
  });

  it('that the application has closed is unavailable', async () => {
    const client = new BetterSqlite3(':memory:');
    const db = createDatabase({ driver: sqlite({ client }) });
    await db.ping();
    client.close();
    expect((await rejection(db.ping())).code).toBe('database.unavailable');
    expect((await rejection(db.transaction(async () => {}))).code).toBe('database.unavailable');
    await db.close();
  });

  it('is reachable: the one that we made, too', async () => {
    const driver = sqlite({ file });
    const db = createDatabase({ driver });
    expect(driver.client).toBeUndefined();
    await db.ping();
    expect(driver.client?.open).toBe(true);
    await db.close();
    expect([driver.client?.open, db.stats().total]).toEqual([false, 0]);
  });
});
