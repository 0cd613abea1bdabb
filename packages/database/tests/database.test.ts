import { join } from 'node:path';
import {
  channels,
  createDatabase,
  type Database,
  isUniqueViolation,
  type QueryOperation,
  type TransactionOperation,
} from '@ent/database';
import { openDatabase } from '@ent/database/open';
import { sqlite } from '@ent/database/sqlite';
import { runInBareApp } from '@ent/testkit';
import { describe, expect, it } from 'vitest';
import { memoryDatabase, people, rejection } from './fixtures/people.ts';

const deadlock = (): Error =>
  Object.assign(new Error('database is locked'), { name: 'SqliteError', code: 'SQLITE_BUSY_SNAPSHOT' });

describe('createDatabase', () => {
  it('refuses options that make no sense, and opens nothing before the first call', async () => {
    const driver = sqlite({ file: ':memory:' });
    for (const options of [{ timeout: 0 }, { timeout: Number.NaN }, { transactionTimeoutMs: -1 }, { retries: 0.5 }]) {
      expect(() => createDatabase({ driver, ...options })).toThrow(
        expect.objectContaining({ code: 'database.invalid_definition' }),
      );
    }
    const db = createDatabase({ driver });
    expect(db.stats()).toEqual({ total: 0, idle: 0, inUse: 0, waiting: 0 });
    await db.close();
  });

  it('tells a unique violation from everything else', async () => {
    const db = await memoryDatabase();
    const repo = db.repo(people);
    await repo.insert({ email: 'a' });
    const error = await rejection(repo.insert({ email: 'a' }));
    expect([isUniqueViolation(error), isUniqueViolation(error, 'email'), isUniqueViolation(error, 'name')]).toEqual([
      true,
      true,
      false,
    ]);
    expect([isUniqueViolation(new Error('x')), isUniqueViolation(undefined)]).toEqual([false, false]);
    await db.close();
  });
});

describe('openDatabase', () => {
  it('names what is supported and repeats no part of a URL that may be secret', async () => {
    for (const url of ['postgres://ann:hunter2@db/x', 'mongodb+srv://ann:hunter2@db/x', 'hunter2', '', '://hunter2']) {
      const error = await rejection(openDatabase(url));
      expect(error.code).toBe('database.invalid_definition');
      expect(error.message).toContain('openDatabase supports sqlite: URLs');
      expect(error.message).not.toContain('hunter2');
    }
  });

  it('refuses parameters and paths that it does not understand', async () => {
    for (const url of ['sqlite:', 'sqlite:x?cache=shared', 'sqlite:x?synchronous=off', 'sqlite:%zz', 'sqlite:file:x']) {
      expect((await rejection(openDatabase(url))).code).toBe('database.invalid_definition');
    }
  });

  it('rejects when the database does not answer', async () => {
    expect((await rejection(openDatabase('sqlite:/dev/null/x.db'))).code).toBe('database.unavailable');
  });

  it('opens a driver of others by the scheme that the application gives it', async () => {
    const drivers = { mine: async () => ({ openDriver: (url: string) => sqlite({ file: url.slice(5) }) }) };
    const db = await openDatabase('mine::memory:', { drivers, timeout: '5s' });
    expect(db.driver.name).toBe('sqlite');
    await db.close();
    expect((await rejection(openDatabase('other:', { drivers }))).message).toContain('sqlite:, mine: URLs');
    for (const wrong of [{ mine: 'x' }, { mine: async () => ({}) }]) {
      const error = await rejection(openDatabase('mine:', { drivers: wrong as never }));
      expect(error.code).toBe('database.invalid_definition');
    }
  });

  it('names the package to install when the library of the driver is missing', () => {
    const printed = runInBareApp(
      join(import.meta.dirname, '..'),
      `import { openDatabase } from './src/open.ts';
       await openDatabase('sqlite::memory:').catch((error) => console.log(error.code, error.message));`,
    );
    expect(printed).toMatch(
      /^database\.invalid_definition sqlite: URLs need the package ([a-z0-9-]+), .* npm install \1\.\n$/,
    );
  });
});

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
    const error = await rejection(repo.count({}, { timeout: 200 }));
    expect([error.code, error.message]).toEqual(['database.timeout', 'people.count took longer than 200 ms.']);
    expect(released).toEqual([true]);
    expect((await rejection(db.transaction(() => repo.count({}, { timeout: 200 })))).code).toBe('database.timeout');
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
    expect((await rejection(db.repo(people).count({}, { timeout: 200 }))).code).toBe('database.timeout');
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

