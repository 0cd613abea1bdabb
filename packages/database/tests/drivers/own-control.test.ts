// A transaction is ended by its function alone: what the application's own statements would end it by is refused, or
// found out where it has happened, so that no transaction resolves whose writes are gone.
import { createDatabase, type Database } from '@ent/database';
import type { SqlNative } from '@ent/database/sql';
import { sqlite } from '@ent/database/sqlite';
import { createTables } from '@ent/database/testing';
import { describeWithServer } from '@ent/testkit/vitest';
import { sql } from 'kysely';
import { describe, expect, it, onTestFinished } from 'vitest';
import { useDatabases as mysql } from '../fixtures/mysql.ts';
import { people, rejection } from '../fixtures/people.ts';
import { useDatabases as postgres } from '../fixtures/postgres.ts';
import { useSqliteFile } from '../fixtures/sqlite-file.ts';

type Db = Database<SqlNative>;

/** What a transaction comes to in which this is sent, and what is stored then. */
async function endedBy(db: Db, text: string): Promise<unknown[]> {
  const repo = db.repo(people);
  const error = await rejection(
    db.transaction(async () => {
      await repo.insert({ id: 'before', email: 'a' });
      await sql.raw(text).execute(db.native.kysely);
      await repo.insert({ id: 'after', email: 'b' });
    }),
  );
  const stored = await repo.find();
  await repo.insert({ id: 'well', email: 'c' });
  return [error.code, stored.map(({ id }) => id)];
}

function declare(open: () => Promise<Db>, texts: readonly string[]): void {
  const all = [
    'begin',
    'commit',
    'rollback',
    '/* ; */ Commit',
    '-- so\nrollback',
    ';commit',
    '/**/--\n/* */rollback',
    ...texts,
  ];
  it.each(all)('refuses "%s" in a transaction, and rolls it back', async (text) => {
    expect(await endedBy(await open(), text)).toEqual(['database.unsupported', []]);
  });

  it('takes savepoints of your own', async () => {
    const db = await open();
    await db.transaction(async () => {
      await db.repo(people).insert({ id: 'before', email: 'a' });
      for (const text of [
        'savepoint own',
        'delete from people',
        'rollback to savepoint own',
        'release savepoint own',
      ]) {
        await sql.raw(text).execute(db.native.kysely);
      }
    });
    expect(await db.repo(people).count()).toBe(1);
  });
}

describe('SQLite', () => {
  const place = useSqliteFile();
  declare(() => place.open(), ['end', 'end transaction']);

  it('tells of a transaction that your own client has ended', async () => {
    const driver = sqlite({ file: place.pathOf('own.db') });
    const db = createDatabase({ driver });
    onTestFinished(() => db.close());
    await createTables(db, people);
    const ended = db.transaction(async () => {
      await db.repo(people).insert({ email: 'a' });
      driver.client?.exec('rollback');
    });
    expect((await rejection(ended)).message).toContain('the transaction was ended');
    expect(await db.repo(people).count()).toBe(0);
  });
});

describe('SQLite in threads', () => {
  const place = useSqliteFile();
  declare(() => place.open({ thread: true }), ['end']);
});

describeWithServer('postgres', (server) => {
  const { open } = postgres(server);
  const nested = '/* /* of */ two */ rollback';
  declare(open, ['end', 'abort', 'rollback and chain', 'commit work and chain', `prepare transaction 'x'`, nested]);

  it('finds out an end that it could not see before', async () => {
    const db = await open();
    const ended = db.transaction(async () => {
      await db.repo(people).insert({ email: 'a' });
      await db.native.script('select 1; rollback');
    });
    expect((await rejection(ended)).code).toBe('database.query_failed');
    expect(await db.repo(people).count()).toBe(0);
  });

  it('refuses one in a text of several statements', async () => {
    const db = await open();
    for (const before of ['', '/* so */ ', '/* so\nit is */\n']) {
      const error = await rejection(db.transaction(() => db.native.script(`select 1;\n${before}rollback and chain;`)));
      expect(error.code).toBe('database.unsupported');
      expect(error.message).toContain(`"rollback and chain;" (line ${before.split('\n').length + 1})`);
    }
  });
});

describeWithServer('mariadb', (server) => {
  const { open } = mysql(server);
  const carriedOut = ['/*! commit */', '/*!50000 commit */', '/*M!100000 rollback and chain */', '/*! *//**/ commit'];
  declare(open, [
    '# so\ncommit',
    'rollback and chain',
    'commit and chain',
    'start transaction read only',
    '/* /* */ commit',
    ...carriedOut,
  ]);

  it.each([
    ['rollback', 'begin rollback; end'],
    ['rollback, after rows', 'begin select 1; rollback; end'],
    ['rollback, and another one', 'begin rollback; start transaction; end'],
    ['rollback by what was prepared', `begin execute immediate 'rollback and chain'; end`],
  ])('finds out a procedure that ends it: %s', async (_what, body) => {
    const db = await open();
    await sql.raw(`create procedure ending() ${body}`).execute(db.native.kysely);
    for (const comment of ['', '/* app */ ', '-- app\n']) {
      expect(await endedBy(db, `${comment}call ending()`)).toEqual(['database.query_failed', []]);
      await db.repo(people).deleteMany({ where: { id: { ne: null } } });
    }
  });

  it('calls procedures in transactions, and answers their rows', async () => {
    const db = await open();
    await sql.raw('create procedure harmless() begin select 1 as one; select 2 as two; end').execute(db.native.kysely);
    await db.transaction(async () => {
      await db.repo(people).insert({ email: 'a' });
      expect((await sql`call harmless()`.execute(db.native.kysely)).rows).toEqual([{ one: 1 }]);
    });
    expect(await db.repo(people).count()).toBe(1);
  });
});
