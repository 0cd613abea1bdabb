import { inspect } from 'node:util';
import { EntError } from '@ent/errors';
import type { Database } from '../database.ts';
import { accounts, createAll, people, person } from './entities.ts';
import { codeOf, rejection } from './runner.ts';
import type { Suite } from './suite.ts';

const never = (): Promise<never> => new Promise(() => {});

export function failureCases({ describe, test, expect, features }: Suite): void {
  describe('errors', () => {
    test('no value of a row is in an error: its message, details, issues, causes, log form or inspection', async (db) => {
      const repo = db.repo(people);
      const secret = 'hunter2-secret';
      const taken = person(77_001, { email: secret, name: secret });
      await repo.insert(taken);
      const errors = [
        await rejection(repo.insert(taken)),
        await rejection(repo.update(secret, { set: { name: secret } })),
        await rejection(repo.insert({ ...taken, logins: secret as never })),
        await rejection(repo.insert({ ...taken, name: `${secret}\0` })),
        await rejection(repo.find({ where: { logins: secret as never } })),
        await rejection(repo.find({ where: { name: { eq: `${secret}\0` } } })),
        await rejection(repo.window({ size: 1, after: secret })),
      ];
      for (const error of errors) {
        if (!EntError.is(error)) throw error;
        const shown = [inspect(error, { depth: null }), JSON.stringify(error), JSON.stringify(error.toLog())].join();
        // The stack may show this file's path, never a value.
        expect([shown.includes(secret), shown.includes('77001')]).toEqual([false, false]);
      }
    });

    test('a unique violation has status 409 and names the entity', async (db) => {
      const repo = db.repo(people);
      await repo.insert(person(1));
      const error = await rejection(repo.insert(person(2, { email: 'person1@example.org' })));
      if (!EntError.is(error)) throw error;
      expect([error.status, error.name, error.details?.['entity']]).toEqual([409, 'DatabaseError', 'ent_people']);
      expect(error.cause instanceof Error).toBe(true);
    });
  });

  describe('deadlines', () => {
    test('a call that was given up before it began does nothing and rejects with the reason', async (db) => {
      const reason = new Error('gone');
      const signal = AbortSignal.abort(reason);
      const repo = db.repo(people);
      expect(await rejection(repo.insert(person(1), { signal }))).toBe(reason);
      expect(await rejection(repo.find({ signal }))).toBe(reason);
      expect(await rejection(db.ping({ signal }))).toBe(reason);
      expect(await rejection(db.transaction(async () => repo.insert(person(1)), { signal }))).toBe(reason);
      expect(await repo.count()).toBe(0);
    });

    test('a timeout must be a positive number', async (db) => {
      for (const timeoutMs of [0, -1, Number.NaN]) {
        expect(await codeOf(db.repo(people).find({ timeoutMs }))).toBe('database.invalid_query');
      }
    });

    if (features.transactions) {
      test('a transaction that takes too long is rolled back and frees its connection, though its callback never ends', async (db) => {
        const repo = db.repo(people);
        let handle: Database | undefined;
        const hanging = db.transaction(
          async (tx) => {
            handle = tx;
            await repo.insert(person(1));
            await never();
          },
          { timeoutMs: 200 },
        );
        expect(await codeOf(hanging)).toBe('database.timeout');
        await repo.insert(person(3));
        // On a machine that stood still for so long it may not have begun.
        if (handle !== undefined) {
          expect(await codeOf(handle.repo(people).insert(person(2)))).toBe('database.transaction_ended');
        }
        expect((await repo.find()).map(({ badge }) => badge)).toEqual([3]);
        expect(db.stats().inUse).toBe(0);
      });

      test('aborting a transaction rolls it back', async (db) => {
        const repo = db.repo(people);
        const controller = new AbortController();
        const reason = new Error('gone');
        const aborted = db.transaction(
          async () => {
            await repo.insert(person(1));
            controller.abort(reason);
            await never();
          },
          { signal: controller.signal },
        );
        expect(await rejection(aborted)).toBe(reason);
        expect(await repo.count()).toBe(0);
      });

      test('a nested or joined transaction ends with the one around it', async (db) => {
        const repo = db.repo(people);
        for (const propagation of features.savepoints ? (['required', 'nested'] as const) : (['required'] as const)) {
          const stuck = db.transaction(
            async () => {
              await db.transaction(
                async () => {
                  await repo.insert(person(1));
                  await never();
                },
                { propagation },
              );
            },
            { timeoutMs: 60 },
          );
          expect(await codeOf(stuck)).toBe('database.timeout');
          expect(await repo.count()).toBe(0);
        }
      });

      test('who waits for a lock can give up, and is out of the queue then', async (db, { connect }) => {
        const other = features.shared ? connect() : db;
        const waiter = features.shared ? connect() : db;
        let release = (): void => {};
        const gate = new Promise<void>((resolve) => {
          release = resolve;
        });
        let locked = (): void => {};
        const isLocked = new Promise<void>((resolve) => {
          locked = resolve;
        });
        const { id } = await db.repo(people).insert(person(1));
        const holder = other.transaction(async () => {
          await other.repo(people).update(id, { set: { name: 'holder' } });
          locked();
          await gate;
        });
        await isLocked;
        const blocked = waiter.repo(people);
        expect(await codeOf(blocked.update(id, { set: { name: 'late' } }, { timeoutMs: 50 }))).toBe('database.timeout');
        const controller = new AbortController();
        const reason = new Error('gone');
        const aborted = rejection(blocked.update(id, { set: { name: 'late' } }, { signal: controller.signal }));
        controller.abort(reason);
        expect(await aborted).toBe(reason);
        expect(waiter.stats().waiting).toBe(0);
        release();
        await holder;
        expect((await blocked.update(id, { set: { logins: 1 } })).name).toBe('holder');
      });
    }
  });

  describe('life cycle', () => {
    test('ping answers, and close is idempotent and refuses what comes after it', async (db) => {
      await db.ping();
      const closing = db.close();
      await Promise.all([closing, db.close()]);
      await db.close();
      expect(await codeOf(db.repo(people).find())).toBe('database.closed');
      expect(await codeOf(db.ping())).toBe('database.closed');
      if (features.transactions) expect(await codeOf(db.transaction(async () => {}))).toBe('database.closed');
    });

    test('a database that was never used closes', async (_db, { connect }) => {
      if (features.shared) await connect().close();
    });

    if (features.transactions) {
      test('close waits for what is in flight, transactions included', async (db) => {
        const repo = db.repo(people);
        let began = (): void => {};
        const isOpen = new Promise<void>((resolve) => {
          began = resolve;
        });
        const order: string[] = [];
        const running = db.transaction(async () => {
          began();
          for (let n = 0; n < 20; n += 1) {
            await new Promise(setImmediate);
            await repo.insert(person(n));
          }
          order.push('committed');
        });
        await isOpen;
        await db.close().then(() => order.push('closed'));
        await running;
        expect(order).toEqual(['committed', 'closed']);
      });

      test('close waits for afterCommit hooks, which may still use the database', async (db) => {
        const repo = db.repo(people);
        let closing: Promise<void> | undefined;
        await db.transaction(async () => {
          await repo.insert(person(1));
          db.afterCommit(async () => {
            closing = db.close();
            await repo.insert(person(2));
            await db.transaction(() => repo.insert(person(3)));
          });
        });
        await closing;
        expect(await codeOf(repo.count())).toBe('database.closed');
      });

      test('close gives up at its deadline, and what was open is rolled back', async (db) => {
        const repo = db.repo(people);
        const controller = new AbortController();
        let began = (): void => {};
        const isOpen = new Promise<void>((resolve) => {
          began = resolve;
        });
        const hanging = rejection(
          db.transaction(
            async () => {
              await repo.insert(person(1));
              began();
              await never();
            },
            { signal: controller.signal },
          ),
        );
        await isOpen;
        expect(await codeOf(db.close({ timeoutMs: 50 }))).toBe('database.timeout');
        controller.abort();
        await hanging;
        // The suite closes it once more, which would tell the same.
        db.close = () => Promise.resolve();
      });

      test('close inside a transaction is refused', async (db) => {
        expect(await codeOf(db.transaction(async () => db.close()))).toBe('database.invalid_query');
      });
    }

    if (features.shared) {
      test('what was stored is there after closing and opening again, and what was open is not', async (db, {
        connect,
      }) => {
        const ids = await db.repo(people).insertMany([person(1), person(2)]);
        await db.close();
        const again = connect();
        expect((await again.repo(people).find({ sort: [['badge', 'asc']] })).map(({ id }) => id)).toEqual(ids);
      });

      test('a process that is killed while it writes leaves whole transactions and nothing else', async (db, {
        connect,
        storage,
      }) => {
        if (storage.spawnWriter === undefined)
          throw new Error('The harness needs spawnWriter, since features.shared is true.');
        for (let round = 0; round < 3; round += 1) {
          const child = storage.spawnWriter();
          const exited = new Promise((resolve) => child.once('exit', resolve));
          let lines = 0;
          let errors = '';
          child.stderr?.on('data', (chunk: Buffer) => {
            errors += chunk.toString();
          });
          await new Promise<void>((resolve, reject) => {
            child.stdout?.on('data', (chunk: Buffer) => {
              lines += chunk.toString().split('\n').length - 1;
              if (lines >= 20) resolve();
            });
            child.once('exit', () => reject(new Error(`The writer ended by itself: ${errors}`)));
          });
          child.kill('SIGKILL');
          await exited;
          const again = connect();
          const rows = await again.repo(accounts).find();
          const moves = rows.reduce((sum, row) => sum + row.moves, 0);
          expect(rows.reduce((sum, { cents }) => sum + cents, 0n)).toBe(0n);
          // Each transaction counts a move on both accounts; each line was written after one was committed.
          expect([moves % 2, moves / 2 >= lines]).toEqual([0, true]);
          await again.repo(accounts).deleteMany({ id: { ne: null } });
        }
        expect(await db.repo(accounts).count()).toBe(0);
      });
    }
  });
}

/**
 * Moves money between two accounts for as long as the process lives, and writes a line to stdout after each commit. For
 * the process that {@link DatabaseStorage.spawnWriter} starts.
 */
export async function writeForever(db: Database): Promise<never> {
  await createAll(db);
  const repo = db.repo(accounts);
  for (const id of ['left', 'right']) await repo.upsert(['id'], { id, cents: 0n, moves: 0, rate: 0 });
  for (let amount = 1n; ; amount += 1n) {
    await db.transaction(async () => {
      await repo.update('left', { inc: { cents: -amount, moves: 1 } });
      await repo.update('right', { inc: { cents: amount, moves: 1 } });
    });
    process.stdout.write(`${amount}\n`);
  }
}