describe('two databases', () => {
  it('do not join each other', async () => {
    const [left, right] = [await memoryDatabase(), await memoryDatabase()];
    await rejection(
      left.transaction(async () => {
        await right.repo(people).insert({ email: 'stays' });
        await left.repo(people).insert({ email: 'goes' });
        throw new Error('back');
      }),
    );
    expect([await left.repo(people).count(), await right.repo(people).count()]).toEqual([0, 1]);
    await left.close();
    await right.close();
  });
});

describe('the channels', () => {
  async function observe(work: (db: Database) => Promise<unknown>) {
    const db = await memoryDatabase();
    const queries: QueryOperation[] = [];
    const transactions: TransactionOperation[] = [];
    const onQuery = (payload: unknown) => queries.push({ ...(payload as QueryOperation) });
    const onTransaction = (payload: unknown) => transactions.push({ ...(payload as TransactionOperation) });
    channels.query.asyncEnd.subscribe(onQuery);
    channels.transaction.asyncEnd.subscribe(onTransaction);
    try {
      await work(db);
    } finally {
      channels.query.asyncEnd.unsubscribe(onQuery);
      channels.transaction.asyncEnd.unsubscribe(onTransaction);
      await db.close();
    }
    return { queries, transactions };
  }

  it('tell each query: what, on what, how it ended, and no value', async () => {
    const { queries } = await observe(async (db) => {
      const repo = db.repo(people);
      await repo.insert({ email: 'secret@example.org' });
      await repo.find({ where: { email: { startsWith: 'secret' } } });
      await rejection(repo.insert({ email: 'secret@example.org' }));
      await repo.updateMany({ email: 'secret@example.org' }, { set: { name: 'secret' } });
      await db.ping();
    });
    const common = { system: 'sqlite', namespace: ':memory:', inTransaction: false };
    expect(queries).toMatchObject([
      {
        ...common,
        operation: 'insert',
        entity: 'people',
        statement: expect.stringMatching(/^insert into "people" \(.*\) values \(\?, /),
      },
      { ...common, operation: 'find', entity: 'people', rows: 1 },
      { ...common, operation: 'insert', entity: 'people', errorCode: 'database.unique_violation' },
      { ...common, operation: 'updateMany', entity: 'people', rows: 1 },
      { ...common, operation: 'ping' },
    ]);
    expect(JSON.stringify(queries)).not.toContain('secret');
  });

  it('tell each transaction: its kind, how often it ran and how it ended', async () => {
    const { queries, transactions } = await observe(async (db) => {
      await db.transaction(async () => {
        await db.repo(people).insert({ email: 'a' });
        await db.transaction(async () => {}, { propagation: 'nested' });
        await db.transaction(async () => {});
      });
      await rejection(
        db.transaction(
          async () => {
            throw new Error('back');
          },
          { readOnly: true, isolation: 'read committed' },
        ),
      );
    });
    expect(queries.map(({ inTransaction }) => inTransaction)).toEqual([true]);
    expect(transactions).toMatchObject([
      { kind: 'savepoint', outcome: 'committed' },
      {
        system: 'sqlite',
        namespace: ':memory:',
        kind: 'transaction',
        attempts: 1,
        readOnly: false,
        outcome: 'committed',
      },
      { kind: 'transaction', readOnly: true, isolation: 'serializable', outcome: 'rolled_back' },
    ]);
  });
});
