// The statements that repositories send, and what SQLite makes of them.
import { channels, type Database, defineEntity, nullable, type QueryOperation } from '@ent/database';
import BetterSqlite3 from 'better-sqlite3';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { ann, people, rejection } from '../fixtures/people.ts';
import { useSqliteFile } from '../fixtures/sqlite-file.ts';

const place = useSqliteFile();

it('a loop of calls that are answered at once lets timers fire: alone, in a transaction, and of ones that fail', async () => {
  const db = await place.open();
  const repo = db.repo(people);
  const taken = { ...ann, id: 'bob' };
  await repo.insert(ann);
  const untilTimer = async (call: () => Promise<unknown>): Promise<boolean> => {
    let isFired = false;
    setTimeout(() => (isFired = true), 1);
    for (let calls = 0; calls < 100_000 && !isFired; calls += 1) await call();
    return isFired;
  };
  expect(await untilTimer(() => rejection(repo.insert(taken)))).toBe(true);
  expect(await untilTimer(() => repo.get('ann'))).toBe(true);
  expect(await db.transaction(() => untilTimer(() => repo.get('ann')))).toBe(true);
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
    const db = await place.open();
    await db.native.kysely.schema.createIndex('by_age').on('people').columns(['age', 'id']).execute();
    const repo = db.repo(people);
    await repo.insertMany(Array.from({ length: 30 }, (_, n) => ({ email: `e${n}`, age: n })));
    const { next } = await repo.window({ limit: 5, sort: [['age', 'asc']] });
    const statements = await statementsOf(db, async () => {
      await repo.get('x');
      await repo.find({ where: { email: { startsWith: 'e1' } } });
      await repo.find({ where: { email: 'e1' } });
      await repo.window({ limit: 5, sort: [['age', 'asc']], after: next });
      await repo.window({ limit: 5 });
    });
    const plans: string[] = [];
    const reader = new BetterSqlite3(place.file, { readonly: true });
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
    const db = await place.open();
    const values = Array.from({ length: 32_767 }, (_, n) => n);
    const repo = db.repo(people);
    expect(await repo.count({ where: { age: { in: values.slice(1) } } })).toBe(0);
    expect((await rejection(repo.count({ where: { age: { in: values } } }))).code).toBe('database.invalid_query');
  });

  it('refuse a stored value that is none of the field, without repeating it', async () => {
    const db = await place.open();
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
    const db = await place.open();
    const ghosts = db.repo(defineEntity({ name: 'ghosts', fields: { id: 'string' } }));
    expect((await rejection(ghosts.find())).message).toBe('ghosts.find: no such table: ghosts.');
  });

  it('name the constraint that refused', async () => {
    const db = await place.open();
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

describe('a deleted row under a unique key that counts it', () => {
  it('makes place for an upsert', async () => {
    const db = await place.open();
    await sql`create table tags (id text primary key, label text unique, uses integer, deletedAt integer)`.execute(
      db.native.kysely,
    );
    const tags = db.repo(
      defineEntity({
        name: 'tags',
        fields: { id: 'string', label: 'string', uses: 'int', deletedAt: nullable('date') },
        unique: [['label']],
        deletedAt: 'deletedAt',
      }),
    );
    const old = await tags.insert({ label: 'a', uses: 5 });
    await tags.delete(old.id);
    const fresh = await tags.upsert(['label'], { label: 'a', uses: 1 }, { inc: { uses: 1 } });
    expect(fresh).toEqual({ id: fresh.id, label: 'a', uses: 1, deletedAt: null });
    expect(fresh.id).not.toBe(old.id);
    expect(await tags.find({ withDeleted: true })).toEqual([fresh]);
  });
});
