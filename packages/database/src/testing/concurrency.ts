import assert from 'node:assert/strict';
import type { Database } from '../database.ts';
import { randomOf } from './corpus.ts';
import { accounts, people, person } from './entities.ts';
import { codeOf, type DatabaseCase, rejection } from './suite.ts';

/** Enough for any database and machine. */
const PATIENT = { timeout: '50s' } as const;

export const concurrencyCases: readonly DatabaseCase[] = [
  {
    name: 'concurrency: of concurrent inserts of one key exactly one wins, the others are unique violations',
    run: async ({ db, many }) => {
      const dbs = many();
      const attempts = Array.from({ length: 24 }, (_, n) =>
        (dbs[n % dbs.length] as Database).repo(people).insert(person(n, { email: 'same@example.org' })),
      );
      const outcomes = await Promise.allSettled(attempts);
      const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
      const codes = new Set(refused.map(({ reason }) => (reason as { code: string }).code));
      assert.deepEqual([refused.length, [...codes]], [23, ['database.unique_violation']]);
      assert.equal(await db.repo(people).count(), 1);
    },
  },

  {
    name: 'concurrency: concurrent upserts of one key make one row and lose no increment',
    run: async ({ db, many }) => {
      const dbs = many();
      const attempts = Array.from({ length: 24 }, (_, n) =>
        (dbs[n % dbs.length] as Database)
          .repo(people)
          // They take turns at one row, which may be several statements each.
          .upsert(['email'], person(n, { email: 'same@example.org', logins: 1 }), { inc: { logins: 1 } }, PATIENT),
      );
      await Promise.all(attempts);
      const rows = await db.repo(people).find();
      assert.deepEqual(
        rows.map(({ logins, version }) => [logins, version]),
        [[24, 24]],
      );
    },
  },

  {
    name: 'concurrency: of concurrent updates with one version exactly one wins',
    run: async ({ db, many }) => {
      const dbs = many();
      const { id } = await db.repo(people).insert(person(1));
      const attempts = Array.from({ length: 12 }, (_, n) =>
        (dbs[n % dbs.length] as Database).repo(people).update(id, { set: { name: `n${n}` } }, { version: 1 }),
      );
      const outcomes = await Promise.allSettled(attempts);
      const codes = outcomes.map((outcome) =>
        outcome.status === 'rejected' ? (outcome.reason as { code: string }).code : 'won',
      );
      assert.equal(codes.filter((code) => code === 'won').length, 1);
      assert.equal(codes.filter((code) => code === 'database.version_conflict').length, 11);
    },
  },

  {
    name: 'concurrency: updateMany with a condition is compare and set',
    run: async ({ db, many }) => {
      const dbs = many();
      const { id } = await db.repo(people).insert(person(1));
      const attempts = Array.from({ length: 12 }, (_, n) =>
        (dbs[n % dbs.length] as Database)
          .repo(people)
          .updateMany({ set: { name: `n${n}` } }, { where: { id, name: null } }),
      );
      const outcomes = await Promise.all(attempts);
      assert.equal(outcomes.filter(({ matched }) => matched === 1).length, 1);
    },
  },

  {
    name: 'concurrency: bank transfers by read and write lose no cent, and show no conflict',
    when: ({ isolation, transactions }) => transactions && isolation.includes('serializable'),
    run: async ({ db, many }) => {
      const dbs = many();
      const names = ['a', 'b', 'c', 'd', 'e'];
      await db.repo(accounts).insertMany(names.map((id) => ({ id, cents: 1000n, moves: 0, rate: 0 })));
      const random = randomOf(3);
      const transfer = async (through: Database): Promise<void> => {
        const [from, to] = [names[Math.floor(random() * 5)] as string, names[Math.floor(random() * 5)] as string];
        const amount = BigInt(Math.floor(random() * 100));
        await through.transaction(
          async () => {
            const repo = through.repo(accounts);
            const source = await repo.get(from);
            // Somebody else may run here.
            await new Promise(setImmediate);
            if (source === null || from === to) return;
            const target = await repo.get(to);
            await repo.update(from, { set: { cents: source.cents - amount, moves: source.moves + 1 } });
            await repo.update(to, { set: { cents: (target?.cents ?? 0n) + amount }, inc: { moves: 1 } });
          },
          // Enough for any database and machine: what counts is that none is shown.
          { isolation: 'serializable', retries: 100, ...PATIENT },
        );
      };
      const outcomes = await Promise.allSettled(
        Array.from({ length: 40 }, (_, n) => transfer(dbs[n % dbs.length] as Database)),
      );
      assert.deepEqual(
        outcomes.filter(({ status }) => status === 'rejected'),
        [],
      );
      const rows = await db.repo(accounts).find();
      assert.equal(
        rows.reduce((sum, { cents }) => sum + cents, 0n),
        5000n,
      );
    },
  },

  {
    name: 'concurrency: a conflict reruns the whole callback; other errors do not',
    when: ({ transactions }) => transactions,
    run: async ({ db }) => {
      const repo = db.repo(people);
      let runs = 0;
      const conflict = await repo.insert(person(1)).then(() => rejection(repo.insert(person(1))));
      await rejection(
        db.transaction(async () => {
          runs += 1;
          throw conflict;
        }),
      );
      assert.equal(runs, 1);
    },
  },

  {
    name: 'concurrency: a call through another handle of the database waits for the transaction or is answered, and never hangs',
    when: ({ transactions }) => transactions,
    run: async ({ db }) => {
      const repo = db.repo(people);
      // Made outside, so it knows nothing of the transaction, though the callback waits for it.
      const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
      const outsider = asked.then(() => codeOf(repo.insert(person(1), { timeout: 100 })));
      await db.transaction(async () => {
        await repo.insert(person(2));
        ask();
        const outcome = await outsider.catch(() => 'answered');
        assert.equal(['database.timeout', 'answered'].includes(outcome), true);
      });
      assert.equal(db.stats().waiting, 0);
    },
  },
];
