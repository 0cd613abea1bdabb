import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { EntError } from '@ent/errors';
import type { Database } from '../database.ts';
import { accounts, people, person } from './entities.ts';
import { codeOf, type DatabaseCase, rejection } from './suite.ts';

const never = (): Promise<never> => new Promise(() => {});

export const failureCases: readonly DatabaseCase[] = [
  {
    name: 'errors: no value of a row is in an error: its message, details, issues, causes, log form or inspection',
    run: async ({ db }) => {
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
        await rejection(repo.window({ limit: 1, after: secret })),
      ];
      for (const error of errors) {
        if (!EntError.is(error)) throw error;
        const shown = [inspect(error, { depth: null }), JSON.stringify(error), JSON.stringify(error.toLog())].join();
        // The stack may show this file's path, never a value.
        assert.deepEqual([shown.includes(secret), shown.includes('77001')], [false, false]);
      }
    },
  },

  {
    name: 'errors: a unique violation has status 409 and names the entity',
    run: async ({ db }) => {
      const repo = db.repo(people);
      await repo.insert(person(1));
      const error = await rejection(repo.insert(person(2, { email: 'person1@example.org' })));
      if (!EntError.is(error)) throw error;
      assert.deepEqual([error.status, error.name, error.details?.['entity']], [409, 'DatabaseError', 'ent_people']);
      assert.equal(error.cause instanceof Error, true);
    },
  },

  {
    name: 'deadlines: a call that was given up before it began does nothing and rejects with the reason',
    run: async ({ db, features }) => {
      const reason = new Error('gone');
      const signal = AbortSignal.abort(reason);
      const repo = db.repo(people);
      assert.equal(await rejection(repo.insert(person(1), { signal })), reason);
      assert.equal(await rejection(repo.find({ signal })), reason);
      assert.equal(await rejection(db.ping({ signal })), reason);
      if (features.transactions) {
        assert.equal(await rejection(db.transaction(async () => repo.insert(person(1)), { signal })), reason);
      }
      assert.equal(await repo.count(), 0);
    },
  },

  {
    name: 'deadlines: a timeout must be a length of time',
    run: async ({ db }) => {
      assert.deepEqual(await db.repo(people).find({ timeout: '1m' }), []);
      for (const timeout of [0, -1, Number.NaN, '0s', 'soon']) {
        assert.equal(await codeOf(db.repo(people).find({ timeout })), 'database.invalid_query');
      }
    },
  },

  {
    name: 'deadlines: a transaction that takes too long is rolled back and frees its connection, though its callback never ends',
    when: ({ transactions }) => transactions,
    run: async ({ db }) => {
      const repo = db.repo(people);
      let handle: Database | undefined;
      const hanging = db.transaction(
        async (tx) => {
          handle = tx;
          await repo.insert(person(1));
          await never();
        },
        { timeout: 200 },
      );
      assert.equal(await codeOf(hanging), 'database.timeout');
      await repo.insert(person(3));
      // On a machine that stood still for so long it may not have begun.
      if (handle !== undefined) {
        assert.equal(await codeOf(handle.repo(people).insert(person(2))), 'database.transaction_ended');
      }
      assert.deepEqual(
        (await repo.find()).map(({ badge }) => badge),
        [3],
      );
      assert.equal(db.stats().inUse, 0);
    },
  },

  {
    name: 'deadlines: aborting a transaction rolls it back',
    when: ({ transactions }) => transactions,
    run: async ({ db }) => {
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
      assert.equal(await rejection(aborted), reason);
      assert.equal(await repo.count(), 0);
    },
  },

  {
    name: 'deadlines: a nested or joined transaction ends with the one around it',
    when: ({ transactions }) => transactions,
    run: async ({ db, features }) => {
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
          { timeout: 60 },
        );
        assert.equal(await codeOf(stuck), 'database.timeout');
        assert.equal(await repo.count(), 0);
      }
    },
  },

  {
    name: 'deadlines: who waits for a lock can give up, and is out of the queue then',
    when: ({ transactions }) => transactions,
    run: async ({ db, connect, features }) => {
      const other = features.shared ? connect() : db;
      const waiter = features.shared ? connect() : db;
      const { promise: gate, resolve: release } = Promise.withResolvers<void>();
      const { promise: isLocked, resolve: locked } = Promise.withResolvers<void>();
      const { id } = await db.repo(people).insert(person(1));
      const holder = other.transaction(async () => {
        await other.repo(people).update(id, { set: { name: 'holder' } });
        locked();
        await gate;
      });
      await isLocked;
      const blocked = waiter.repo(people);
      assert.equal(await codeOf(blocked.update(id, { set: { name: 'late' } }, { timeout: 50 })), 'database.timeout');
      const controller = new AbortController();
      const reason = new Error('gone');
      const aborted = rejection(blocked.update(id, { set: { name: 'late' } }, { signal: controller.signal }));
      controller.abort(reason);
      assert.equal(await aborted, reason);
      assert.equal(waiter.stats().waiting, 0);
      // Who gave up may still be on its way out of a server; when its database is closed nothing of it is left.
      if (features.shared) await waiter.close();
      release();
      await holder;
      assert.equal((await db.repo(people).update(id, { set: { logins: 1 } })).name, 'holder');
    },
  },

  {
    name: 'life cycle: ping answers, and close is idempotent and refuses what comes after it',
    run: async ({ db, features }) => {
      await db.ping();
      const closing = db.close();
      await Promise.all([closing, db.close()]);
      await db.close();
      assert.equal(await codeOf(db.repo(people).find()), 'database.closed');
      assert.equal(await codeOf(db.ping()), 'database.closed');
      if (features.transactions) assert.equal(await codeOf(db.transaction(async () => {})), 'database.closed');
    },
  },

  {
    name: 'life cycle: a database that was never used closes',
    run: async ({ connect, features }) => {
      if (features.shared) await connect().close();
    },
  },

  {
    name: 'life cycle: close waits for what is in flight, transactions included',
    when: ({ transactions }) => transactions,
    run: async ({ db }) => {
      const repo = db.repo(people);
      const { promise: isOpen, resolve: began } = Promise.withResolvers<void>();
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
      assert.deepEqual(order, ['committed', 'closed']);
    },
  },

  {
    name: 'life cycle: close waits for afterCommit hooks, which may still use the database',
    when: ({ transactions }) => transactions,
    run: async ({ db }) => {
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
      assert.equal(await codeOf(repo.count()), 'database.closed');
    },
  },

  {
    name: 'life cycle: close gives up at its deadline, and what was open is rolled back',
    when: ({ transactions }) => transactions,
    run: async ({ db }) => {
      const repo = db.repo(people);
      const controller = new AbortController();
      const { promise: isOpen, resolve: began } = Promise.withResolvers<void>();
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
      assert.equal(await codeOf(db.close({ timeout: 50 })), 'database.timeout');
      controller.abort();
      await hanging;
      // The suite closes it once more, which would tell the same.
      db.close = () => Promise.resolve();
    },
  },

  {
    name: 'life cycle: close inside a transaction is refused',
    when: ({ transactions }) => transactions,
    run: async ({ db }) => {
      assert.equal(await codeOf(db.transaction(async () => db.close())), 'database.invalid_query');
    },
  },

  {
    name: 'life cycle: what was stored is there after closing and opening again, and what was open is not',
    when: ({ shared }) => shared,
    run: async ({ db, connect }) => {
      const ids = await db.repo(people).insertMany([person(1), person(2)]);
      await db.close();
      const again = connect();
      assert.deepEqual(
        (await again.repo(people).find({ sort: [['badge', 'asc']] })).map(({ id }) => id),
        ids,
      );
    },
  },

  {
    name: 'life cycle: a process that is killed while it writes leaves whole transactions and nothing else',
    when: ({ shared, transactions }) => shared && transactions,
    run: async ({ db, connect, storage }) => {
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
        assert.equal(
          rows.reduce((sum, { cents }) => sum + cents, 0n),
          0n,
        );
        // Each transaction counts a move on both accounts; each line was written after one was committed.
        assert.deepEqual([moves % 2, moves / 2 >= lines], [0, true]);
        await again.repo(accounts).deleteMany({ where: { id: { ne: null } } });
      }
      assert.equal(await db.repo(accounts).count(), 0);
    },
  },
];
