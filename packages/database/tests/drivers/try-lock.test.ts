// A lock that is not to be had, tried in a savepoint: the transaction around it goes on, and is not run again.
import type { Database } from '@ent/database';
import type { SqlNative } from '@ent/database/sql';
import { describeWithServer } from '@ent/testkit/vitest';
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { useDatabases as mysql } from '../fixtures/mysql.ts';
import { ann, people, rejection, signal } from '../fixtures/people.ts';
import { useDatabases as postgres } from '../fixtures/postgres.ts';

type Db = Database<SqlNative>;

/** Stores a row and locks it in a transaction; what it answers ends that. */
async function holdAnn(db: Db): Promise<() => Promise<void>> {
  const repo = db.repo(people);
  await repo.insert(ann);
  const { promise: gate, fire: release } = signal();
  const { promise: isLocked, fire: locked } = signal();
  const holder = db.transaction(async () => {
    await repo.update('ann', { set: { name: 'held' } });
    locked();
    await gate;
  });
  await isLocked;
  return () => {
    release();
    return holder;
  };
}

/** @param patience what makes a statement of this connection wait for a lock for a short time alone */
function declare(open: () => Promise<Db>, patience: string): void {
  const select = `select id from people where id = 'ann' for update`;
  const told = async (db: Db, texts: readonly string[]): Promise<string> =>
    (
      await rejection(
        db.transaction(
          async () => {
            for (const text of texts) await sql.raw(text).execute(db.native.kysely);
          },
          { propagation: 'nested' },
        ),
      )
    ).code;

  it.each([
    ['at once', [`${select} nowait`]],
    ['after a while', [patience, select]],
  ])('is told %s, and the transaction goes on', async (_when, texts) => {
    const db = await open();
    const repo = db.repo(people);
    const release = await holdAnn(db);
    let runs = 0;
    const codes = await db.transaction(async () => {
      runs += 1;
      await repo.insert({ id: 'before', email: 'before' });
      const code = await told(db, texts);
      await repo.insert({ id: 'after', email: 'after' });
      return [code, await told(db, texts)];
    });
    await release();
    expect([codes, runs]).toEqual([['database.lock_timeout', 'database.lock_timeout'], 1]);
    expect((await repo.find({ sort: [['id', 'asc']] })).map(({ id }) => id)).toEqual(['after', 'ann', 'before']);
  });

  it('is run again with the whole where nobody has caught it', async () => {
    const db = await open();
    const repo = db.repo(people);
    const release = await holdAnn(db);
    let runs = 0;
    await db.transaction(async () => {
      runs += 1;
      if (runs === 2) {
        await release();
      }
      await repo.insert({ id: 'before', email: 'before' });
      await db.transaction(() => sql.raw(`${select} nowait`).execute(db.native.kysely), { propagation: 'nested' });
    });
    expect([runs, await repo.count()]).toEqual([2, 2]);
  });
}

describeWithServer('postgres', (server) => {
  const { open } = postgres(server);
  declare(() => open({ max: 3 }), `set local lock_timeout = '50ms'`);
});

describeWithServer('mariadb', (server) => {
  const { open } = mysql(server);
  declare(() => open({ max: 3 }), 'set innodb_lock_wait_timeout = 1');
});
