import { execFile, spawnSync } from 'node:child_process';
import { chmod, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createDatabase } from '@ent/database';
import { sqlite } from '@ent/database/sqlite';
import { createTables, testDatabaseDriver } from '@ent/database/testing';
import BetterSqlite3 from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { people, rejection } from '../fixtures/people.ts';
import { pragma, setPragma, useSqliteFile } from '../fixtures/sqlite-file.ts';
import { fileHarness, memoryHarness } from '../fixtures/storage.ts';

describe('a SQLite file, by the conformance suite', () => {
  testDatabaseDriver({ it }, fileHarness);
});
describe('SQLite in memory, by the conformance suite', () => {
  testDatabaseDriver({ it }, memoryHarness);
});

const place = useSqliteFile();
const run = promisify(execFile);
// A disk of its own, in a namespace of its own.
const canMount = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;

describe('a SQLite file', () => {
  it('is made with its folder, in WAL mode, with foreign keys on', async () => {
    const db = await place.open({ file: place.pathOf('not/there/yet.db') });
    expect([
      await pragma(db, 'journal_mode'),
      await pragma(db, 'foreign_keys'),
      await pragma(db, 'synchronous'),
    ]).toEqual(['wal', 1, 1]);
    expect(await pragma(await place.open({ synchronous: 'full' }), 'synchronous')).toBe(2);
    expect(db.driver.namespace).toBe('yet.db');
  });

  it('is made for its owner alone, and one that is there keeps its mode', async () => {
    const modes = async (path: string) =>
      Promise.all(['', '-wal', '-shm'].map(async (end) => ((await stat(path + end)).mode & 0o777).toString(8)));
    const path = place.pathOf('made/secret.db');
    await place.open({ file: path });
    expect(await modes(path)).toEqual(['600', '600', '600']);
    const shared = place.pathOf('shared.db');
    await writeFile(shared, '');
    await chmod(shared, 0o640);
    await place.open({ file: shared });
    expect(await modes(shared)).toEqual(['640', '640', '640']);
  });

  it('that cannot be opened, or is none, is unavailable', async () => {
    const text = place.pathOf('text.db');
    await writeFile(text, 'this is no database, however long it may be '.repeat(100));
    await mkdir(place.pathOf('folder.db'));
    for (const path of [text, place.pathOf('folder.db'), join(text, 'x.db')]) {
      expect((await rejection(place.open({ file: path }))).code).toBe('database.unavailable');
    }
  });

  it('must be named by a plain path', () => {
    for (const options of [
      { file: '' },
      { file: 'file:x' },
      { file: 'a\0b' },
      { file: 5 },
      { file: 'x', synchronous: 'off' },
    ]) {
      expect(() => sqlite(options as never)).toThrow(expect.objectContaining({ code: 'database.invalid_definition' }));
    }
  });

  it.skipIf(!canMount)(
    `says at a ping that its disk is full${canMount ? '' : ' (skipped: cannot mount)'}`,
    async () => {
      const folder = place.pathOf('mounted');
      await mkdir(folder);
      const script = 'mount -t tmpfs -o size=8m tmpfs "$1" && exec "$2" --conditions=@ent/source "$3" "$1"';
      const program = join(import.meta.dirname, '../fixtures/full-disk.ts');
      const { stdout } = await run('unshare', ['-rm', 'sh', '-c', script, 'sh', folder, process.execPath, program]);
      expect(JSON.parse(stdout)).toEqual(['ok', 'database.full', 'database.full', 'ok', 'ok']);
    },
  );

  it('that is full says so, and serves again when there is room', async () => {
    const db = await place.open();
    await db.repo(people).insert({ email: 'small' });
    const pages = (await pragma(db, 'page_count')) as number;
    setPragma(db, `max_page_count = ${pages + 2}`);
    const repo = db.repo(people);
    const big = { email: 'a', name: 'x'.repeat(100_000) };
    const error = await rejection(repo.insert(big));
    expect([error.code, (error as unknown as { status: number }).status]).toEqual(['database.full', 503]);
    expect(error).toMatchObject({ retryAfterMs: 30_000 });
    expect((await rejection(db.ping())).code).toBe('database.full');
    setPragma(db, 'max_page_count = 100000');
    await repo.insert(big);
    await db.ping();
    setPragma(db, `max_page_count = ${pages + 2}`);
    expect((await rejection(db.transaction(() => repo.insert({ ...big, email: 'b' })))).code).toBe('database.full');
    expect((await rejection(db.ping())).code).toBe('database.full');
    expect(await repo.count()).toBe(2);
    await db.transaction(() => repo.update('none', { set: { age: 1 } }).catch(() => {}), { readOnly: true });
    expect((await rejection(db.ping())).code).toBe('database.full');
    await db.transaction(() => repo.updateMany({ set: { age: 1 } }, { where: { email: 'small' } }));
    await db.ping();
  });
});

describe('a connection that was handed in', () => {
  it('serves everything, keeps its settings, and stays open', async () => {
    const client = new BetterSqlite3(place.file);
    const db = createDatabase({ driver: sqlite({ client }) });
    await createTables(db, people);
    await db.transaction(() => db.repo(people).insert({ email: 'a' }));
    expect(await db.transaction(() => db.repo(people).count(), { readOnly: true })).toBe(1);
    expect([db.driver.namespace, client.pragma('journal_mode', { simple: true })]).toEqual(['test.db', 'delete']);
    await db.close();
    expect([client.open, client.inTransaction]).toEqual([true, false]);
    client.close();
  });

  it('that the application has closed is unavailable', async () => {
    const client = new BetterSqlite3(':memory:');
    const db = createDatabase({ driver: sqlite({ client }) });
    await db.ping();
    client.close();
    expect((await rejection(db.ping())).code).toBe('database.unavailable');
    expect((await rejection(db.transaction(async () => {}))).code).toBe('database.unavailable');
    await db.close();
  });

  it('is reachable: the one that we made, too', async () => {
    const driver = sqlite({ file: place.file });
    const db = createDatabase({ driver });
    expect(driver.client).toBeUndefined();
    await db.ping();
    expect(driver.client?.open).toBe(true);
    await db.close();
    expect([driver.client?.open, db.stats().total]).toEqual([false, 0]);
  });
});
