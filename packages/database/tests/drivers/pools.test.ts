// The connections of each driver by the same rules: how long one is waited for, who is told of one that does not come
// back, what is published, and what the next one meets.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type ConnectionOperation, channels, createDatabase, type Database, type DatabaseOptions } from '@ent/database';
import { mysql } from '@ent/database/mysql';
import { postgres } from '@ent/database/postgres';
import type { SqlNative } from '@ent/database/sql';
import { sqlite } from '@ent/database/sqlite';
import { createTables } from '@ent/database/testing';
import { describeWithServer } from '@ent/testkit/vitest';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newDatabase } from '../fixtures/mysql.ts';
import { people, rejection, signal } from '../fixtures/people.ts';
import { ann, newSchema } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/storage.ts';

interface PoolOptions {
  readonly acquireTimeout?: number;
  readonly leakAfter?: number;
}

/** @param driverOf a driver that has one connection for writes, to a database that is the same each time */
function aPool(
  driverOf: (options: PoolOptions) => Promise<DatabaseOptions<SqlNative>['driver']>,
  { name, dirty }: { readonly name: RegExp; readonly dirty: readonly (readonly [statement: string, look: string])[] },
): void {
  let opened: Database[];
  let told: { readonly event: ConnectionOperation; readonly isEnd: boolean }[];
  const listener = {
    start: (event: ConnectionOperation): void => void told.push({ event: { ...event }, isEnd: false }),
    asyncEnd: (event: ConnectionOperation): void => void told.push({ event: { ...event }, isEnd: true }),
    end: () => {},
    asyncStart: () => {},
    error: () => {},
  };
  beforeEach(() => {
    opened = [];
    told = [];
  });
  afterEach(async () => {
    channels.connection.unsubscribe(listener);
    for (const db of opened) await db.close();
  });

  async function open(options: PoolOptions = {}): Promise<Database<SqlNative>> {
    const db = createDatabase<SqlNative>({ driver: await driverOf(options) });
    opened.push(db);
    await createTables(db, people);
    return db;
  }

  /** Takes the connection that writes, until the answer is called. */
  async function hold(db: Database<SqlNative>): Promise<() => Promise<void>> {
    const { promise: gate, fire: release } = signal();
    const { promise: taken, fire: take } = signal();
    const holding = db.transaction(async () => {
      await db.repo(people).count();
      take();
      await gate;
    });
    await taken;
    return async () => {
      release();
      await holding;
    };
  }

  it('who waits longer than acquireTimeout gets a code of its own, and the next call works', async () => {
    const db = await open({ acquireTimeout: 50 });
    const release = await hold(db);
    const late = [rejection(db.repo(people).insert(ann)), rejection(db.transaction(() => db.repo(people).count()))];
    for (const error of await Promise.all(late)) {
      expect(error.code).toBe('database.pool_timeout');
      expect(error.message).toMatch(/^No connection was free within 50 ms \(in use: 1 of \d+, waiting: [12]\)\.$/);
    }
    expect(db.stats()).toMatchObject({ inUse: 1, waiting: 0 });
    await release();
    await db.repo(people).insert(ann);
    await db.repo(people).delete('ann');
    expect(db.stats()).toMatchObject({ inUse: 0, waiting: 0 });
  });

  it('tells where a connection was taken that does not come back', async () => {
    const db = await open({ leakAfter: 50 });
    const { promise: warned, resolve: warn } = Promise.withResolvers<string>();
    const hear = ({ code, detail = '' }: Error & { code?: string; detail?: string }): void => {
      // A slow machine may hold others for as long.
      if (code === 'ENT_DATABASE_LEAK' && detail.includes('theLeakingFunction')) warn(detail);
    };
    process.on('warning', hear);
    async function theLeakingFunction(): Promise<void> {
      await db.transaction(() => warned);
    }
    await theLeakingFunction();
    process.off('warning', hear);
    expect(await warned).toContain('pools.test.ts');
  });

  it('publishes how long each connection was waited for and used, and what came of it', async () => {
    const db = await open({ acquireTimeout: 50 });
    channels.connection.subscribe(listener);
    await db.repo(people).count();
    const release = await hold(db);
    await rejection(db.repo(people).insert(ann));
    await release();
    await rejection(db.transaction(async () => Promise.reject(new Error('mine'))));
    await expect.poll(() => told.filter(({ isEnd }) => isEnd)).toHaveLength(4);
    const ends = told.filter(({ isEnd }) => isEnd).map(({ event }) => event);
    const { system, namespace } = { system: db.driver.name, namespace: db.driver.namespace };
    for (const event of ends) {
      expect(event).toMatchObject({ system, namespace, pool: expect.stringMatching(name) as unknown });
      expect(event.waitMs).toBeGreaterThanOrEqual(0);
    }
    expect(ends.map(({ outcome }) => outcome)).toEqual(['returned', 'timeout', 'returned', 'returned']);
    const [counted, timedOut, held] = ends;
    expect(counted?.useMs).toBeGreaterThan(0);
    expect([timedOut?.waitMs, timedOut?.useMs]).toEqual([expect.any(Number), undefined]);
    expect(timedOut?.waitMs).toBeGreaterThan(45);
    // It was held while the other one waited.
    expect(held?.useMs).toBeGreaterThan(45);
    expect(told.filter(({ isEnd }) => !isEnd).map(({ event }) => event.waitMs)).toEqual(Array(4).fill(undefined));
  });

  it('tells the size of the pool', async () => {
    const db = await open();
    expect(db.driver.pool?.name).toMatch(name);
    expect(db.driver.pool?.name).not.toContain('@');
    const busy = Array.from({ length: 20 }, () => db.repo(people).count());
    expect(db.stats().inUse).toBeLessThanOrEqual(db.driver.pool?.max as number);
    await Promise.all(busy);
  });

  it.each(dirty)('after "%s" the next one meets a connection as it was', async (statement, look) => {
    const db = await open();
    const seen = async (): Promise<unknown> =>
      (
        await sql
          .raw(look)
          .execute(db.native.kysely)
          .catch((error: unknown) => ({ rows: [(error as Error).name] }))
      ).rows;
    const before = await seen();
    await db
      .transaction(async () => {
        await sql.raw(statement).execute(db.native.kysely);
      })
      .catch(() => sql.raw(statement).execute(db.native.kysely));
    // What it was replaced by may come before the server has ended it.
    await expect.poll(seen).toEqual(before);
    await db.repo(people).insert(ann);
    await db.repo(people).delete('ann');
  });
}

