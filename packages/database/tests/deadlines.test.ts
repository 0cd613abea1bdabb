// A driver that is slow or does not answer, and one that answers at once.
import { createDatabase, createMigrator } from '@ent/database';
import { sqlite } from '@ent/database/sqlite';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { memoryDatabase, people, rejection } from './fixtures/people.ts';

describe('a driver that does not answer', () => {
  it('costs the deadline; its session is handed back as broken, and in a transaction not used again', async () => {
    const released: boolean[] = [];
    let stuck = false;
    const db = await memoryDatabase((driver) => ({
      count: (...call) => (stuck ? new Promise(() => {}) : driver.count(...call)),
      release(session, broken) {
        released.push(broken);
        driver.release(session, broken);
      },
      rollback(...call) {
        if (stuck) throw new Error('A session in an unknown state was asked to roll back.');
        return driver.rollback(...call);
      },
    }));
    const repo = db.repo(people);
    stuck = true;
    released.length = 0;
    const error = await rejection(repo.count({ timeout: 200 }));
    expect([error.code, error.message]).toEqual(['database.timeout', 'people.count took longer than 200 ms.']);
    expect(released).toEqual([true]);
    expect((await rejection(db.transaction(() => repo.count({ timeout: 200 })))).code).toBe('database.timeout');
    expect(released).toEqual([true, true]);
    stuck = false;
    expect(await repo.count()).toBe(0);
    await db.close();
  });

  it('gets a session back that it gives too late', async () => {
    let slow = false;
    let give = (): void => {};
    const db = await memoryDatabase((driver) => ({
      async acquire(...call) {
        const session: unknown = await driver.acquire(...call);
        if (slow) {
          await new Promise<void>((resolve) => {
            give = resolve;
          });
        }
        return session;
      },
    }));
    slow = true;
    expect((await rejection(db.repo(people).count({ timeout: 200 }))).code).toBe('database.timeout');
    expect(db.stats().inUse).toBe(1);
    slow = false;
    give();
    expect(await db.repo(people).count()).toBe(0);
    expect(db.stats().inUse).toBe(0);
    await db.close();
  });

  it('is asked again to open after it failed to', async () => {
    let fail = true;
    const driver = sqlite({ file: ':memory:' });
    const db = createDatabase({
      driver: {
        ...driver,
        connect(call) {
          if (fail) throw Object.assign(new Error('unable to open'), { name: 'SqliteError', code: 'SQLITE_CANTOPEN' });
          return driver.connect(call);
        },
      },
    });
    expect((await rejection(db.ping())).code).toBe('database.unavailable');
    fail = false;
    await db.ping();
    await db.close();
  });
});

describe('calls that are answered at once', () => {
  it('leave the event loop its turns, in and outside of a transaction', async () => {
    const db = await memoryDatabase();
    const repo = db.repo(people);
    let ticks = 0;
    let running = true;
    const tick = (): void => {
      ticks += 1;
      if (running) setImmediate(tick);
    };
    setImmediate(tick);
    // Long enough on any machine: the loop ends when others had their turn, and never if they do not.
    while (ticks < 3) await repo.get('nobody');
    ticks = 0;
    await db.transaction(async () => {
      while (ticks < 3) await repo.get('nobody');
    });
    running = false;
    await db.close();
  });

  it('belong to the transaction in which they were made, though the event loop gets its turn first', async () => {
    const db = await memoryDatabase();
    const repo = db.repo(people);
    await db.transaction(async () => {
      await repo.count();
      for (const end = performance.now() + 15; performance.now() < end; );
      void repo.insert({ email: 'a' });
    });
    expect(await repo.count()).toBe(1);
    await db.close();
  });

  it('keep to the deadline of the transaction, though nothing in it waits', async () => {
    const db = await memoryDatabase();
    const endless = db.transaction(
      async () => {
        for (;;) await db.repo(people).get('nobody');
      },
      { timeout: 30 },
    );
    expect((await rejection(endless)).code).toBe('database.timeout');
    await db.close();
  });
});

describe('a wall clock that is set back', () => {
  afterEach(() => vi.useRealTimers());

  it('moves no deadline, of a call, a transaction or a migration', async () => {
    let stuck = false;
    const db = await memoryDatabase((driver) => ({
      count: (...call) => (stuck ? new Promise(() => {}) : driver.count(...call)),
    }));
    const repo = db.repo(people);
    const setBack = (): unknown => vi.setSystemTime(Date.now() - 3_600_000);
    vi.useFakeTimers({ toFake: ['Date'] });
    stuck = true;
    const call = repo.count({ timeout: 200 });
    setBack();
    expect((await rejection(call)).code).toBe('database.timeout');
    const transaction = db.transaction(() => repo.count(), { timeout: 200 });
    setBack();
    expect((await rejection(transaction)).code).toBe('database.timeout');
    const step = { name: '1', up: () => repo.count() };
    const migrating = createMigrator(db, [step], { timeout: 200 }).up();
    setBack();
    const late = await rejection(migrating);
    // Of the step in it, or of the whole.
    expect([late.code, (late.cause as { code?: string } | undefined)?.code]).toContain('database.timeout');
    stuck = false;
    const first = await repo.insert({ email: 'a' });
    setBack();
    expect((await repo.insert({ email: 'b' })).id > first.id).toBe(true);
    await db.close();
  });
});
