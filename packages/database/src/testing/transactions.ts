import type { IsolationLevel } from '../driver.ts';
import { people, person } from './entities.ts';
import { codeOf, rejection } from './runner.ts';
import type { Suite } from './suite.ts';

export function transactionCases({ describe, test, expect, features }: Suite): void {
  if (!features.transactions) {
    describe('transactions', () => {
      test('are refused', async (db) => {
        expect(await codeOf(db.transaction(async () => {}))).toBe('database.unsupported');
      });
    });
    return;
  }

  describe('transactions', () => {
    test('commit what they did, give back what the callback gives, and roll back when it throws', async (db) => {
      const repo = db.repo(people);
      expect(
        await db.transaction(async () => {
          await repo.insert(person(1));
          await repo.insert(person(2));
          return 'done';
        }),
      ).toBe('done');
      const mine = new Error('mine');
      const thrown = await rejection(
        db.transaction(async () => {
          await repo.insertMany([person(3), person(4)]);
          await repo.deleteMany({ badge: 1 });
          throw mine;
        }),
      );
      expect(thrown).toBe(mine);
      expect((await repo.find({ sort: [['badge', 'asc']] })).map(({ badge }) => badge)).toEqual([1, 2]);
      expect(db.stats().inUse).toBe(0);
    });

    test('calls inside see what it wrote, calls outside do not', async (db) => {
      const repo = db.repo(people);
      let release = (): void => {};
      const gate = new Promise<void>((resolve) => {
        release = resolve;
      });
      let inside = (): void => {};
      const ready = new Promise<void>((resolve) => {
        inside = resolve;
      });
      const running = db.transaction(async () => {
        await repo.insert(person(1));
        expect(await repo.count()).toBe(1);
        inside();
        await gate;
      });
      await ready;
      const counted = repo.count();
      // Where readers do not wait for the writer the answer is there now; elsewhere it comes after the commit.
      const early = features.shared ? await counted : undefined;
      release();
      await running;
      expect(early ?? 0).toBe(0);
      await counted;
      expect(await repo.count()).toBe(1);
    });

    test('helpers join by themselves, concurrent calls of one transaction take turns, and tx is the same', async (db) => {
      const repo = db.repo(people);
      const helper = (n: number): Promise<unknown> => repo.insert(person(n));
      await rejection(
        db.transaction(async (tx) => {
          await Promise.all([1, 2, 3, 4, 5].map(helper));
          await tx.repo(people).insert(person(6));
          expect(await repo.count()).toBe(6);
          throw new Error('back');
        }),
      );
      expect(await repo.count()).toBe(0);
    });

    test('tx works where the asynchronous context is lost', async (db) => {
      const outside: (() => Promise<unknown>)[] = [];
      // A worker that was started before the transaction, so it runs in another context.
      let wake = (): void => {};
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const worker = woken.then(() => outside[0]?.());
      await rejection(
        db.transaction(async (tx) => {
          outside.push(() => tx.repo(people).insert(person(1)));
          wake();
          await worker;
          expect(await db.repo(people).count()).toBe(1);
          throw new Error('back');
        }),
      );
      expect(await db.repo(people).count()).toBe(0);
    });

    test('a transaction inside another one joins it, and its failure can not be half committed', async (db) => {
      const repo = db.repo(people);
      await db.transaction(async () => {
        await repo.insert(person(1));
        await db.transaction(async () => repo.insert(person(2)));
      });
      expect(await repo.count()).toBe(2);
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
      expect(code).toBe('database.transaction_failed');
      expect(await repo.count()).toBe(2);
    });

    test('a statement that failed ends the transaction, also when its error was caught', async (db) => {
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
      expect([code, (after as { code: string }).code]).toEqual([
        'database.transaction_failed',
        'database.transaction_failed',
      ]);
      expect(await repo.count()).toBe(1);
    });

    test('what was refused before it was sent does not end the transaction', async (db) => {
      const repo = db.repo(people);
      await db.transaction(async () => {
        await rejection(repo.insert({} as never));
        await rejection(repo.update('nobody', { set: { name: 'x' } }));
        await repo.insert(person(1));
      });
      expect(await repo.count()).toBe(1);
    });

    test('a call that was not awaited is finished before the commit; one that comes later is refused', async (db) => {
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
      expect(await late).toBe('database.transaction_ended');
      expect(await codeOf((handle as typeof db).repo(people).count())).toBe('database.transaction_ended');
      expect(await repo.count()).toBe(1);
    });

    test('afterCommit runs after the commit, outside of the transaction, in order, and not after a rollback', async (db) => {
      const repo = db.repo(people);
      const ran: string[] = [];
      await db.transaction(async () => {
        db.afterCommit(async () => {
          ran.push(`first sees ${await repo.count()}`);
          await repo.insert(person(2));
        });
        await db.transaction(async () => db.afterCommit(() => ran.push('second')));
        await repo.insert(person(1));
        expect(ran).toEqual([]);
      });
      expect(ran).toEqual(['first sees 1', 'second']);
      await rejection(
        db.transaction(async () => {
          db.afterCommit(() => ran.push('never'));
          throw new Error('back');
        }),
      );
      db.afterCommit(() => ran.push('at once'));
      expect(ran.slice(2)).toEqual(['at once']);
    });

    test('a hook that throws does not stop the others, and is told', async (db) => {
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
      expect([code, cause.message, ran, await repo.count()]).toEqual([
        'database.after_commit_failed',
        'hook',
        ['other'],
        1,
      ]);
    });

    if (features.savepoints) {
      test('a nested transaction fails alone, and takes its afterCommit hooks with it', async (db) => {
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
          expect(code).toBe('database.unique_violation');
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
        expect([found.map(({ badge }) => badge), ran]).toEqual([[1, 3], ['kept']]);
      });

      test('concurrent nested transactions take turns, and the outer handle inside one means the inner one', async (db) => {
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
        expect(found.map(({ badge }) => badge)).toEqual([1, 3]);
      });

      test('a savepoint that worked goes when the whole rolls back', async (db) => {
        const repo = db.repo(people);
        await rejection(
          db.transaction(async () => {
            await db.transaction(async () => repo.insert(person(1)), { propagation: 'nested' });
            throw new Error('outer');
          }),
        );
        expect(await repo.count()).toBe(0);
      });
    } else {
      test('nested transactions are refused', async (db) => {
        const nested = db.transaction(async () => db.transaction(async () => {}, { propagation: 'nested' }));
        expect(await codeOf(nested)).toBe('database.unsupported');
      });
    }

    test('nested and new without a transaction around them are just transactions', async (db) => {
      const repo = db.repo(people);
      await db.transaction(async () => repo.insert(person(1)), { propagation: 'nested' });
      await db.transaction(async () => repo.insert(person(2)), { propagation: 'new' });
      expect(await repo.count()).toBe(2);
    });

    test('a new transaction inside another is one of its own, or is refused at once', async (db) => {
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
      if (features.independentTransactions) expect(await repo.count()).toBe(1);
      else expect([(inner as { code: string }).code, await repo.count()]).toEqual(['database.unsupported', 0]);
    });

    test('a read-only transaction reads, sees one state, and refuses writes', async (db) => {
      const repo = db.repo(people);
      await repo.insert(person(1));
      const code = await db.transaction(
        async () => {
          expect(await repo.count()).toBe(1);
          return codeOf(repo.insert(person(2)));
        },
        { readOnly: true },
      );
      expect(code).toBe('database.read_only');
      const joined = db.transaction(async () => db.transaction(async () => repo.insert(person(2)), { readOnly: true }));
      expect(await codeOf(joined)).toBe('database.read_only');
      const widened = db.transaction(async () => db.transaction(async () => {}, { readOnly: false }), {
        readOnly: true,
      });
      expect(await codeOf(widened)).toBe('database.unsupported');
      expect(await repo.count()).toBe(1);
    });

    test('an isolation level is given or refused, never ignored', async (db) => {
      const levels: IsolationLevel[] = ['read committed', 'repeatable read', 'snapshot', 'serializable'];
      const strongest = Math.max(...features.isolation.map((level) => levels.indexOf(level)));
      for (const [strength, isolation] of levels.entries()) {
        const outcome = db.transaction(async () => 'given', { isolation });
        if (strength <= strongest) expect(await outcome).toBe('given');
        else expect(await codeOf(outcome)).toBe('database.unsupported');
      }
      expect(await codeOf(db.transaction(async () => {}, { isolation: 'chaos' as IsolationLevel }))).toBe(
        'database.unsupported',
      );
      const [level] = features.isolation;
      const joined = db.transaction(async () => db.transaction(async () => {}, { isolation: level }));
      // Who has one level has it always; elsewhere a transaction has what it was begun with.
      if (features.isolation.length === 1) await joined;
      else expect(await codeOf(joined)).toBe('database.unsupported');
    });
  });
}