describe('sqlite', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
  });
  afterAll(() => rm(folder, { recursive: true }));
  aPool(async (options) => sqlite({ file: join(folder, 'pool.db'), ...options }), {
    name: /^pool\.db$/,
    dirty: [
      ['begin', 'select 1'],
      ['pragma cache_size = 77', 'pragma cache_size'],
      ['pragma recursive_triggers(1)', 'pragma recursive_triggers'],
      ['pragma query_only = on', 'pragma query_only'],
      ['create temp table mine (id integer)', 'select * from mine'],
      [`attach ':memory:' as other`, 'select name from pragma_database_list'],
    ],
  });

  it('a statement that leaves nothing keeps the connection', async () => {
    const db = createDatabase<SqlNative>({ driver: sqlite({ file: join(folder, 'kept.db') }) });
    await db.ping();
    const client = db.driver.client;
    for (const text of [
      'pragma table_info(people)',
      'pragma cache_size',
      'pragma wal_checkpoint(passive)',
      'select 1',
    ]) {
      await sql.raw(text).execute(db.native.kysely);
    }
    await sql.raw('pragma user_version = 3').execute(db.native.kysely);
    expect([db.driver.client === client, (client as { open: boolean }).open]).toEqual([true, true]);
    await db.close();
  });
});

describeWithServer('mariadb', (server) => {
  let url: string;
  beforeAll(async () => {
    ({ url } = await newDatabase(server.url));
  });
  aPool(async (options) => mysql({ url, max: 1, ...options }), {
    name: /^127\.0\.0\.1:\d+\/ent_\w+$/,
    dirty: [
      ['begin', 'select 1'],
      [`set session lock_wait_timeout = 77`, 'select @@lock_wait_timeout as seconds'],
      ['create temporary table mine (id int)', 'select * from mine'],
      [`select get_lock('pools', 1)`, `select is_used_lock('pools') is null as free`],
    ],
  });
});

describeWithServer('postgres', (server) => {
  let schema: string;
  beforeAll(async () => {
    schema = (await newSchema(server.url)).searchPath;
  });
  aPool(async (options) => postgres({ url: server.url, searchPath: schema, max: 1, ...options }), {
    name: /^127\.0\.0\.1:\d+\/postgres$/,
    dirty: [
      ['begin', 'select 1'],
      [`set application_name = 'x'`, 'show application_name'],
      [`select set_config('application_name', 'x', false)`, 'show application_name'],
      ['create temp table mine (id int)', 'select * from mine'],
      ['select 1 as one into temp mine', 'select * from mine'],
      ['select pg_advisory_lock(7)', `select count(*)::int from pg_locks where locktype = 'advisory'`],
    ],
  });
});
