// What MariaDB answers of a write in one statement of several, and what is left where that fails.
import { channels, createDatabase, type Database, defineEntity, generated } from '@ent/database';
import { mysql } from '@ent/database/mysql';
import type { SqlNative } from '@ent/database/sql';
import { describeWithServer } from '@ent/testkit/vitest';
import { sql } from 'kysely';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ask, isMariaDb, newDatabase } from '../fixtures/mysql.ts';
import { rejection } from '../fixtures/people.ts';

const accounts = defineEntity({
  name: 'accounts',
  fields: { id: 'string', email: 'string', cents: 'int', version: 'int' },
  unique: [['email']],
  version: 'version',
});
/** An id that the database makes up, which is no number that it counts. */
const tokens = defineEntity({ name: 'tokens', fields: { id: generated('string'), n: 'int' } });

describeWithServer('mariadb', (server) => {
  let db: Database<SqlNative>;
  let url: string;
  let sent: string[];
  const onStatement = ({ statement }: { statement?: string | undefined }): void => void sent.push(statement ?? '');
  const listener = { start() {}, end() {}, asyncStart() {}, asyncEnd: onStatement, error() {} };
  const a = { id: 'a', email: 'a@example.org', cents: 1 };
  const b = { id: 'b', email: 'b@example.org', cents: 1 };
  beforeEach(async ({ skip }) => {
    skip(!(await isMariaDb(server.url)), 'MySQL has neither');
    ({ url } = await newDatabase(server.url));
    const text = 'character set utf8mb4 collate utf8mb4_nopad_bin';
    await ask(
      url,
      `create table accounts (id varchar(20) ${text} primary key, email varchar(40) ${text} unique, cents bigint, version bigint)`,
    );
    await ask(url, `create table tokens (id varchar(36) ${text} default uuid() primary key, n int)`);
    // One connection: what one call leaves the next one meets.
    db = createDatabase({ driver: mysql({ url, max: 1 }) });
    await db.repo(accounts).insert(a);
    await db.repo(accounts).insert(b);
    sent = [];
    channels.query.subscribe(listener);
  });
  afterEach(async () => {
    channels.query.unsubscribe(listener);
    await db?.close();
  });
  const inTransaction = async (): Promise<unknown> =>
    (await sql<{ is: number }>`select @@in_transaction as 'is'`.execute(db.native.kysely)).rows[0]?.is;

  it('an update and an upsert are one statement each, and nothing stays open', async () => {
    const repo = db.repo(accounts);
    expect(await repo.update('a', { inc: { cents: 5 } })).toEqual({ ...a, cents: 6, version: 2 });
    expect(await repo.upsert(['email'], { ...a, id: 'c' }, { set: { cents: 7 } })).toEqual({
      ...a,
      cents: 7,
      version: 3,
    });
    expect(sent.map((statement) => statement.slice(0, 16))).toEqual(['begin not atomic', 'begin not atomic']);
    expect(await inTransaction()).toBe(0);
  });

  it('numbers that many count up at once are each answered once', async () => {
    const many = createDatabase({ driver: mysql({ url, max: 8 }) });
    const counted = await Promise.all(
      Array.from({ length: 100 }, () => many.repo(accounts).update('a', { inc: { cents: 1 } })),
    );
    await many.close();
    expect(counted.map(({ cents }) => cents).sort((x, y) => x - y)).toEqual(
      Array.from({ length: 100 }, (_, n) => n + 2),
    );
  });

  it('what fails is undone, and leaves no transaction and no lock', async () => {
    const repo = db.repo(accounts);
    expect((await rejection(repo.update('a', { set: { email: b.email } }))).code).toBe('database.unique_violation');
    expect(await inTransaction()).toBe(0);
    await ask(url, `update accounts set cents = 9 where id = 'a'`, [], 'innodb_lock_wait_timeout = 1');
    expect(await repo.get('a')).toEqual({ ...a, cents: 9, version: 1 });
  });

  it('what the server ends by its time limit is undone too', async () => {
    const [{ limit } = { limit: 0 }] = (await ask(url, 'select @@global.max_statement_time as `limit`')) as {
      limit: number;
    }[];
    await ask(url, 'create trigger slow before update on accounts for each row set @x = sleep(5)');
    await ask(url, 'set global max_statement_time = 1');
    const hasty = createDatabase({ driver: mysql({ url, max: 1 }) });
    try {
      const error = await rejection(hasty.repo(accounts).update('a', { inc: { cents: 1 } }));
      expect((error.cause as { errno?: number }).errno).toBe(1969);
      const { rows } = await sql<{ is: number }>`select @@in_transaction as 'is'`.execute(hasty.native.kysely);
      expect(rows).toEqual([{ is: 0 }]);
    } finally {
      await ask(url, `set global max_statement_time = ${limit}`);
      await hasty.close();
    }
    expect(await db.repo(accounts).get('a')).toEqual({ ...a, version: 1 });
  });

  it('a table that is changed in between is no matter', async () => {
    const repo = db.repo(accounts);
    await repo.update('a', { inc: { cents: 1 } });
    await ask(url, 'alter table accounts add column more int not null default 3 first, modify cents int');
    expect(await repo.update('a', { inc: { cents: 1 } })).toEqual({ ...a, cents: 3, version: 3 });
    await ask(url, 'alter table accounts drop column more, modify cents bigint');
    expect(await repo.update('a', { inc: { cents: 1 } })).toEqual({ ...a, cents: 4, version: 4 });
  });

  it('an update that changes nothing answers the row, and one of no row nothing', async () => {
    const repo = db.repo(accounts);
    const same = defineEntity({ name: 'accounts', fields: { id: 'string', email: 'string', cents: 'int' } });
    expect(await db.repo(same).update('a', { set: { cents: 1 } })).toEqual(a);
    expect((await rejection(repo.update('a', { inc: { cents: 1 } }, { version: 7 }))).code).toBe(
      'database.version_conflict',
    );
    expect((await rejection(repo.update('z', { inc: { cents: 1 } }))).code).toBe('database.not_found');
  });

  it('in a transaction they are part of it', async () => {
    const repo = db.repo(accounts);
    const failed = db.transaction(async () => {
      await repo.update('a', { inc: { cents: 1 } });
      await repo.upsert(['id'], { ...b, cents: 4 });
      expect(await inTransaction()).toBe(1);
      throw new Error('mine');
    });
    expect((await rejection(failed)).message).toBe('mine');
    expect(await repo.find({ sort: [['id', 'asc']] })).toEqual([a, b].map((row) => ({ ...row, version: 1 })));
  });

  it('what the database fills in is answered by the INSERT, ids that it does not count included', async () => {
    const ids = await db.repo(tokens).insertMany([{ n: 1 }, { n: 2 }, { n: 3 }]);
    expect(sent.filter((statement) => statement.startsWith('insert'))).toHaveLength(1);
    const rows = await db.repo(tokens).find({ sort: [['n', 'asc']] });
    expect(rows.map(({ id }) => id)).toEqual(ids);
  });
});
