// The connections of PostgreSQL: what a call that is given up leaves, who waits for one and how long, and what they are
// like when they come back.
import { createDatabase, type Database, defineEntity } from '@ent/database';
import { copyIn, postgres } from '@ent/database/postgres';
import type { SqlNative } from '@ent/database/sql';
import { createTables } from '@ent/database/testing';
import { describeWithServer } from '@ent/testkit/vitest';
import { sql } from 'kysely';
import { Pool } from 'pg';
import { describe, expect, it } from 'vitest';
import { people, rejection } from '../fixtures/people.ts';
import { ann, ask, isWell, sleep, useDatabases } from '../fixtures/postgres.ts';
import { testSessions } from '../fixtures/sql-sessions.ts';
import { expectWideRows } from '../fixtures/wide.ts';

describeWithServer('postgres', (server) => {
  const { open, running, connections, terminate, schema } = useDatabases(server);

  testSessions({
    open,
    running,
    sleep,
    allGone: () => expect.poll(connections).toBe(0),
    connection: 'pg_backend_pid()',
    leavesTraces: [
      `set application_name = 'x'`,
      'reset application_name',
      'listen x',
      'begin',
      `prepare x as select 1`,
      `select set_config('application_name', coalesce(null, 'x'), false)`,
      `select set_config('application_name', 'x', true), set_config('application_name', 'x', 'f')`,
      `update pg_settings set setting = 'x' where name = 'application_name'`,
      `do $$ begin set application_name = 'x'; end $$`,
      'create table pg_temp.x (i int)',
      'create or replace temp view x as select 1 as i',
      'select 1 as i into local temporary x',
      'select pg_try_advisory_lock (1)',
    ],
  });

  describe('what is set by a value', () => {
    const pid = async (db: Database<SqlNative>): Promise<unknown> =>
      (await sql`select pg_backend_pid() as pid`.execute(db.native.kysely)).rows;

    it('for the connection replaces it, and for the transaction does not', async () => {
      const db = await open({ max: 1 });
      const set = (local: boolean) =>
        sql`select set_config('application_name', ${'x'}, ${local})`.execute(db.native.kysely);
      const first = await pid(db);
      await set(true);
      await db.transaction(async () => {
        await set(true);
        await sql`set local application_name = 'x'`.execute(db.native.kysely);
        await sql`/* app */ set local application_name = 'y'`.execute(db.native.kysely);
      });
      await db.transaction(() => sql`set transaction read only`.execute(db.native.kysely));
      expect(await pid(db)).toEqual(first);
      await set(false);
      expect(await pid(db)).not.toEqual(first);
    });

    it('or locked, by a statement that fails, is nothing to the next one', async () => {
      const db = await open({ max: 1 });
      const first = await pid(db);
      await rejection(sql`select pg_advisory_lock(4711), 1 / ${0}::int`.execute(db.native.kysely));
      expect(await pid(db)).not.toEqual(first);
      await expect
        .poll(() => ask(server.url, `select pid from pg_locks where locktype = 'advisory' and objid = 4711`))
        .toEqual([]);
    });
  });

  describe('a schema that changes below prepared statements', () => {
    it('is nothing that a caller sees, in a transaction or not', async () => {
      const db = await open();
      const repo = db.repo(people);
      await repo.insert(ann);
      const read = (): Promise<unknown> => repo.get('ann');
      for (const type of ['text', 'varchar(99)', 'text']) {
        for (let n = 0; n < 5; n += 1) await Promise.all([read(), read()]);
        await ask(server.url, `alter table ${schema()}.people alter column name type ${type}`);
        let runs = 0;
        const inside = db.transaction(async () => {
          runs += 1;
          return read();
        });
        expect(await inside).toMatchObject({ id: 'ann' });
        expect(runs).toBe(2);
        expect(await read()).toMatchObject({ id: 'ann' });
      }
    });

    it('is healed where somebody has discarded them all, which pg does not notice', async () => {
      const pool = new Pool({ connectionString: server.url, options: `-c search_path=${schema()}`, max: 1 });
      const db = createDatabase<SqlNative>({ driver: postgres({ pool }) });
      await createTables(db, people);
      const three = async (): Promise<void> => {
        for (let n = 0; n < 3; n += 1) expect(await db.repo(people).get('ann')).toBe(null);
      };
      await three();
      await pool.query('discard all');
      await pool.query(`set search_path = ${schema()}`);
      await three();
      await db.close();
      // It was handed in, so it is still open.
      expect(pool.ended).toBe(false);
      await pool.end();
    });
  });

  describe('a transaction begins with its first statement', () => {
    const things = defineEntity({ name: 'things', fields: { id: 'string' } });

    it('and has heard of none before, so that one without statements is nothing to the server', async () => {
      const db = await open({ max: 1 });
      await db.ping();
      await db.transaction(async () => {
        expect(await running()).toEqual([]);
        await db.repo(people).get('ann');
        expect(await running()).toHaveLength(1);
      });
      await db.transaction(async () => {}, { readOnly: true });
      await expect(db.transaction(() => Promise.reject(new Error('mine')))).rejects.toThrow('mine');
      await isWell(db);
    });

    it('of any kind, with the isolation that it was given', async () => {
      const db = await open({ max: 1 });
      const level = async (): Promise<unknown> =>
        (await sql<{ v: string }>`select current_setting('transaction_isolation') as v`.execute(db.native.kysely)).rows;
      const inside = (first: () => Promise<unknown>): Promise<unknown> =>
        db.transaction(
          async () => {
            await first();
            return level();
          },
          { isolation: 'serializable' },
        );
      const repo = db.repo(people);
      const firsts = [
        level,
        () => repo.get('ann'),
        () => repo.insert(ann),
        () => db.transaction(() => repo.get('ann'), { propagation: 'nested' }),
        () => copyIn(db, 'copy people (id, email, version) from stdin (format csv)', ['bob,bob@example.org,1\n']),
      ];
      for (const first of firsts) expect(await inside(first)).toEqual([{ v: 'serializable' }]);
      expect(await level()).toEqual([{ v: 'read committed' }]);
      expect(await repo.count({})).toBe(2);
    });

    it('that may fail, also before it is prepared, which leaves nothing open and nothing wrongly known', async () => {
      const db = await open({ max: 1 });
      const repo = db.repo(things);
      const inside = (): Promise<unknown> => db.transaction(() => repo.get('a'));
      for (let n = 0; n < 3; n += 1) expect((await rejection(inside())).code).toBe('database.query_failed');
      await isWell(db);
      await createTables(db, things);
      for (let n = 0; n < 3; n += 1) expect([await inside(), await repo.get('a')]).toEqual([null, null]);
      for (let n = 0; n < 3; n += 1) {
        const taken = db.transaction(async () => repo.insertMany([{ id: 'b' }, { id: 'b' }]));
        expect((await rejection(taken)).code).toBe('database.unique_violation');
      }
      expect(await repo.count({})).toBe(0);
    });
  });

  it('a database that is not there says so', async () => {
    const url = new URL(server.url);
    url.pathname = '/nowhere';
    const db = createDatabase({ driver: postgres({ url: url.href }) });
    const error = await rejection(db.ping());
    await db.close();
    expect([error.code, error.message]).toEqual(['database.unavailable', 'connect: there is no such database.']);
  });

  it('another number of values than the statement has places is no reason to give the connection up', async () => {
    const db = await open({ max: 1 });
    const { kysely } = db.native;
    const pid = async () => (await sql`select pg_backend_pid() as pid`.execute(kysely)).rows;
    const before = await pid();
    for (const [text, parameters] of [
      ['select $1::int', []],
      ['select 1', [1]],
    ] as const) {
      const asked = kysely.executeQuery({ ...sql.raw(text).compile(kysely), parameters });
      expect((await rejection(asked)).code).toBe('database.query_failed');
    }
    expect(await pid()).toEqual(before);
  });

  it('statements that do not stop do not fill the server with connections', async () => {
    const db = await open({ max: 2 }, { timeout: 150 });
    // A minute at the most, whatever cancels it.
    const stubborn = sql`do $$ begin
      for n in 1 .. 1200 loop
        begin perform pg_sleep(0.05); exception when query_canceled then null; end;
      end loop;
    end $$`;
    const most = { server: 0, told: 0 };
    for (let round = 0; round < 8; round += 1) {
      const errors = await Promise.all([1, 2, 3].map(() => rejection(stubborn.execute(db.native.kysely))));
      expect(errors.map(({ code }) => code)).toEqual(Array(3).fill('database.timeout'));
      most.told = Math.max(most.told, db.stats().total);
      most.server = Math.max(most.server, (await running()).length);
    }
    expect(most.server).toBeGreaterThan(0);
    expect(Math.max(most.server, most.told)).toBeLessThanOrEqual(4);
    await terminate();
    await expect.poll(() => db.stats()).toMatchObject({ inUse: 0 });
    await isWell(db);
  });

  it('many rows of many fields are sent by as many statements as it takes, and stored all or none', async () => {
    await expectWideRows(await open());
  });

  it('a stream in a snapshot is of one moment, and one outside of it is not', async () => {
    const db = await open();
    const repo = db.repo(people);
    await repo.insertMany(['a', 'c', 'e'].map((id) => ({ id, email: id })));
    const read = async (added: string): Promise<string[]> => {
      const seen: string[] = [];
      for await (const { id } of repo.stream({ batchSize: 1, sort: [['id', 'asc']] })) {
        seen.push(id);
        // By another connection, in front of what comes next.
        if (id === 'a')
          await ask(server.url, `insert into ${schema()}.people values ('${added}', '${added}', null, null, null, 1)`);
      }
      return seen;
    };
    expect(await db.transaction(() => read('b'), { isolation: 'snapshot', readOnly: true })).toEqual(['a', 'c', 'e']);
    expect(await read('d')).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('what a statement_timeout of the server cancels is a timeout', async () => {
    const db = await open();
    const slow = db.transaction(async () => {
      await sql`set local statement_timeout = 50`.execute(db.native.kysely);
      await sleep(db);
    });
    expect((await rejection(slow)).code).toBe('database.timeout');
  });

  it('min connections are there after the first call', async () => {
    const db = await open({ min: 2, max: 4 });
    await db.ping();
    await expect.poll(() => db.stats()).toEqual({ total: 2, idle: 2, inUse: 0, waiting: 0 });
  });

  it('connections are closed when they are idle for long, and when they are old', async () => {
    const db = await open({ idleTimeout: 50 });
    await db.ping();
    await expect.poll(() => db.stats().total).toBe(0);
    const other = await open({ maxLifetime: 50 });
    await other.ping();
    await expect.poll(() => other.stats().total).toBe(0);
    await isWell(other);
  });
});
