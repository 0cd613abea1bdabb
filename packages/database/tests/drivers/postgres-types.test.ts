// What PostgreSQL stores and answers comes through unchanged: nothing is rounded, nothing moves with the zone of the
// machine. Each of these was seen to go wrong with pg as it is.
import { createDatabase, type Database, defineEntity, nullable } from '@ent/database';
import { postgres } from '@ent/database/postgres';
import type { SqlNative } from '@ent/database/sql';
import { createTables } from '@ent/database/testing';
import { describeWithServer } from '@ent/testkit/vitest';
import { sql } from 'kysely';
import { Pool } from 'pg';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rejection } from '../fixtures/people.ts';
import { ask, newSchema } from '../fixtures/postgres.ts';

const moments = defineEntity({
  name: 'moments',
  fields: { id: 'string', at: 'date', exact: nullable('decimal'), data: nullable('json') },
});
const totals = defineEntity({ name: 'totals', fields: { id: 'string', big: 'bigint', exact: 'decimal' } });

describeWithServer('postgres', (server) => {
  let db: Database<SqlNative>;
  let place: Awaited<ReturnType<typeof newSchema>>;
  const zone = process.env['TZ'];
  beforeEach(async () => {
    place = await newSchema(server.url);
    db = createDatabase({ driver: postgres(place) });
    await createTables(db, moments, totals);
  });
  afterEach(() => db.close());
  afterAll(() => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  });

  /** What one expression answers through `db.native`. */
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

    it('dates of repositories are the same instant, before whole-minute offsets too', async () => {
      const instants = ['0001-01-01T00:00:00.000Z', '1850-06-01T12:00:00.001Z', '1960-01-01T00:00:00.000Z'];
      instants.push('1969-12-31T23:59:59.999Z', '2024-03-10T07:30:00.000Z', '2024-11-03T05:30:00.000Z');
      instants.push('9999-12-31T23:59:59.999Z');
      await db.repo(moments).insertMany(instants.map((at, n) => ({ id: `${n}`, at: new Date(at) })));
      const rows = await db.repo(moments).find({ sort: [['id', 'asc']] });
      expect(rows.map(({ at }) => at.toISOString())).toEqual(instants);
      const stored = await ask(
        server.url,
        `select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at from ${place.searchPath}.moments order by id`,
      );
      expect(stored.map(({ at }) => at)).toEqual(instants);
    });

    it('native dates are bound as instants, and answered without a shift', async () => {
      const { rows } = await sql<{ v: unknown }>`
        select (${new Date('2024-07-01T00:00:00Z')})::timestamptz::text as v`.execute(db.native.kysely);
      expect(rows).toEqual([{ v: '2024-07-01 00:00:00+00' }]);
      expect(await value(`date '2024-03-10'`)).toBe('2024-03-10');
      expect(await value(`timestamp '2024-03-10 02:30:00'`)).toBe('2024-03-10 02:30:00');
      expect(await value(`timestamptz '1960-01-01 00:00:00+00'`)).toEqual(new Date('1960-01-01T00:00:00Z'));
    });
  });

  it('native integers are numbers, or bigint where a number would round', async () => {
    expect(await value('5::int8')).toBe(5);
    expect(await value('9007199254740993::int8')).toBe(9_007_199_254_740_993n);
    expect(await value('array[5, 9007199254740993, null]::int8[]')).toEqual([5, 9_007_199_254_740_993n, null]);
    expect(await value('count(*)')).toBe(1);
  });

  it('native decimals are text, in arrays too', async () => {
    expect(await value('1.10::numeric')).toBe('1.10');
    expect(await value('12345678901234567890123456789012345678.123::numeric')).toBe(
      '12345678901234567890123456789012345678.123',
    );
    expect(await value(`array[12345678901234567890.1, 'NaN']::numeric[]`)).toEqual(['12345678901234567890.1', 'NaN']);
  });

  it('native instants are dates, or text where a date would cut microseconds or cannot be', async () => {
    expect(await value(`timestamptz '2024-01-01 00:00:00.123+00'`)).toEqual(new Date('2024-01-01T00:00:00.123Z'));
    expect(await value(`timestamptz '2024-01-01 00:00:00.123999+00'`)).toBe('2024-01-01 00:00:00.123999+00');
    expect(await value(`'infinity'::timestamptz`)).toBe('infinity');
    expect(await value(`'infinity'::date`)).toBe('infinity');
    expect(await value(`interval '1 month 2 days'`)).toBe('1 mon 2 days');
  });

  it('native JSON is parsed, or text where a number in it would be rounded', async () => {
    expect(await value(`'{"a":[1,"x",null]}'::json`)).toEqual({ a: [1, 'x', null] });
    expect(await value(`'9007199254740992'::jsonb`)).toBe(9_007_199_254_740_992);
    expect(await value(`'{"a":9007199254740993}'::jsonb`)).toBe('{"a": 9007199254740993}');
    expect(await value(`'[1e400]'::json`)).toBe('[1e400]');
    expect(await value(`'[12345678901234567.89]'::json`)).toBe('[12345678901234567.89]');
    expect(await value(`'"12"'::json`)).toBe('12');
  });

  it('other native values are what they say', async () => {
    expect(await value(`array['a', 'b "q" \\ c', '', 'NULL', null, '{,}']::text[]`)).toEqual([
      'a',
      'b "q" \\ c',
      '',
      'NULL',
      null,
      '{,}',
    ]);
    expect(await value(`array[[1, 2], [3, 4]]::int4[]`)).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(await value(`'[0:1]={1,2}'::int4[]`)).toEqual([1, 2]);
    expect(await value(`'{}'::int4[]`)).toEqual([]);
    expect(await value(`array[true, false]`)).toEqual([true, false]);
    expect(await value(`'\\x00ff'::bytea`)).toEqual(Buffer.from([0, 255]));
    expect(await value(`array['\\x00ff'::bytea]`)).toEqual([Buffer.from([0, 255])]);
    expect(await value(`array[date '2024-03-10']`)).toEqual(['2024-03-10']);
    expect([await value(`'NaN'::float8`), await value('0.1::float8')]).toEqual([Number.NaN, 0.1]);
  });

  it('a stored value that a field cannot hold is refused, not changed', async () => {
    await ask(
      server.url,
      `insert into ${place.searchPath}.moments (id, at, data) values
        ('big', now(), '[9007199254740993]'), ('ever', 'infinity', null), ('bc', '0044-03-15 BC', null)`,
    );
    await ask(server.url, `insert into ${place.searchPath}.moments (id, at, exact) values ('nan', now(), 'NaN')`);
    for (const id of ['big', 'ever', 'bc', 'nan']) {
      expect((await rejection(db.repo(moments).get(id))).code).toBe('database.bad_data');
    }
  });

  it('decimals of 34 digits and integers of 64 bits are compared and added exactly', async () => {
    const repo = db.repo(totals);
    const exact = '1234567890123456789012345678901.234';
    await repo.insert({ id: 'a', exact, big: 9_007_199_254_740_993n });
    expect(await repo.get('a')).toMatchObject({ exact, big: 9_007_199_254_740_993n });
    // The type of `inc` knows no decimal, whose values are text.
    const added = await repo.update('a', { inc: { exact: '0.001', big: 1n } as { big: bigint } });
    expect(added).toMatchObject({ exact: '1234567890123456789012345678901.235', big: 9_007_199_254_740_994n });
    expect((await rejection(repo.update('a', { inc: { big: 2n ** 63n - 1n } }))).code).toBe('database.bad_data');
  });

  it('a row that is still referred to is a foreign key violation to delete, whichever way the key forbids it', async () => {
    for (const rule of ['restrict', 'no action']) {
      const { id } = await db.repo(totals).insert({ big: 1n, exact: '1' });
      const table = `kept by ${rule}`;
      await sql
        .raw(`create table "${table}" (parent text references totals (id) on delete ${rule})`)
        .execute(db.native.kysely);
      await sql.raw(`insert into "${table}" values ('${id}')`).execute(db.native.kysely);
      const refused = { code: 'database.foreign_key_violation', status: 409 };
      expect(await rejection(db.repo(totals).delete(id))).toMatchObject(refused);
    }
  });

  it('several statements in one text are refused, as on every database', async () => {
    const several = sql.raw('select 1; select 2').execute(db.native.kysely);
    expect((await rejection(several)).code).toBe('database.query_failed');
  });

  it('settings of the database, and the zone of a pool of your own, change nothing', async () => {
    const name = place.searchPath;
    await ask(server.url, `create database ${name}`);
    await ask(server.url, `alter database ${name} set datestyle = 'German'`);
    await ask(server.url, `alter database ${name} set bytea_output = 'escape'`);
    const url = new URL(server.url);
    url.pathname = `/${name}`;
    const other = createDatabase<SqlNative>({ driver: postgres({ url: url.href }) });
    await createTables(other, moments);
    const at = new Date('1960-01-01T00:00:00.500Z');
    await other.repo(moments).insert({ id: 'a', at });
    expect((await other.repo(moments).get('a'))?.at).toEqual(at);
    await other.close();

    const options = '-c datestyle=ISO -c timezone=Africa/Monrovia';
    const pool = new Pool({ connectionString: url.href, options });
    const own = createDatabase<SqlNative>({ driver: postgres({ pool }) });
    expect((await own.repo(moments).get('a'))?.at).toEqual(at);
    await own.close();
    // It is still the application's.
    expect((await pool.query<{ TimeZone: string }>('show timezone')).rows[0]?.TimeZone).toBe('Africa/Monrovia');
    await pool.end();

    const german = new Pool({ connectionString: url.href });
    const misread = createDatabase({ driver: postgres({ pool: german }) });
    expect((await rejection(misread.ping())).code).toBe('database.invalid_definition');
    await misread.close();
    await german.end();
    await ask(server.url, `drop database ${name}`);
  });
});
