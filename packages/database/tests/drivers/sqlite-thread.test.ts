import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import type { Database } from '@ent/database';
import { openDatabase } from '@ent/database/open';
import type { SqlNative } from '@ent/database/sql';
import { sqlite } from '@ent/database/sqlite';
import BetterSqlite3 from 'better-sqlite3';
import { sql } from 'kysely';
import { describe, expect, it, onTestFinished } from 'vitest';
import { argumentsOf } from '../../src/drivers/sqlite/thread/program.ts';
import { people, rejection, signal } from '../fixtures/people.ts';
import { pragma, useSqliteFile } from '../fixtures/sqlite-file.ts';
import { runFixture } from '../fixtures/storage.ts';

const place = useSqliteFile();
const open = (): Promise<Database<SqlNative>> => place.open({ thread: true });

/** A statement that takes some hundred milliseconds. */
const LONG = sql<{ n: number }>`
  with recursive c(n) as (select 1 union all select n + 1 from c where n < 2000000) select count(*) as n from c`;

/** The threads that are made from now on, as the process tells of them. */
function threads(): Worker[] {
  const made: Worker[] = [];
  const onWorker = (worker: Worker): void => void made.push(worker);
  process.on('worker', onWorker);
  onTestFinished(() => void process.off('worker', onWorker));
  return made;
}

/** Makes each INSERT into `people` take long. */
async function slowDown(db: Database<SqlNative>): Promise<void> {
  await sql`create trigger slow before insert on people begin
    select count(*) from (with recursive c(n) as (select 1 union all select n + 1 from c where n < 1000000) select n from c);
    end`.execute(db.native.kysely);
}

