// Transactions of MySQL and MariaDB beside each other: which conflicts end one, what is run again, and what a level of
// isolation is worth. And upserts, which are several statements here.
import { createDatabase, type Database, defineEntity, isUniqueViolation, nullable } from '@ent/database';
import { mysql } from '@ent/database/mysql';
import type { SqlNative } from '@ent/database/sql';
import { createTables } from '@ent/database/testing';
import { randomOf } from '@ent/testkit';
import { describeWithServer, itInDepth } from '@ent/testkit/vitest';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { ask, isMariaDb, urlOf, useDatabases } from '../fixtures/mysql.ts';
import { rejection, signal } from '../fixtures/people.ts';

const accounts = defineEntity({ name: 'accounts', fields: { id: 'string', cents: 'int', note: nullable('string') } });
const tags = defineEntity({
  name: 'tags',
  fields: { id: 'string', label: 'string', owner: 'string', uses: 'int' },
  unique: [['label'], ['owner']],
});

describeWithServer('mariadb', (server) => {
  const { open, name } = useDatabases(server);

  async function ready(): Promise<Database<SqlNative>> {
    const db = await open({ max: 4 });
    await createTables(db, accounts, tags);
    await db.repo(accounts).insertMany(['a', 'b', 'c'].map((id) => ({ id, cents: 100 })));
    return db;
  }
  const value = async (db: Database<SqlNative>, id = 'a'): Promise<unknown> => (await db.repo(accounts).get(id))?.cents;

  describe('a conflict', () => {
    it.each(['required', 'nested'] as const)(
      'a deadlock ends its transaction, which is run again whole (%s)',
      async (propagation) => {
        const db = await ready();
        const [first, second] = [signal(), signal()];
        const runs = { x: 0, y: 0 };
        const move = async (who: 'x' | 'y', from: string, to: string): Promise<void> =>
          db.transaction(async () => {
            runs[who] += 1;
            await db.repo(accounts).update(from, { inc: { cents: -1 } });
            (who === 'x' ? first : second).fire();
            await (who === 'x' ? second : first).promise;
            await db.transaction(() => db.repo(accounts).update(to, { inc: { cents: 1 } }), { propagation });
          });
        await Promise.all([move('x', 'a', 'b'), move('y', 'b', 'a')]);
        expect(runs.x + runs.y).toBe(3);
        expect([await value(db, 'a'), await value(db, 'b')]).toEqual([100, 100]);
      },
    );

    it('what was caught of a deadlock cannot be committed in parts', async () => {
      const db = await ready();
      const [first, second] = [signal(), signal()];
      let caught = 0;
      const move = async (from: string, to: string, own: typeof first, other: typeof first): Promise<unknown> =>
        db.transaction(
          async () => {
            await db.repo(accounts).update(from, { inc: { cents: -1 } });
            own.fire();
            await other.promise;
            try {
              await db.repo(accounts).update(to, { inc: { cents: 1 } });
            } catch {
              caught += 1;
            }
            await db
              .repo(accounts)
              .update('c', { inc: { cents: 1 } })
              .catch(() => {});
          },
          { retries: 0 },
        );
      const outcomes = await Promise.allSettled([move('a', 'b', first, second), move('b', 'a', second, first)]);
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect([caught, await value(db, 'c')]).toEqual([1, 101]);
      expect(Number(await value(db, 'a')) + Number(await value(db, 'b'))).toBe(200);
    });

    it('a lock that is waited for too long ends its statement alone, and the whole is run again', async () => {
      const db = await ready();
      const { promise: gate, fire: release } = signal();
      const { promise: isLocked, fire: locked } = signal();
      const holder = db.transaction(async () => {
        await db.repo(accounts).update('a', { set: { cents: 1 } });
        locked();
        await gate;
      });
      await isLocked;
      let runs = 0;
      const waiter = db.transaction(async () => {
        runs += 1;
        if (runs > 1) return release();
        await sql`set innodb_lock_wait_timeout = 1`.execute(db.native.kysely);
        await db.repo(accounts).update('b', { set: { cents: 2 } });
        await db.repo(accounts).update('a', { set: { cents: 2 } });
      });
      await waiter;
      await holder;
      // The whole was run again, so the first of its statements was undone.
      expect([runs, await value(db, 'a'), await value(db, 'b')]).toEqual([2, 1, 100]);
    });

    it('a row that has changed since it was read is one, where the server looks (1020)', async () => {
      const db = await ready();
      const [row] = await ask(server.url, `show variables like 'innodb_snapshot_isolation'`);
      if (row === undefined) return;
      let runs = 0;
      await db.transaction(async () => {
        runs += 1;
        await sql`set innodb_snapshot_isolation = 1`.execute(db.native.kysely);
        const read = Number(await value(db));
        if (runs === 1) await ask(urlOf(server.url, name()), `update accounts set cents = 50 where id = 'a'`);
        await db.repo(accounts).update('a', { set: { cents: read + 1 } });
      });
      expect([runs, await value(db)]).toEqual([2, 51]);
    });
  });

  describe('isolation', () => {
    it('"repeatable read" of the server is not repeatable, so who asks for it gets more', async () => {
      const db = await ready();
      const elsewhere = (): Promise<unknown> => {
        const update = `update accounts set cents = 50 where id = 'a'`;
        return ask(urlOf(server.url, name()), update, [], 'innodb_lock_wait_timeout = 1');
      };
      // The server's own level, which is the default: what the transaction reads twice has changed in between.
      const seen = await db.transaction(async () => {
        const before = await value(db);
        await elsewhere();
        await db.repo(accounts).updateMany({ set: { note: 'mine' } }, { where: { id: 'a' } });
        return [before, await value(db)];
      });
      expect(seen).toEqual([100, 50]);
      for (const isolation of ['repeatable read', 'snapshot', 'serializable'] as const) {
        await db.repo(accounts).update('a', { set: { cents: 100 } });
        const again = await db.transaction(
          async () => {
            const before = await value(db);
            // It has to wait for this transaction, and gives up.
            await expect(elsewhere()).rejects.toMatchObject({ errno: 1205 });
            await db.repo(accounts).updateMany({ set: { note: 'mine' } }, { where: { id: 'a' } });
            return [before, await value(db)];
          },
          { isolation },
        );
        expect(again).toEqual([100, 100]);
      }
    });

    it('a level is that of one transaction, not of the connection', async () => {
      const db = await open({ max: 1 });
      await createTables(db, accounts);
      const asked = sql<{ level: string }>`select trx_isolation_level as level from information_schema.innodb_trx
        where trx_mysql_thread_id = connection_id()`;
      const level = async () => (await asked.execute(db.native.kysely)).rows[0]?.level;
      for (const [isolation, expected] of [
        ['serializable', 'SERIALIZABLE'],
        [undefined, 'REPEATABLE READ'],
        ['read committed', 'READ COMMITTED'],
      ] as const) {
        await db.transaction(
          async () => {
            await db.repo(accounts).insert({ cents: 1 });
            // The server makes this list anew when nobody has looked for a tenth of a second.
            await expect.poll(level, { interval: 200 }).toBe(expected);
          },
          isolation === undefined ? {} : { isolation },
        );
      }
    });

    it('the server refuses writes in a read-only transaction, native ones too', async () => {
      const db = await ready();
      const writing = db.transaction(() => sql`delete from accounts`.execute(db.native.kysely), { readOnly: true });
      expect((await rejection(writing)).code).toBe('database.read_only');
      expect(await db.repo(accounts).count()).toBe(3);
    });

    itInDepth(
      'transfers that read and then write keep the sum, and show no conflict',
      { full: 2000, ci: 120, of: 'transfers' },
      async ({ count, seed }) => {
        const db = await ready();
        const others = [db, await open({ max: 4 })];
        const random = randomOf(seed);
        const names = ['a', 'b', 'c'];
        const pick = (): string => names[Math.floor(random() * names.length)] as string;
        let left = count;
        const worker = async (through: Database<SqlNative>): Promise<void> => {
          while (left > 0) {
            left -= 1;
            const [from, to] = [pick(), pick()];
            if (from === to) continue;
            const repo = through.repo(accounts);
            await through.transaction(
              async () => {
                const [source, target] = [await repo.get(from), await repo.get(to)];
                await new Promise(setImmediate);
                await repo.update(from, { set: { cents: (source?.cents ?? 0) - 1 } });
                await repo.update(to, { set: { cents: (target?.cents ?? 0) + 1 } });
              },
              { isolation: 'serializable', retries: 1000, timeout: '2m' },
            );
          }
        };
        await Promise.all(Array.from({ length: 6 }, (_, n) => worker(others[n % 2] as Database<SqlNative>)));
        const rows = await db.repo(accounts).find();
        expect(rows.reduce((sum, { cents }) => sum + cents, 0)).toBe(300);
      },
    );
  });

  describe('an upsert', () => {
    const tag = (label: string, owner: string) => ({ label, owner, uses: 1 });

    it('acts on its own key, where ON DUPLICATE KEY UPDATE would change the row of another', async () => {
      const db = await ready();
      const repo = db.repo(tags);
      const ann = await repo.insert(tag('x', 'ann'));
      const error = await rejection(repo.upsert(['label'], tag('y', 'ann')));
      expect([error.code, isUniqueViolation(error, 'owner'), isUniqueViolation(error, 'label')]).toEqual([
        'database.unique_violation',
        true,
        false,
      ]);
      expect(await repo.find()).toEqual([ann]);
      expect(await repo.upsert(['label'], tag('x', 'bob'), { inc: { uses: 2 } })).toEqual({ ...ann, uses: 3 });
    });

    it('is all or nothing with what is around it', async () => {
      const db = await ready();
      const repo = db.repo(tags);
      await rejection(
        db.transaction(async () => {
          await repo.upsert(['label'], tag('x', 'ann'));
          await repo.upsert(['label'], tag('x', 'ann'), { inc: { uses: 1 } });
          throw new Error('mine');
        }),
      );
      expect(await repo.count()).toBe(0);
    });

    it('of one key by many at once makes one row and loses nothing, in transactions too', async () => {
      const db = await ready();
      const other = createDatabase({ driver: mysql({ url: urlOf(server.url, name()), max: 4 }) });
      const upsert = (through: Database, n: number): Promise<unknown> => {
        const one = (): Promise<unknown> => through.repo(tags).upsert(['label'], tag('x', 'ann'), { inc: { uses: 1 } });
        return n % 2 === 0 ? one() : through.transaction(one, { retries: 100 });
      };
      await Promise.all(Array.from({ length: 32 }, (_, n) => upsert(n % 4 < 2 ? db : other, n)));
      expect(await db.repo(tags).find()).toMatchObject([{ label: 'x', uses: 32 }]);
      await other.close();
    });
  });

  it('an upsert of a key whose row others delete all the time stores it or changes it', async () => {
    const db = await ready();
    const repo = createDatabase({ driver: mysql({ url: urlOf(server.url, name()), max: 8 }), retries: 1000 });
    const tag = { label: 'x', owner: 'ann', uses: 1 };
    let isDone = false;
    const deleting = Array.from({ length: 3 }, async () => {
      while (!isDone) await repo.repo(tags).deleteMany({ where: { label: 'x' } });
    });
    const upserting = Array.from({ length: 4 }, async () => {
      for (let n = 0; n < 50; n += 1) await repo.repo(tags).upsert(['label'], tag, { inc: { uses: 1 } });
    });
    await Promise.all(upserting).finally(() => (isDone = true));
    await Promise.all(deleting);
    await repo.close();
    expect(await db.repo(tags).count()).toBeLessThanOrEqual(1);
  });

  it('a key that is taken is told by its fields, whatever it is called', async () => {
    const db = await ready();
    const { kysely } = db.native;
    await sql`create table odd (id varchar(9) primary key, a int, b int, c int, unique key \`it's odd\` (a, b), unique key c (c))`.execute(
      kysely,
    );
    const odd = defineEntity({ name: 'odd', fields: { id: 'string', a: 'int', b: 'int', c: 'int' } });
    await db.repo(odd).insert({ id: 'x', a: 1, b: 2, c: 3 });
    const fields = async (row: { id: string; a: number; b: number; c: number }): Promise<unknown> =>
      ((await rejection(db.repo(odd).insert(row))) as unknown as { details: { fields: unknown } }).details.fields;
    expect(await fields({ id: 'y', a: 0, b: 0, c: 3 })).toEqual(['c']);
    expect(await fields({ id: 'x', a: 0, b: 0, c: 0 })).toEqual(['id']);
    for (const comment of ['', '/* app */ ', '# app\n']) {
      const native = sql.raw(`${comment}insert into odd values ('z', 9, 9, 3)`).execute(kysely);
      expect(isUniqueViolation(await rejection(native), 'c')).toBe(true);
    }
  });

  it('constraints are told by their class and name', async () => {
    const db = await ready();
    const { kysely } = db.native;
    await sql`create table kids (id int primary key, parent int not null, age int,
      constraint of_age check (age > 17), constraint has_parent foreign key (parent) references kids (id))`.execute(
      kysely,
    );
    const told = async (text: string): Promise<unknown> => {
      const { code, details } = (await rejection(sql.raw(text).execute(kysely))) as unknown as {
        code: string;
        details: { constraint?: string; fields?: string[] };
      };
      return [code, details.constraint, details.fields];
    };
    expect(await told('insert into kids values (1, 9, 20)')).toEqual([
      'database.foreign_key_violation',
      'has_parent',
      ['parent'],
    ]);
    expect(await told('insert into kids values (1, 1, 2)')).toEqual(['database.check_violation', 'of_age', undefined]);
    expect(await told('insert into kids (id, parent) values (1, null)')).toEqual([
      'database.not_null_violation',
      undefined,
      ['parent'],
    ]);
    await sql
      .raw(`create trigger no before insert on kids for each row signal sqlstate '45000' set message_text = 'secret'`)
      .execute(kysely);
    expect(await told('insert into kids values (1, 1, 20)')).toEqual([
      'database.check_violation',
      undefined,
      undefined,
    ]);
    expect(await told('select * from nowhere')).toEqual(['database.query_failed', undefined, undefined]);
    if (!(await isMariaDb(server.url))) return;
    expect(await told('set statement max_statement_time = 0.1 for select sleep(5)')).toEqual([
      'database.timeout',
      undefined,
      undefined,
    ]);
  });
});
