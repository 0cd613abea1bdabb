import assert from 'node:assert/strict';
import { people, person } from './entities.ts';
import { codeOf, type DatabaseCase, rejection } from './suite.ts';

/** Transactions inside others. */
export const innerCases: readonly DatabaseCase[] = [
  {
    name: 'inner transactions: a nested one fails alone, and takes its afterCommit hooks with it',
    when: ({ savepoints, transactions }) => transactions && savepoints,
    run: async ({ db }) => {
      const repo = db.repo(people);
      const ran: string[] = [];
      await db.transaction(async () => {
        await repo.insert(person(1));
        const code = await codeOf(
          db.transaction(
            async () => {
              await repo.insert(person(2));
              db.afterCommit(() => ran.push('inner'));
              await repo.insert(person(1));
            },
            { propagation: 'nested' },
          ),
        );
        assert.equal(code, 'database.unique_violation');
        await db.transaction(
          async () => {
            await repo.insert(person(3));
            db.afterCommit(() => ran.push('kept'));
            await rejection(
              db.transaction(
                async () => {
                  await repo.insert(person(4));
                  throw new Error('innermost');
                },
                { propagation: 'nested' },
              ),
            );
          },
          { propagation: 'nested' },
        );
      });
      const found = await repo.find({ sort: [['badge', 'asc']] });
      assert.deepEqual([found.map(({ badge }) => badge), ran], [[1, 3], ['kept']]);
    },
  },

  {
    name: 'inner transactions: concurrent nested ones take turns, and the outer handle inside one means the inner one',
    when: ({ savepoints, transactions }) => transactions && savepoints,
    run: async ({ db }) => {
      const repo = db.repo(people);
      await db.transaction(async (tx) => {
        const attempts = [1, 2, 3, 4].map((n) =>
          tx.transaction(
            async () => {
              await tx.repo(people).insert(person(n));
              if (n % 2 === 0) throw new Error('even');
            },
            { propagation: 'nested' },
          ),
        );
        await Promise.allSettled(attempts);
      });
      const found = await repo.find({ sort: [['badge', 'asc']] });
      assert.deepEqual(
        found.map(({ badge }) => badge),
        [1, 3],
      );
    },
  },

  {
    name: 'inner transactions: a savepoint that worked goes when the whole rolls back',
    when: ({ savepoints, transactions }) => transactions && savepoints,
    run: async ({ db }) => {
      const repo = db.repo(people);
      await rejection(
        db.transaction(async () => {
          await db.transaction(async () => repo.insert(person(1)), { propagation: 'nested' });
          throw new Error('outer');
        }),
      );
      assert.equal(await repo.count(), 0);
    },
  },

  {
    name: 'inner transactions: nested ones are refused',
    when: ({ savepoints, transactions }) => transactions && !savepoints,
    run: async ({ db }) => {
      const nested = db.transaction(async () => db.transaction(async () => {}, { propagation: 'nested' }));
      assert.equal(await codeOf(nested), 'database.unsupported');
    },
  },

  {
    name: 'inner transactions: nested and new without a transaction around them are just transactions',
    when: ({ transactions }) => transactions,
    run: async ({ db }) => {
      const repo = db.repo(people);
      await db.transaction(async () => repo.insert(person(1)), { propagation: 'nested' });
      await db.transaction(async () => repo.insert(person(2)), { propagation: 'new' });
      assert.equal(await repo.count(), 2);
    },
  },

  {
    name: 'inner transactions: a new one is one of its own, or is refused at once',
    when: ({ transactions }) => transactions,
    run: async ({ db, features }) => {
      const repo = db.repo(people);
      let inner: unknown;
      await rejection(
        db.transaction(async () => {
          await repo.insert(person(1));
          inner = await db
            .transaction(async () => repo.insert(person(2)), { propagation: 'new' })
            .catch((error: unknown) => error);
          throw new Error('outer');
        }),
      );
      if (features.independentTransactions) assert.equal(await repo.count(), 1);
      else assert.deepEqual([(inner as { code: string }).code, await repo.count()], ['database.unsupported', 0]);
    },
  },
];
