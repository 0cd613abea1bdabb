// What two transactions that contradict each other come to: the callback is run again, and nobody sees the conflict.
import { describe, expect, it } from 'vitest';
import { memoryDatabase, people, rejection } from './fixtures/people.ts';

const deadlock = (): Error =>
  Object.assign(new Error('database is locked'), { name: 'SqliteError', code: 'SQLITE_BUSY_SNAPSHOT' });

describe('conflicts', () => {
  it('run the transaction again until it commits, with fresh hooks', async () => {
    let commits = 0;
    const db = await memoryDatabase((driver) => ({
      async commit(...call) {
        commits += 1;
        if (commits <= 2) throw deadlock();
        await driver.commit(...call);
      },
    }));
    const repo = db.repo(people);
    const ran: string[] = [];
    let attempt = 0;
    await db.transaction(async () => {
      attempt += 1;
      await repo.insert({ email: `try${attempt}` });
      db.afterCommit(() => ran.push(`hook${attempt}`));
    });
    expect((await repo.find()).map(({ email }) => email)).toEqual(['try3']);
    expect(ran).toEqual(['hook3']);
    await db.close();
  });

  it('are found under an error of the application, and inside a savepoint that caught them', async () => {
    const db = await memoryDatabase((driver) => {
      let failures = 2;
      return {
        insert(...call) {
          failures -= 1;
          if (failures >= 0) throw deadlock();
          return driver.insert(...call);
        },
      };
    });
    const repo = db.repo(people);
    let attempts = 0;
    await db.transaction(async () => {
      attempts += 1;
      if (attempts === 1) {
        await repo.insert({ email: 'a' }).catch((cause: unknown) => {
          throw new Error('The application says so.', { cause });
        });
      }
      await db.transaction(() => repo.insert({ email: 'a' }), { propagation: 'nested' }).catch(() => {});
    });
    expect([attempts, await repo.count()]).toEqual([3, 1]);
    await db.close();
  });

  it('surface when the retries are used up, and never run a callback again for another error', async () => {
    const db = await memoryDatabase(() => ({
      commit() {
        throw deadlock();
      },
    }));
    let runs = 0;
    const error = await rejection(db.transaction(async () => (runs += 1), { retries: 2 }));
    expect([error.code, runs]).toEqual(['database.serialization_failure', 3]);
    await db.close();
  });

  it('run a single call again, which has done nothing', async () => {
    let calls = 0;
    const db = await memoryDatabase((driver) => ({
      insert(...call) {
        calls += 1;
        if (calls <= 3) throw deadlock();
        return driver.insert(...call);
      },
    }));
    await db.repo(people).insert({ email: 'a' });
    expect([calls, await db.repo(people).count()]).toEqual([4, 1]);
    await db.close();
  });
});
