// What MySQL and MariaDB store and answer comes through unchanged: nothing is rounded, nothing moves with the zone of
// the machine or of the server. Each of these was seen to go wrong with mysql2 as it is.
import { createDatabase, type Database, defineEntity, nullable } from '@ent/database';
import { mysql } from '@ent/database/mysql';
import type { SqlNative } from '@ent/database/sql';
import { createTables } from '@ent/database/testing';
import { describeWithServer } from '@ent/testkit/vitest';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, isMariaDb, newDatabase } from '../fixtures/mysql.ts';
import { rejection } from '../fixtures/people.ts';

const moments = defineEntity({
  name: 'moments',
  fields: { id: 'string', at: 'date', exact: nullable('decimal'), data: nullable('json'), flag: nullable('boolean') },
});
const totals = defineEntity({ name: 'totals', fields: { id: 'string', big: 'bigint', exact: 'decimal' } });
const words = defineEntity({
  name: 'words',
  fields: { id: 'string', text: 'string', key: 'string' },
  unique: [['key']],
});

describeWithServer('mariadb', (server) => {
  let db: Database<SqlNative>;
  let place: Awaited<ReturnType<typeof newDatabase>>;
  const zone = process.env['TZ'];
  beforeEach(async () => {
    place = await newDatabase(server.url);
    db = createDatabase({ driver: mysql({ url: place.url }) });
    await createTables(db, moments, totals, words);
  });
  afterEach(() => db.close());
  afterAll(() => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  });

  /** What one expression answers through `db.native`, by both protocols of mysql2 where it can be asked by both. */
  async function value(expression: string): Promise<unknown> {
    const { rows } = await sql.raw<{ v: unknown }>(`select ${expression} as v`).execute(db.native.kysely);
    return rows[0]?.v;
  }

  describe.each([
    ['UTC', 0],
    ['America/New_York', 300],
    ['Africa/Monrovia', 44],
  ])('with TZ=%s', (name, minutesIn1960) => {
    beforeEach(() => {
      process.env['TZ'] = name;
      expect(Math.floor(new Date(Date.UTC(1960, 0)).getTimezoneOffset())).toBe(minutesIn1960);
    });

    it('dates of repositories are the same instant, in the year 1 and in the hour that comes twice', async () => {
      const instants = ['0001-01-01T00:00:00.000Z', '0050-06-01T12:00:00.001Z', '1850-06-01T12:00:00.001Z'];
      instants.push('1960-01-01T00:00:00.000Z', '1969-12-31T23:59:59.999Z', '2024-03-10T07:30:00.000Z');
      instants.push('2024-11-03T05:30:00.000Z', '2024-11-03T06:30:00.000Z', '9999-12-31T23:59:59.999Z');
      await db.repo(moments).insertMany(instants.map((at, n) => ({ id: `${n}`, at: new Date(at) })));
      const rows = await db.repo(moments).find({ sort: [['id', 'asc']] });
      expect(rows.map(({ at }) => at.toISOString())).toEqual(instants);
      const stored = await ask(
        place.url,
        `select date_format(at, '%Y-%m-%dT%H:%i:%s.%f') as at from moments order by id`,
      );
      expect(stored.map(({ at }) => String(at).replace(/000$/, 'Z'))).toEqual(instants);
      for (const at of instants) expect(await db.repo(moments).count({ where: { at: new Date(at) } })).toBe(1);
    });

    it('native dates are bound as instants, and answered without a shift', async () => {
      await db.repo(moments).insert({ id: 'a', at: new Date('1960-01-01T00:00:00.500Z') });
      const { rows } = await sql<{ v: unknown; at: unknown }>`
        select concat(${new Date('2024-07-01T00:00:00Z')}, '') as v, at from moments`.execute(db.native.kysely);
      expect(rows).toEqual([{ v: '2024-07-01 00:00:00.000', at: new Date('1960-01-01T00:00:00.500Z') }]);
      expect(await value(`date '2024-03-10'`)).toBe('2024-03-10');
      expect(await value(`time '02:30:00'`)).toBe('02:30:00');
      expect(await value(`timestamp '2024-03-10 02:30:00'`)).toEqual(new Date('2024-03-10T02:30:00Z'));
      expect(await value('cast(from_unixtime(0) as char)')).toBe('1970-01-01 00:00:00');
    });
  });

  it('the zone of the server does not matter', async () => {
    const [before] = await ask(place.url, 'select @@global.time_zone as zone');
    await ask(place.url, `set global time_zone = '-04:44'`);
    try {
      const other = createDatabase<SqlNative>({ driver: mysql({ url: place.url }) });
      const at = new Date('2024-07-01T12:00:00.123Z');
      await other.repo(moments).insert({ id: 'a', at });
      expect(await db.repo(moments).get('a')).toMatchObject({ at });
      const { rows } = await sql`select count(*) as n from moments where at < utc_timestamp()`.execute(
        other.native.kysely,
      );
      expect(rows).toEqual([{ n: 1 }]);
      await other.close();
    } finally {
      await ask(place.url, `set global time_zone = '${String(before?.['zone'])}'`);
    }
  });

  it('native integers are numbers, or bigint where a number would round, bound and answered', async () => {
    expect(await value('cast(5 as signed)')).toBe(5);
    expect(await value('cast(9007199254740993 as signed)')).toBe(9_007_199_254_740_993n);
    expect(await value('cast(18446744073709551615 as unsigned)')).toBe(18_446_744_073_709_551_615n);
    expect(await value('count(*)')).toBe(1);
    const bound = sql`select ${9_007_199_254_740_993n} as a, ${2n ** 64n - 1n} as b, ${7} div ${2} as c, ${0.5} as d`;
    expect((await bound.execute(db.native.kysely)).rows).toEqual([
      { a: 9_007_199_254_740_993n, b: 2n ** 64n - 1n, c: 3, d: 0.5 },
    ]);
    for (const wrong of [2n ** 64n, Number.NaN, Infinity]) {
      expect((await rejection(sql`select ${wrong} as v`.execute(db.native.kysely))).code).toBe('database.bad_data');
    }
    const limited = db.native.kysely.selectFrom('moments').selectAll().limit(10).offset(0);
    expect(await limited.execute()).toEqual([]);
  });

  it('native decimals are text, and floating-point numbers exact', async () => {
    expect(await value(`cast('1.10' as decimal(10, 2))`)).toBe('1.10');
    expect(await value(`cast('1234567890123456789012345678902345678.123' as decimal(65, 3))`)).toBe(
      '1234567890123456789012345678902345678.123',
    );
    expect(await value('sum(9007199254740993.0)')).toBe('9007199254740993.0');
    expect([await value('0.1e0'), await value('9.876543210123456e0'), await value('5e-324')]).toEqual([
      0.1, 9.876543210123456, 5e-324,
    ]);
  });

  it('native instants are dates, or text where a date would cut microseconds or cannot be', async () => {
    expect(await value(`timestamp '2024-01-01 00:00:00.123'`)).toEqual(new Date('2024-01-01T00:00:00.123Z'));
    expect(await value(`timestamp '2024-01-01 00:00:00.123000'`)).toEqual(new Date('2024-01-01T00:00:00.123Z'));
    expect(await value(`timestamp '2024-01-01 00:00:00.123999'`)).toBe('2024-01-01 00:00:00.123999');
  });

  it('native JSON is parsed, or text where a number in it would be rounded', async () => {
    expect(await value(`json_object('b', 1, 'a', json_array('x', null))`)).toEqual({ b: 1, a: ['x', null] });
    expect(await value(`json_extract('{"a":9007199254740993}', '$')`)).toBe('{"a": 9007199254740993}');
    expect(await value(`json_extract('"12"', '$')`)).toBe('12');
  });

  it('other native values are what they say', async () => {
    expect(await value(`x'00ff'`)).toEqual(Buffer.from([0, 255]));
    expect([await value('true'), await value('null'), await value(`'höre 😀'`)]).toEqual([1, null, 'höre 😀']);
    const { rows } = await sql`select ${true} as yes, ${new Uint8Array([0, 255])} as raw`.execute(db.native.kysely);
    expect(rows).toEqual([{ yes: 1, raw: Buffer.from([0, 255]) }]);
    await sql.raw('create procedure two() begin select 1 as a; select 2 as b; end').execute(db.native.kysely);
    expect((await sql.raw('call two()').execute(db.native.kysely)).rows).toEqual([{ a: 1 }]);
  });

  it('what an insert makes by itself is told, and RETURNING gives its rows where the server has it', async () => {
    const { kysely } = db.native;
    await sql`create table made (id int primary key auto_increment, name varchar(9))`.execute(kysely);
    expect(await kysely.insertInto('made').values({ name: 'a' }).executeTakeFirst()).toEqual({
      insertId: 1n,
      numInsertedOrUpdatedRows: 1n,
    });
    if (!(await isMariaDb(place.url))) return;
    expect(await kysely.insertInto('made').values({ name: 'b' }).returning('id').execute()).toEqual([{ id: 2 }]);
    expect(await kysely.updateTable('made').set({ name: 'b' }).execute()).toEqual([
      { numUpdatedRows: 2n, numChangedRows: undefined },
    ]);
  });

  it('a stored value that a field cannot hold is refused, not changed', async () => {
    await ask(
      place.url,
      `insert into moments (id, at, data, flag) values ('big', now(), '[9007199254740993]', null), ('two', now(), null, 2)`,
    );
    await ask(place.url, `insert into moments (id, at) values ('zero', '0000-00-00')`, [], `sql_mode = ''`);
    for (const id of ['big', 'two', 'zero']) {
      expect((await rejection(db.repo(moments).get(id))).code).toBe('database.bad_data');
    }
  });

  it('dates are read by the columns that a table has now, whatever it had when the statement was prepared', async () => {
    const repo = db.repo(moments);
    const at = new Date('2024-03-10T07:30:00.123Z');
    const row = { id: 'a', at, exact: '1.5', data: null, flag: true };
    await repo.insert(row);
    await repo.insert({ ...row, id: 'b', exact: null, data: [1], flag: null });
    const read = async (): Promise<unknown> => Promise.all(['a', 'b'].map((id) => repo.get(id)));
    const same = [row, { ...row, id: 'b', exact: null, data: [1], flag: null }];
    for (const change of [
      'modify at datetime(6)',
      'modify at timestamp(3)',
      'modify at datetime(3), modify flag int',
    ]) {
      expect(await read()).toEqual(same);
      await ask(place.url, `alter table moments ${change} not null`.replace('int not null', 'int'));
    }
    expect(await read()).toEqual(same);
    await ask(place.url, 'alter table moments modify at datetime(6) not null');
    await ask(place.url, `update moments set at = '2024-03-10 07:30:00.123456' where id = 'a'`);
    expect((await rejection(repo.get('a'))).message).toContain('microseconds');
    expect(await repo.get('b')).toEqual(same[1]);
  });

  it('a column that rows cannot have is told as such, and not as a connection that was lost', async () => {
    const odd = await rejection(sql`select 1 as ${sql.id('__proto__')}`.execute(db.native.kysely));
    expect(odd).toMatchObject({ code: 'database.query_failed', message: expect.stringContaining('by AS') as string });
    expect(await value('2')).toBe(2);
  });

  it('several statements in one text are refused, as on every database', async () => {
    const several = sql.raw('select 1; select 2').execute(db.native.kysely);
    expect((await rejection(several)).code).toBe('database.query_failed');
  });

  it('decimals of 34 digits and integers of 64 bits are compared and added exactly', async () => {
    const repo = db.repo(totals);
    await repo.insert({ id: 'a', big: 2n ** 53n + 1n, exact: '123456789012345678901234567890.234' });
    expect(await repo.update('a', { inc: { big: 1n, exact: '0.001' } as object })).toEqual({
      id: 'a',
      big: 2n ** 53n + 2n,
      exact: '123456789012345678901234567890.235',
    });
    await repo.update('a', { inc: { big: -1n } });
    expect(await repo.count({ where: { big: 2n ** 53n + 1n } })).toBe(1);
    expect(await repo.count({ where: { big: 2n ** 53n } })).toBe(0);
    expect(await repo.count({ where: { exact: { gt: '123456789012345678901234567890.2349' } } })).toBe(1);
    expect(await repo.count({ where: { exact: { gt: '123456789012345678901234567890.235' } } })).toBe(0);
    const tiny = `0.${'0'.repeat(29)}1`;
    await repo.insert({ id: 'tiny', big: 0n, exact: tiny });
    expect((await repo.get('tiny'))?.exact).toBe(tiny);
    for (const refused of [
      repo.insert({ id: 'b', big: 0n, exact: `0.${'0'.repeat(30)}1` }),
      repo.update('a', { inc: { exact: `0.${'0'.repeat(30)}1` } as object }),
      repo.count({ where: { exact: `0.${'0'.repeat(30)}1` } }),
    ]) {
      expect((await rejection(refused)).message).toContain('30 digits behind the point');
    }
  });

  it('text is compared by code point in a database of latin1, trailing spaces, accents and emoji included', async () => {
    const repo = db.repo(words);
    const texts = ['a', 'a ', 'A', 'á', '😀', '😁', '\ufffd', '日本語', 'ß', 'ss'];
    await repo.insertMany(texts.map((text, n) => ({ id: `${n}`, text, key: text })));
    for (const text of texts) {
      expect(await repo.count({ where: { text } })).toBe(1);
      expect(await repo.count({ where: { key: text } })).toBe(1);
      expect((await rejection(repo.insert({ id: 'x', text, key: text }))).code).toBe('database.unique_violation');
    }
    const sorted = [...texts].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    for (const field of ['text', 'key'] as const) {
      expect((await repo.find({ sort: [[field, 'asc']] })).map((row) => row[field])).toEqual(sorted);
    }
    expect(await repo.count({ where: { text: { eq: 'Á', ignoreCase: true } } })).toBe(1);
  });

  it('texts that begin alike for long are sorted by what follows, and so are their pages', async () => {
    const repo = db.repo(words);
    const start = 'x'.repeat(3000);
    await repo.insertMany(['c', 'a', 'b'].map((end, n) => ({ id: `${n}`, text: start + end, key: end })));
    const ends: string[] = [];
    for (let after: string | undefined; ends.length < 3; ) {
      const page = await repo.window({ sort: [['text', 'asc']], limit: 1, after });
      ends.push(...page.items.map(({ text }) => text.slice(-1)));
      after = page.next ?? undefined;
    }
    expect(ends).toEqual(['a', 'b', 'c']);
  });

  it('lower case is that of Unicode, beyond U+FFFF too', async () => {
    const repo = db.repo(words);
    await repo.insert({ id: '1', text: '𐐀 Ünïcode', key: 'x' });
    expect(await repo.count({ where: { text: { startsWith: '𐐨 ü', ignoreCase: true } } })).toBe(1);
    expect(await repo.count({ where: { text: { contains: 'ÏC', ignoreCase: true } } })).toBe(1);
    expect(await repo.count({ where: { text: { contains: 'ïC' } } })).toBe(0);
  });
});
