import {
  channels,
  type Database,
  type PoolReport,
  poolsChannel,
  type PoolsQuestion,
  type QueryOperation,
  type TransactionOperation,
} from '@ent/database';
import { describe, expect, it, vi } from 'vitest';
import { memoryDatabase, people, rejection } from './fixtures/people.ts';

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
      await repo.updateMany({ set: { name: 'secret' } }, { where: { email: 'secret@example.org' } });
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

  it('do not delay a statement of SQLite: it is told of before the caller has its promise', async () => {
    await observe(async (db) => {
      const repo = db.repo(people);
      await repo.insert({ email: 'a' });
      let ended = 0;
      const onEnd = (): void => void ended++;
      // After many calls in a row one waits for a turn of the event loop, whoever listens.
      await vi.waitFor(async () => {
        ended = 0;
        channels.query.asyncEnd.subscribe(onEnd);
        const found = repo.find();
        channels.query.asyncEnd.unsubscribe(onEnd);
        expect(await found).toHaveLength(1);
        expect(ended).toBe(1);
      }, 60_000);
    });
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

  it('tell the numbers of a pool to who asks, while the database is open', async () => {
    const ask = (): PoolReport[] => {
      const found: PoolReport[] = [];
      poolsChannel.publish({ add: (report) => found.push(report) } satisfies PoolsQuestion);
      return found;
    };
    const db = await memoryDatabase();
    const pool = { system: 'sqlite', namespace: ':memory:', idle: 1, inUse: 0, waiting: 0 };
    expect(ask()).toMatchObject([pool]);
    await db.transaction(async () => {
      await db.repo(people).count();
      expect(ask()).toMatchObject([{ ...pool, idle: 0, inUse: 1 }]);
    });
    await db.close();
    expect(ask()).toEqual([]);
    expect(poolsChannel.hasSubscribers).toBe(false);
  });
});
