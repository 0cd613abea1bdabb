// One writer, a few readers, other processes.
import { once } from 'node:events';
import { createDatabase, defineEntity } from '@ent/database';
import { sqlite } from '@ent/database/sqlite';
import { createTables } from '@ent/database/testing';
import BetterSqlite3 from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { people, rejection, signal } from '../fixtures/people.ts';
import { useSqliteFile } from '../fixtures/sqlite-file.ts';
import { runFixture } from '../fixtures/storage.ts';

const place = useSqliteFile();

describe('a SQLite file that several use', () => {
  it('lets readers see what was committed while a transaction writes, several read-only transactions included', async () => {
    const db = await place.open();
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
    const db = await place.open();
    const other = await place.open();
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
    const driver = sqlite({ file: place.file });
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
    const db = await place.open();
    const holder = new BetterSqlite3(place.file);
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
    const db = await place.open();
    const fields = { id: 'string', cents: 'int', moves: 'int' } as const;
    const accounts = defineEntity({ name: 'accounts', fields });
    await createTables(db, accounts);
    await db.repo(accounts).insertMany(['a', 'b', 'c'].map((id) => ({ id, cents: 1000, moves: 0 })));
    const children = Array.from({ length: 4 }, () => runFixture('transfer.ts', place.file, '40'));
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
    const db = await place.open();
    const holder = new BetterSqlite3(place.file);
    holder.exec('begin immediate');
    const error = await rejection(db.transaction(async () => {}, { timeout: 200 }));
    expect(error.message).toBe('transaction took longer than 200 ms, waiting for a lock that another process holds.');
    holder.exec('rollback');
    holder.close();
    await db.transaction(async () => {});
  });
});
