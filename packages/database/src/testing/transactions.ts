import assert from 'node:assert/strict';
import type { IsolationLevel } from '../driver.ts';
import { people, person } from './entities.ts';
import { codeOf, type DatabaseCase, rejection } from './suite.ts';

export const transactionCases: readonly DatabaseCase[] = [
  {
    name: 'transactions: are refused',
    when: ({ transactions }) => !transactions,
    run: async ({ db }) => {
      assert.equal(await codeOf(db.transaction(async () => {})), 'database.unsupported');
    },
  },

  {
    name: 'transactions: commit what they did, give back what the callback gives, and roll back when it throws',
    when: ({ transactions }) => transactions,
    run: async ({ db }) => {
      const repo = db.repo(people);
      assert.equal(
        await db.transaction(async () => {
          await repo.insert(person(1));
          await repo.insert(person(2));
          return 'done';
        }),
        'done',
      );
      const mine = new Error('mine');
      const thrown = await rejection(
        db.transaction(async () => {
          await repo.insertMany([person(3), person(4)]);
          await repo.deleteMany({ where: { badge: 1 } });
          throw mine;
        }),
      );
      assert.equal(thrown, mine);
      assert.deepEqual(
        (await repo.find({ sort: [['badge', 'asc']] })).map(({ badge }) => badge),
        [1, 2],
      );
      assert.equal(db.stats().inUse, 0);
    },
  },

  {
    name: 'transactions: calls inside see what it wrote, calls outside do not',
    when: ({ transactions }) => transactions,
    run: async ({ db, features }) => {
      const repo = db.repo(people);
      const { promise: gate, resolve: release } = Promise.withResolvers<void>();
      const { promise: ready, resolve: inside } = Promise.withResolvers<void>();
      const running = db.transaction(async () => {
        await repo.insert(person(1));
        assert.equal(await repo.count(), 1);
        inside();
        await gate;
      });
      await ready;
      const counted = repo.count();
      // Where readers do not wait for the writer the answer is there now; elsewhere it comes after the commit.
      const early = features.shared ? await counted : undefined;
      release();
      await running;
      assert.equal(early ?? 0, 0);
      await counted;
      assert.equal(await repo.count(), 1);
    },
  },

  {
    name: 'transactions: helpers join by themselves, concurrent calls of one transaction take turns, and tx is the same',
    when: ({ transactions }) => transactions,
    run: async ({ db }) => {
      const repo = db.repo(people);
      const helper = (n: number): Promise<unknown> => repo.insert(person(n));
      await rejection(
        db.transaction(async (tx) => {
          await Promise.all([1, 2, 3, 4, 5].map(helper));
          await tx.repo(people).insert(person(6));
          assert.equal(await repo.count(), 6);
          throw new Error('back');
        }),
      );
      assert.equal(await repo.count(), 0);
    },
  },

  {
    name: 'transactions: tx works where the asynchronous context is lost',
    when: ({ transactions }) => transactions,
    run: async ({ db }) => {
      const outside: (() => Promise<unknown>)[] = [];
      // A worker that was started before the transaction, so it runs in another call.
      const { promise: woken, resolve: wake } = Promise.withResolvers<void>();
      const worker = woken.then(() => outside[0]?.());
      await rejection(
        db.transaction(async (tx) => {
          outside.push(() => tx.repo(people).insert(person(1)));
          wake();
          await worker;
          assert.equal(await db.repo(people).count(), 1);
          throw new Error('back');
        }),
      );
      assert.equal(await db.repo(people).count(), 0);
    },
  },

  {
    name: 'transactions: a transaction inside another one joins it, and its failure cannot be half committed',
    when: ({ transactions }) => transactions,
    run: async ({ db }) => {
      const repo = db.repo(people);
      await db.transaction(async () => {
        await repo.insert(person(1));
        await db.transaction(async () => repo.insert(person(2)));
      });
      assert.equal(await repo.count(), 2);
      const code = await codeOf(
        db.transaction(async () => {
          await repo.insert(person(3));
          await db
            .transaction(async () => {
              await repo.insert(person(4));
              throw new Error('inner');
            })
            .catch(() => {});
        }),
      );
      assert.equal(code, 'database.transaction_failed');
      assert.equal(await repo.count(), 2);
    },
  },

  {
    name: 'transactions: a statement that failed ends the transaction, also when its error was caught',
    when: ({ transactions }) => transactions,
    run: async ({ db }) => {
      const repo = db.repo(people);
      await repo.insert(person(1));
      let after: unknown;
      const code = await codeOf(
        db.transaction(async () => {
          await repo.insert(person(2));
          await repo.insert(person(1)).catch(() => {});
          after = await rejection(repo.insert(person(3)));
        }),
      );
      assert.deepEqual(
        [code, (after as { code: string }).code],
        ['database.transaction_failed', 'database.transaction_failed'],
      );
      assert.equal(await repo.count(), 1);
    },
  },

  {
    name: 'transactions: what was refused before it was sent does not end the transaction',
    when: ({ transactions }) => transactions,
    run: async ({ db }) => {
      const repo = db.repo(people);
      await db.transaction(async () => {
        await rejection(repo.insert({} as never));
        await rejection(repo.update('nobody', { set: { name: 'x' } }));
        await repo.insert(person(1));
      });
      assert.equal(await repo.count(), 1);
    },
  },

  {
    name: 'transactions: a call that was not awaited is finished before the commit; one that comes later is refused',
    when: ({ transactions }) => transactions,
    run: async ({ db }) => {
      const repo = db.repo(people);
      let late: Promise<unknown> | undefined;
      let handle: typeof db | undefined;
      await db.transaction(async (tx) => {
        handle = tx;
        void repo.insert(person(1));
        setImmediate(() => {
          late = codeOf(repo.insert(person(2)));
        });
      });
      while (late === undefined) await new Promise(setImmediate);
      assert.equal(await late, 'database.transaction_ended');
      assert.equal(await codeOf((handle as typeof db).repo(people).count()), 'database.transaction_ended');
      assert.equal(await repo.count(), 1);
    },
  },

  {
    name: 'transactions: afterCommit runs after the commit, outside of the transaction, in order, and not after a rollback',
    when: ({ transactions }) => transactions,
    run: async ({ db }) => {
      const repo = db.repo(people);
      const ran: string[] = [];
      await db.transaction(async () => {
        db.afterCommit(async () => {
          ran.push(`first sees ${await repo.count()}`);
          await repo.insert(person(2));
        });
        await db.transaction(async () => db.afterCommit(() => ran.push('second')));
        await repo.insert(person(1));
        assert.deepEqual(ran, []);
      });
      assert.deepEqual(ran, ['first sees 1', 'second']);
      await rejection(
        db.transaction(async () => {
          db.afterCommit(() => ran.push('never'));
          throw new Error('back');
        }),
      );
      db.afterCommit(() => ran.push('at once'));
      assert.deepEqual(ran.slice(2), ['at once']);
    },
  },

  {
    name: 'transactions: a hook that throws does not stop the others, and is told',
    when: ({ transactions }) => transactions,
    run: async ({ db }) => {
      const repo = db.repo(people);
      const ran: string[] = [];
      const error = await rejection(
        db.transaction(async () => {
          db.afterCommit(() => {
            throw new Error('hook');
          });
          db.afterCommit(() => ran.push('other'));
          await repo.insert(person(1));
        }),
      );
      const { code, cause } = error as { code: string; cause: Error };
      assert.deepEqual(
        [code, cause.message, ran, await repo.count()],
        ['database.after_commit_failed', 'hook', ['other'], 1],
      );
    },
  },

  {
    name: 'transactions: a read-only transaction reads, sees one state, and refuses writes',
    when: ({ transactions }) => transactions,
    run: async ({ db }) => {
      const repo = db.repo(people);
      await repo.insert(person(1));
      const code = await db.transaction(
        async () => {
          assert.equal(await repo.count(), 1);
          return codeOf(repo.insert(person(2)));
        },
        { readOnly: true },
      );
      assert.equal(code, 'database.read_only');
      const joined = db.transaction(async () => db.transaction(async () => repo.insert(person(2)), { readOnly: true }));
      assert.equal(await codeOf(joined), 'database.read_only');
      const widened = db.transaction(async () => db.transaction(async () => {}, { readOnly: false }), {
        readOnly: true,
      });
      assert.equal(await codeOf(widened), 'database.unsupported');
      assert.equal(await repo.count(), 1);
    },
  },

  {
    name: 'transactions: an isolation level is given or refused, never ignored',
    when: ({ transactions }) => transactions,
    run: async ({ db, features }) => {
      const levels: IsolationLevel[] = ['read committed', 'repeatable read', 'snapshot', 'serializable'];
      const strongest = Math.max(...features.isolation.map((level) => levels.indexOf(level)));
      for (const [strength, isolation] of levels.entries()) {
        const outcome = db.transaction(async () => 'given', { isolation });
        if (strength <= strongest) assert.equal(await outcome, 'given');
        else assert.equal(await codeOf(outcome), 'database.unsupported');
      }
      assert.equal(
        await codeOf(db.transaction(async () => {}, { isolation: 'chaos' as IsolationLevel })),
        'database.unsupported',
      );
      const [level] = features.isolation;
      const joined = db.transaction(async () => db.transaction(async () => {}, { isolation: level }));
      // Who has one level has it always; elsewhere a transaction has what it was begun with.
      if (features.isolation.length === 1) await joined;
      else assert.equal(await codeOf(joined), 'database.unsupported');
    },
  },
];
