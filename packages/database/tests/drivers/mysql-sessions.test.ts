// The connections of MySQL and MariaDB: what a call that is given up leaves, who waits for one and how long, and what
// they are like when they come back.
import { createDatabase } from '@ent/database';
import { mysql } from '@ent/database/mysql';
import type { SqlNative } from '@ent/database/sql';
import { describeWithServer } from '@ent/testkit/vitest';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { ask, sleep, urlOf, useDatabases } from '../fixtures/mysql.ts';
import { ann, people, rejection, signal } from '../fixtures/people.ts';
import { testSessions } from '../fixtures/sql-sessions.ts';
import { isWell } from '../fixtures/well.ts';
import { expectWideRows } from '../fixtures/wide.ts';

describeWithServer('mariadb', (server) => {
  const { open, running, connections, name } = useDatabases(server);

  testSessions({
    open,
    running,
    sleep,
    allGone: () => expect.poll(connections).toBe(0),
    connection: 'connection_id()',
    leavesTraces: [
      `set sql_mode = 'NO_BACKSLASH_ESCAPES'`,
      `set @a = 1`,
      'select @a := 1',
      'select 1 into @a',
      'begin',
      'use mysql',
      'create temporary table x (i int)',
      'lock tables people read',
      '/* app */ lock tables people read',
      '-- app\n# app\nlock tables people read',
      '/*!50000 lock tables people read */',
      `select get_lock('x', 0)`,
      `select get_lock/**/('x', 0)`,
      'set transaction read only',
      `prepare x from 'select 1'`,
    ],
  });

  describe('an exhausted pool', () => {
    it('of the server is told, and is well afterwards', async () => {
      const db = await open({ max: 1 });
      const [{ value } = { value: 151 }] = await ask(server.url, 'select @@global.max_connections as value');
      // Of those that count nobody has a right of its own to one more.
      await ask(server.url, `create user if not exists 'few'@'%' with max_user_connections 1`);
      await ask(server.url, `grant all on ${name()}.* to 'few'@'%'`);
      expect(Number(value)).toBeGreaterThan(1);
      const url = new URL(urlOf(server.url, name()));
      [url.username, url.password] = ['few', ''];
      const few = createDatabase<SqlNative>({ driver: mysql({ url: url.href, max: 2 }) });
      const { promise: gate, fire: release } = signal();
      const { promise: taken, fire: take } = signal();
      const holder = few.transaction(async () => {
        await few.ping();
        take();
        await gate;
      });
      await taken;
      const { code, message } = await rejection(few.repo(people).count());
      expect([code, message]).toEqual([
        'database.unavailable',
        'people.count: the server has no connection left (max_connections).',
      ]);
      release();
      await holder;
      await isWell(few);
      await few.close();
      await isWell(db);
    });
  });

  it('a transaction that DDL of your own ends is found out', async () => {
    const db = await open();
    const ended = db.transaction(async () => {
      await sql`create table other (i int)`.execute(db.native.kysely);
      await db.repo(people).insert(ann);
    });
    const error = await rejection(ended);
    expect([error.code, error.message]).toEqual([
      'database.query_failed',
      'native: the transaction was ended by a COMMIT or ROLLBACK of yours, or by DDL, which commits what was done before it.',
    ]);
    expect(await db.repo(people).count()).toBe(0);
  });

  it('a schema that changes below prepared statements is nothing that a caller sees, in a transaction or not', async () => {
    const db = await open();
    const repo = db.repo(people);
    await repo.insert(ann);
    const read = (): Promise<unknown> => repo.get('ann');
    for (const type of ['text', 'varchar(99)', 'text']) {
      for (let n = 0; n < 5; n += 1) await Promise.all([read(), read()]);
      await ask(server.url, `alter table ${name()}.people modify column name ${type} character set utf8mb4`);
      expect(await db.transaction(read)).toMatchObject({ id: 'ann', name: 'Ann' });
      expect(await read()).toMatchObject({ id: 'ann', name: 'Ann' });
    }
  });

  it('statements that come once do not fill the server', async () => {
    const db = await open({ max: 1 });
    const held = async (): Promise<number> => {
      const [row] = await ask(server.url, `show global status like 'Prepared_stmt_count'`);
      return Number(row?.['Value']);
    };
    const before = await held();
    for (let n = 1; n <= 260; n += 1) {
      await db.repo(people).count({ where: { id: { in: Array.from({ length: n }, (_, i) => `${i}`) } } });
    }
    expect((await held()) - before).toBeLessThanOrEqual(201);
    await db.close();
    // Or fewer: connections of the tests before this one may have been on their way out.
    await expect.poll(held).toBeLessThanOrEqual(before);
  });

  it('as many values as the statement has places, and no other number', async () => {
    const db = await open();
    const error = await rejection(
      db.native.kysely.executeQuery({ ...sql`select 1`.compile(db.native.kysely), parameters: [2] }),
    );
    expect([error.code, error.message]).toEqual([
      'database.invalid_query',
      'mysql: the statement has 0 placeholders and 1 values.',
    ]);
  });

  it('a statement that is more than the server takes is refused before it is sent, and many rows are sent in parts', async () => {
    const db = await open({ max: 1 });
    const [row] = await ask(server.url, 'select @@global.max_allowed_packet as value');
    const most = Number(row?.['value']);
    const huge = { ...ann, name: 'x'.repeat(most) };
    const error = await rejection(db.repo(people).insert(huge));
    expect([error.code, error.message]).toEqual([
      'database.bad_data',
      `mysql: the values are more than the server takes in one statement (${most} bytes, max_allowed_packet).`,
    ]);
    const long = 'x'.repeat(Math.floor(most / 8));
    const rows = Array.from({ length: 12 }, (_, n) => ({ ...ann, id: `${n}`, email: `${n}`, name: long }));
    await db.repo(people).insertMany(rows);
    expect(await db.repo(people).count({ where: { name: long } })).toBe(12);
    // The last one of several statements, which undoes them all.
    const others = rows.map((each) => ({ ...each, id: `other ${each.id}`, email: `other ${each.email}` }));
    const twice = [...others, { ...ann, email: '0' }];
    expect((await rejection(db.repo(people).insertMany(twice))).code).toBe('database.unique_violation');
    expect(await db.repo(people).count({})).toBe(12);
    await isWell(db);
  });

  it('many rows of many fields are sent by as many statements as it takes, and stored all or none', async () => {
    await expectWideRows(await open());
  });

  it('a session is strict, in UTC and in utf8mb4, whatever the server is', async () => {
    const db = await open();
    const asked = sql`select @@sql_mode as mode, @@time_zone as zone, @@autocommit as auto,
      @@character_set_client as client, @@character_set_results as results, @@collation_connection as collation`;
    const { rows } = await asked.execute(db.native.kysely);
    expect(rows).toEqual([
      {
        mode: expect.stringContaining('STRICT_ALL_TABLES') as unknown,
        zone: '+00:00',
        auto: 1,
        client: 'utf8mb4',
        results: 'utf8mb4',
        collation: 'utf8mb4_bin',
      },
    ]);
    const tooLong = sql`insert into people (id, email, version) values (repeat('x', 300), 'x', 1)`;
    expect((await rejection(tooLong.execute(db.native.kysely))).code).toBe('database.bad_data');
  });

  it('a database that is not there says so', async () => {
    const db = createDatabase({ driver: mysql({ url: urlOf(server.url, 'nowhere') }) });
    const error = await rejection(db.ping());
    await db.close();
    expect([error.code, error.message]).toEqual(['database.unavailable', 'connect: there is no such database.']);
  });

  it('a password that is wrong says so, and one can be made for each connection', async () => {
    await ask(server.url, `drop user if exists 'pass'@'%'`);
    await ask(server.url, `create user 'pass'@'%' identified by 'right'`);
    await ask(server.url, `grant all on *.* to 'pass'@'%'`);
    const { hostname, port } = new URL(server.url);
    const more = { host: hostname, port: Number(port), user: 'pass', database: name() };
    const wrong = createDatabase({ driver: mysql({ ...more, password: 'wrong' }) });
    const error = await rejection(wrong.ping());
    await wrong.close();
    expect([error.code, error.message]).toEqual([
      'database.unavailable',
      'connect: the server refused the user or password.',
    ]);
    let asked = 0;
    const password = async (): Promise<string> => {
      asked += 1;
      return 'right';
    };
    const right = createDatabase({ driver: mysql({ ...more, password, min: 2 }) });
    await right.ping();
    expect(asked).toBe(2);
    await right.close();
  });

  it('what another session kills is a timeout', async () => {
    const db = await open();
    const slow = rejection(sleep(db));
    await expect.poll(running).toHaveLength(1);
    const [row] = await ask(
      server.url,
      'select id from information_schema.processlist where db = ? and info is not null',
      [name()],
    );
    await ask(server.url, `kill query ${String(row?.['id'])}`);
    expect((await slow).code).toBe('database.timeout');
    await isWell(db);
  });

  it('min connections are there after the first call, and stay', async () => {
    const db = await open({ min: 2, max: 4, idleTimeout: 50 });
    await db.ping();
    await expect.poll(() => db.stats()).toEqual({ total: 2, idle: 2, inUse: 0, waiting: 0 });
    await Promise.all(Array.from({ length: 4 }, () => sql`select sleep(0.1) as x`.execute(db.native.kysely)));
    await expect.poll(() => db.stats().total).toBe(2);
  });

  it('connections are closed when they are idle for long, and when they are old', async () => {
    const db = await open({ idleTimeout: 50 });
    await db.ping();
    await expect.poll(() => db.stats().total).toBe(0);
    const other = await open({ maxLifetime: 50 });
    await other.ping();
    await expect.poll(() => other.stats().total).toBe(0);
    await isWell(other);
    await expect.poll(connections).toBe(0);
  });

  it('a server that takes no writes is none of several hosts', async () => {
    const url = urlOf(server.url, name()).replace(/(@[^/]+)/, (host) => `${host},${host.slice(1)}`);
    await ask(server.url, 'set global read_only = 1');
    try {
      const db = createDatabase({ driver: mysql({ url }) });
      expect((await rejection(db.ping())).message).toMatch(/^connect: the server at \S+:\d+ takes no writes\.$/);
      await db.close();
      const any = createDatabase({ driver: mysql({ url, targetSession: 'any' }) });
      await any.ping();
      await any.close();
    } finally {
      await ask(server.url, 'set global read_only = 0');
    }
  });

  it('a primary without a binary log cannot have replicas, which is told at once', async ({ skip }) => {
    const [row] = await ask(server.url, 'select @@global.log_bin as log');
    skip(row?.['log'] !== 0, 'the server has one');
    const db = createDatabase({ driver: mysql({ url: server.url, replicas: ['127.0.0.1:1'] }) });
    const error = await rejection(db.ping());
    await db.close();
    expect([error.code, error.message]).toEqual(['database.unsupported', expect.stringMatching(/binary log/)]);
  });

  it('gives connections of mysql2 for what nothing here does', async () => {
    const driver = mysql({ url: urlOf(server.url, name()) });
    const connection = await driver.client.connect();
    const { promise: answered, resolve: answer } = Promise.withResolvers<unknown>();
    connection.query('select database() as name, @@time_zone as zone', (_error, rows) => answer(rows));
    expect(await answered).toEqual([{ name: name(), zone: '+00:00' }]);
    connection.end(() => {});
    await expect.poll(connections).toBe(0);
  });
});
