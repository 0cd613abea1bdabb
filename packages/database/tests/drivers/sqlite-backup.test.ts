import { readdir, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { createDatabase } from '@ent/database';
import { backup, type BackupProgress, sqlite } from '@ent/database/sqlite';
import { createTables } from '@ent/database/testing';
import BetterSqlite3 from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { memoryDatabase, people, rejection } from '../fixtures/people.ts';
import { useSqliteFile } from '../fixtures/sqlite-file.ts';

const place = useSqliteFile();

const ROWS = 2500;

/** A database of some thousand pages. */
async function open() {
  const db = await place.open();
  const rows = Array.from({ length: ROWS }, (_, n) => ({ email: `${n}`, name: 'x'.repeat(3000) }));
  await db.repo(people).insertMany(rows);
  return db;
}

/** What SQLite says of a file, and how many people are in it. */
function lookAt(file: string): unknown[] {
  const client = new BetterSqlite3(file, { fileMustExist: true });
  onTestFinished(() => void client.close());
  return [
    client.pragma('integrity_check', { simple: true }),
    client.prepare('select count(*) from people').pluck().get(),
  ];
}

const files = async (): Promise<string[]> => (await readdir(place.pathOf('.'))).sort();

describe('a backup of a SQLite file', () => {
  it('is the database as it was, whole, while others write', async () => {
    const db = await open();
    const repo = db.repo(people);
    const told: BackupProgress[] = [];
    let isOver = false;
    const copying = backup(db, place.pathOf('copy.db'), { onProgress: (progress) => void told.push(progress) });
    const copied = copying.finally(() => {
      isOver = true;
    });
    let written = 0;
    while (!isOver) {
      await db.transaction(() => repo.insertMany([{ email: `a${written}` }, { email: `b${written}` }]));
      written += 1;
    }
    await copied;
    expect(written).toBeGreaterThan(1);
    const [integrity, count] = lookAt(place.pathOf('copy.db'));
    expect(integrity).toBe('ok');
    // A moment between two transactions.
    expect(((count as number) - ROWS) % 2).toBe(0);
    expect(await repo.count()).toBe(ROWS + 2 * written);
    expect(told.length).toBeGreaterThan(2);
    expect(told.at(-1)?.remainingPages).toBeLessThan(told.at(-1)?.totalPages as number);
    expect(((await stat(place.pathOf('copy.db'))).mode & 0o777).toString(8)).toBe('600');
  });

  it('that is stopped, or whose progress throws, leaves nothing', async () => {
    const db = await open();
    const before = await files();
    const stop = new AbortController();
    const reason = new Error('enough');
    const target = place.pathOf('copy.db');
    expect(await rejection(backup(db, target, { signal: stop.signal, onProgress: () => stop.abort(reason) }))).toBe(
      reason,
    );
    const faulty = (): void => {
      throw reason;
    };
    expect(await rejection(backup(db, target, { onProgress: faulty }))).toBe(reason);
    expect(await rejection(backup(db, target, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(await files()).toEqual(before);
  });

  it('takes no name that is taken, and no folder that is not there', async () => {
    const db = await place.open();
    await writeFile(place.pathOf('taken.db'), 'mine');
    expect((await rejection(backup(db, place.pathOf('taken.db')))).code).toBe('database.invalid_query');
    expect((await stat(place.pathOf('taken.db'))).size).toBe(4);
    expect((await rejection(backup(db, place.pathOf('no/folder.db')))).code).toBe('database.unavailable');
    for (const options of [{ every: 1 }, { onProgress: 1 }, { signal: {} }]) {
      expect((await rejection(backup(db, place.pathOf('a.db'), options as never))).code).toBe('database.invalid_query');
    }
    // A link that points nowhere, as to a volume that is not mounted.
    await symlink(place.pathOf('nowhere/b.db'), place.pathOf('b.db'));
    expect((await rejection(backup(db, place.pathOf('b.db')))).code).toBe('database.invalid_query');
    expect(await readlink(place.pathOf('b.db'))).toBe(place.pathOf('nowhere/b.db'));
  });

  it('takes a name once, of several that want it at once', async () => {
    const db = await place.open();
    const target = place.pathOf('copy.db');
    const ends = await Promise.allSettled(Array.from({ length: 4 }, () => backup(db, target)));
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const end of ends) {
      if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'database.invalid_query' });
    }
    expect((await files()).filter((name) => name.startsWith('copy'))).toEqual(['copy.db']);
    expect(lookAt(target)).toEqual(['ok', 0]);
  });
});

it('a backup is refused of what is in no file', async () => {
  const driver = sqlite({ file: ':memory:' });
  const db = createDatabase({ driver });
  onTestFinished(() => db.close());
  await createTables(db, people);
  expect((await rejection(backup(db, place.file))).code).toBe('database.unsupported');
  const other = await memoryDatabase();
  onTestFinished(() => other.close());
  expect((await rejection(backup(other, place.file))).code).toBe('database.unsupported');
  expect((await rejection(backup({} as never, place.file))).code).toBe('database.invalid_definition');
});

it('a backup of a connection that was handed in is one of its file', async () => {
  const client = new BetterSqlite3(place.file);
  onTestFinished(() => void client.close());
  const db = createDatabase({ driver: sqlite({ client }) });
  await createTables(db, people);
  await db.repo(people).insert({ email: 'a' });
  await backup(db, place.pathOf('copy.db'));
  await db.close();
  expect(lookAt(place.pathOf('copy.db'))).toEqual(['ok', 1]);
});

it.each([false, true])(
  'a file with its connections in threads (%s) is backed up, and looked over when it is closed',
  async (thread) => {
    const db = await place.open({ thread });
    await db.repo(people).insertMany(Array.from({ length: 100 }, (_, n) => ({ email: `${n}` })));
    // What it has been asked for, where it writes, is what is looked at.
    await db.transaction(() => db.repo(people).find({ where: { email: { in: ['1', '2'] } } }));
    await backup(db, place.pathOf('copy.db'));
    await db.close();
    expect(lookAt(place.pathOf('copy.db'))).toEqual(['ok', 100]);
    const client = new BetterSqlite3(place.file);
    onTestFinished(() => void client.close());
    expect(client.prepare("select count(*) from sqlite_stat1 where tbl = 'people'").pluck().get()).toBeGreaterThan(0);
  },
);
