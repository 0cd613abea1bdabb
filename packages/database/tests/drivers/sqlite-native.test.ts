// The application's own statements, beside the repositories.
import type { Database } from '@ent/database';
import type { SqlNative } from '@ent/database/sql';
import { CamelCasePlugin, sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { people, rejection, signal } from '../fixtures/people.ts';
import { useSqliteFile } from '../fixtures/sqlite-file.ts';

const place = useSqliteFile();

describe('db.native.kysely on SQLite', () => {
  it('joins the transaction around it, and its failures end it', async () => {
    const db = await place.open();
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
    const db = await place.open();
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

  it("refuses Kysely's own transactions, connections, streams and destroy, which would not know of ours", async () => {
    const db = await place.open();
    const { kysely } = db.native;
    const refused = [
      kysely.transaction().execute(async () => {}),
      kysely.startTransaction().execute(),
      kysely.connection().execute(async () => expect.unreachable()),
      kysely
        .withSchema('main')
        .withPlugin(new CamelCasePlugin())
        .connection()
        .execute(async () => expect.unreachable()),
      kysely.destroy(),
      (async () => {
        for await (const _row of kysely.selectFrom('people').selectAll().stream()) expect.unreachable();
      })(),
    ];
    for (const attempt of refused) expect((await rejection(attempt)).code).toBe('database.unsupported');
    expect(await kysely.withoutPlugins().selectFrom('people').selectAll().execute()).toEqual([]);
    expect(db.stats().inUse).toBe(0);
  });

  it('reads beside a transaction that writes, however the statement is spelled', async () => {
    const db = await place.open();
    const { kysely } = db.native;
    await db.repo(people).insert({ email: 'before' });
    const [began, done] = [signal(), signal()];
    const writing = db.transaction(async () => {
      await db.repo(people).insert({ email: 'during' });
      began.fire();
      await done.promise;
    });
    await began.promise;
    // Each would wait for the writer, which waits for them.
    const answers = [
      await kysely.selectFrom('people').select('email').execute(),
      await sql`select email from people`.execute(kysely).then(({ rows }) => rows),
      await sql`-- who?\n /* all */ SELECT email FROM people`.execute(kysely).then(({ rows }) => rows),
      await sql`with p as (select replace(email, 'x', 'y') as email from people) select * from p`
        .execute(kysely)
        .then(({ rows }) => rows),
    ];
    expect(answers).toEqual(Array(4).fill([{ email: 'before' }]));
    const write = sql`with p as (select 1) insert into people (id, email, version) values ('a', 'after', 1)`;
    const written = write.execute(kysely);
    done.fire();
    await Promise.all([writing, written]);
    expect(await db.repo(people).count()).toBe(3);
  });

  it('maps errors, counts changes, keeps big integers, and binds booleans and dates as repositories store them', async () => {
    const db = await place.open();
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

  it('binds integers as integers, and refuses by code what SQLite would store as something else', async () => {
    const db = await place.open();
    const { kysely } = db.native;
    const answer = async (value: unknown) =>
      (
        await sql<object>`select typeof(${value}) as kind, 7 / ${value} as half, cast(${value} as text) as text`.execute(
          kysely,
        )
      ).rows[0];
    expect(await answer(2)).toEqual({ kind: 'integer', half: 3, text: '2' });
    expect(await answer(2n)).toEqual({ kind: 'integer', half: 3, text: '2' });
    expect(await answer(2.5)).toEqual({ kind: 'real', half: 2.8, text: '2.5' });
    for (const value of [Number.NaN, new Date(Number.NaN), 2n ** 63n, -(2n ** 63n) - 1n]) {
      expect((await rejection(answer(value))).code).toBe('database.bad_data');
    }
    const edges = await sql<object>`select ${-(2n ** 63n)} as least, ${2n ** 63n - 1n} as most`.execute(kysely);
    expect(edges.rows).toEqual([{ least: -(2n ** 63n), most: 2n ** 63n - 1n }]);
  });

  it.each([false, true])('what the library refuses by itself has a code (thread: %s)', async (thread) => {
    const db = await place.open({ thread });
    const { kysely } = db.native;
    const run = (text: string, parameters: unknown[] = []): Promise<unknown> =>
      kysely.executeQuery({ ...sql.raw(text).compile(kysely), parameters });
    for (const [text, parameters, told] of [
      ['select 1; select 2', [], 'more than one statement'],
      ['-- nothing', [], 'no statement'],
      ['select ?', [], 'more placeholders than there are values'],
      ['select :a', [], 'placeholders with names'],
      ['select 1', [1], 'fewer placeholders than there are values'],
    ] as const) {
      const error = await rejection(run(text, [...parameters]));
      expect([error.code, error.message]).toEqual(['database.query_failed', expect.stringContaining(told)]);
    }
    expect(await db.repo(people).count()).toBe(0);
  });

  it('may read with any SQL in a read-only transaction, and SQLite refuses what writes', async () => {
    for (const db of [await place.open(), await place.open({ file: ':memory:' })]) {
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

  it('may leave a transaction open, which is ended', async () => {
    const db = await place.open();
    const { kysely } = db.native;
    await sql`begin`.execute(kysely);
    await db.transaction(() => db.repo(people).insert({ email: 'c' }));
    expect((await db.repo(people).find()).map(({ email }) => email)).toEqual(['c']);
  });

  it.each([false, true])('tells of a column that rows cannot have, and runs nothing (thread: %s)', async (thread) => {
    const db = await place.open({ thread });
    const { kysely } = db.native;
    await sql`create table odd ("__proto__" text, a int)`.execute(kysely);
    await sql`insert into odd values ('x', 1)`.execute(kysely);
    for (const text of ['select * from odd', 'select a as "__proto__" from odd', 'delete from odd returning *']) {
      expect((await rejection(sql.raw(text).execute(kysely))).code).toBe('database.unsupported');
    }
    expect((await sql`select "__proto__" as p, a from odd`.execute(kysely)).rows).toEqual([{ p: 'x', a: 1 }]);
  });

  it('can be given up by its own signal', async () => {
    const db = await place.open();
    const reason = new Error('gone');
    const query = db.native.kysely.selectFrom('people').selectAll();
    const error = await rejection(query.execute({ signal: AbortSignal.abort(reason) }));
    expect(error.cause === reason || error === reason).toBe(true);
    expect(await query.execute({ signal: new AbortController().signal })).toEqual([]);
  });
});