describe('a SQLite file in threads', () => {
  it('lets the event loop turn while a statement runs', async () => {
    const db = await open();
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    const { rows } = await LONG.execute(db.native.kysely);
    clearInterval(timer);
    expect(rows).toEqual([{ n: 2_000_000 }]);
    expect(turns).toBeGreaterThan(10);
  });

  it('reads while a transaction writes, and sees what was committed before', async () => {
    const db = await open();
    const repo = db.repo(people);
    await repo.insert({ email: 'a' });
    const [inserted, counted] = [signal(), signal()];
    const writing = db.transaction(async () => {
      await repo.insert({ email: 'c' });
      inserted.fire();
      await counted.promise;
    });
    await inserted.promise;
    expect(await repo.count()).toBe(1);
    counted.fire();
    await writing;
    expect(await repo.count()).toBe(2);
  });

  it('makes the file as the other way does, with the same settings', async () => {
    const db = await open();
    const full = await place.open({ file: place.pathOf('full.db'), synchronous: 'full', thread: true });
    // In a transaction: on the connection that writes.
    const settings = (on: typeof db) =>
      on.transaction(async () => [
        await pragma(on, 'journal_mode'),
        await pragma(on, 'foreign_keys'),
        await pragma(on, 'synchronous'),
      ]);
    expect([await settings(db), await settings(full)]).toEqual([
      ['wal', 1, 1],
      ['wal', 1, 2],
    ]);
  });

  it('undoes a write that the caller has given up in the middle of it', async () => {
    const db = await open();
    await slowDown(db);
    const repo = db.repo(people);
    expect((await rejection(repo.insert({ email: 'late' }, { timeout: 30 }))).code).toBe('database.timeout');
    expect((await rejection(repo.insert({ email: 'gone' }, { signal: AbortSignal.timeout(30) }))).name).toBe(
      'TimeoutError',
    );
    // This one comes after both, on the same file.
    await repo.insert({ email: 'last' }, { timeout: '2m' });
    expect((await repo.find()).map(({ email }) => email)).toEqual(['last']);
  });

  it('waits for the lock of another process until the deadline, and stores nothing later', async () => {
    const db = await open();
    const other = new BetterSqlite3(place.file);
    onTestFinished(() => void other.close());
    other.exec('begin immediate');
    const error = await rejection(db.repo(people).insert({ email: 'a' }, { timeout: 2_000 }));
    expect([error.code, error.message]).toEqual([
      'database.timeout',
      expect.stringContaining('waiting for a lock that another process holds'),
    ]);
    other.exec('commit');
    await db.repo(people).insert({ email: 'b' });
    expect(await db.repo(people).count()).toBe(1);
  });

  it('tells of a thread that has ended, and goes on with another one', async () => {
    const made = threads();
    const db = await open();
    const repo = db.repo(people);
    const failed = await rejection(
      db.transaction(async () => {
        await repo.insert({ email: 'a' });
        await Promise.all(made.map((worker) => worker.terminate()));
        await repo.insert({ email: 'b' });
      }),
    );
    expect(failed.code).toBe('database.unavailable');
    await repo.insert({ email: 'c' });
    expect((await repo.find()).map(({ email }) => email)).toEqual(['c']);
  });

  it('tells of a thread that ends in the middle of a statement', async () => {
    const made = threads();
    const db = await open();
    await db.repo(people).count();
    const running = rejection(LONG.execute(db.native.kysely));
    const ended = made.map((worker) => worker.terminate());
    expect((await running).code).toBe('database.unavailable');
    await Promise.all(ended);
    expect(await db.repo(people).count()).toBe(0);
  });

  it('does not know of a COMMIT whose thread ends, and says so', async () => {
    const made = threads();
    const db = await open();
    const failed = await rejection(
      db.transaction(async () => {
        await db.repo(people).insert({ email: 'a' });
        // It ends before it gets to what it is asked next.
        for (const worker of made) void worker.terminate();
      }),
    );
    expect(failed.code).toBe('database.commit_unknown');
  });

  it('gives db.native the same values and refusals', async () => {
    const db = await open();
    const select = (value: unknown) => sql<{ v: unknown }>`select ${value} as v`.execute(db.native.kysely);
    const bytes = Buffer.from('part of a larger buffer').subarray(0, 4);
    for (const value of [2 ** 53 - 1, 2n ** 63n - 1n, 1.5, 'text', null, -0.1]) {
      expect((await select(value)).rows).toEqual([{ v: value }]);
    }
    expect((await select(bytes)).rows).toEqual([{ v: new Uint8Array(bytes) }]);
    for (const value of [Number.NaN, new Date(Number.NaN), 2n ** 63n, Symbol('secret'), {}]) {
      const error = await rejection(select(value));
      expect(error.code).toBe('database.bad_data');
      expect(error.message).not.toContain('secret');
    }
    expect((await rejection(sql`pragma foreign_keys = off`.execute(db.native.kysely))).code).toBe(
      'database.unsupported',
    );
    const noTable = await rejection(sql`select * from nothing`.execute(db.native.kysely));
    expect([noTable.code, (noTable.cause as { code?: unknown }).code]).toEqual([
      'database.query_failed',
      'SQLITE_ERROR',
    ]);
  });

  it('tells where a script failed', async () => {
    const db = await open();
    const failed = await rejection(db.transaction(() => db.native.script('create table a (x);\n\nnonsense;')));
    expect([failed.code, failed.message]).toEqual(['database.query_failed', expect.stringContaining('line 3')]);
    await db.native.script('create table b (x); insert into b values (1);');
    expect((await sql`select x from b`.execute(db.native.kysely)).rows).toEqual([{ x: 1 }]);
  });

  it('leaves nothing of a native statement to the next one', async () => {
    const db = await open();
    await sql`create temporary table mine (a)`.execute(db.native.kysely);
    await sql`begin`.execute(db.native.kysely);
    await db.repo(people).insert({ email: 'a' });
    expect((await rejection(sql`insert into mine values (1)`.execute(db.native.kysely))).code).toBe(
      'database.query_failed',
    );
    await sql`create table if not exists "temp".other (a)`.execute(db.native.kysely);
    expect((await rejection(sql`insert into other values (1)`.execute(db.native.kysely))).code).toBe(
      'database.query_failed',
    );
    // SQLite carries out a pragma as it prepares it.
    await sql`explain pragma query_only = on`.execute(db.native.kysely);
    await db.repo(people).insert({ email: 'b' });
  });

  it('has no client, takes no database in memory, and can be asked for by URL', async () => {
    const driver = sqlite({ file: place.file, thread: true });
    expect(() => driver.client).toThrow(expect.objectContaining({ code: 'database.unsupported' }));
    for (const options of [
      { file: ':memory:', thread: true },
      { file: 'x', thread: 'yes' },
    ]) {
      expect(() => sqlite(options as never)).toThrow(expect.objectContaining({ code: 'database.invalid_definition' }));
    }
    const made = threads();
    const db = await openDatabase(`sqlite:${place.file}?thread=true`);
    await db.close();
    // One that writes, and one that has read.
    expect(made).toHaveLength(2);
    expect((await rejection(openDatabase(`sqlite:${place.file}?thread=1`))).code).toBe('database.invalid_definition');
  });

  it('ends its threads when it is closed', async () => {
    const made = threads();
    const db = await open();
    await Promise.all([db.repo(people).count(), db.repo(people).count()]);
    const exits = made.map((worker) => once(worker, 'exit'));
    await db.close();
    expect(await Promise.all(exits)).toEqual(made.map(() => [0]));
    expect(db.stats().total).toBe(0);
  });

  it('starts also where the program is the text of --eval', () => {
    const given = ['--max-old-space-size=64', '--input-type=module', '--input-type', 'module', '--eval', 'x'];
    expect(argumentsOf(given)).toEqual(['--max-old-space-size=64', '--eval', 'x']);
  });

  it('lets the process end while nobody waits for it', async () => {
    const child = runFixture('thread-idle.ts', place.file);
    let [out, err] = ['', ''];
    child.stdout.on('data', (text) => (out += String(text)));
    child.stderr.on('data', (text) => (err += String(text)));
    const [status] = (await once(child, 'close')) as [number];
    expect([status, out.trim(), err]).toEqual([0, '1', '']);
  });
});
