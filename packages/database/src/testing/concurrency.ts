import type { Database } from '../database.ts';
import { randomOf } from './corpus.ts';
import { accounts, people, person } from './entities.ts';
import { codeOf, rejection } from './runner.ts';
import type { Suite } from './suite.ts';

export function concurrencyCases({ describe, test, expect, features }: Suite): void {
  const several = features.shared ? 4 : 1;

  describe('concurrency', () => {
    test('of concurrent inserts of one key exactly one wins, the others are unique violations', async (db, {
      connect,
    }) => {
      const dbs = [db, ...Array.from({ length: several - 1 }, () => connect())];
      const attempts = Array.from({ length: 24 }, (_, n) =>
        (dbs[n % several] as Database).repo(people).insert(person(n, { email: 'same@example.org' })),
      );
      const outcomes = await Promise.allSettled(attempts);
      const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
      const codes = new Set(refused.map(({ reason }) => (reason as { code: string }).code));
      expect([refused.length, [...codes]]).toEqual([23, ['database.unique_violation']]);
      expect(await db.repo(people).count()).toBe(1);
    });

    test('concurrent upserts of one key make one row and lose no increment', async (db, { connect }) => {
      const dbs = [db, ...Array.from({ length: several - 1 }, () => connect())];
      const attempts = Array.from({ length: 24 }, (_, n) =>
        (dbs[n % several] as Database)
          .repo(people)
          .upsert(['email'], person(n, { email: 'same@example.org', logins: 1 }), { inc: { logins: 1 } }),
      );
      await Promise.all(attempts);
      const rows = await db.repo(people).find();
      expect(rows.map(({ logins, version }) => [logins, version])).toEqual([[24, 24]]);
    });

    test('of concurrent updates with one version exactly one wins', async (db, { connect }) => {
      const dbs = [db, ...Array.from({ length: several - 1 }, () => connect())];
      const { id } = await db.repo(people).insert(person(1));
      const attempts = Array.from({ length: 12 }, (_, n) =>
        (dbs[n % several] as Database).repo(people).update(id, { set: { name: `n${n}` } }, { version: 1 }),
      );
      const outcomes = await Promise.allSettled(attempts);
      const codes = outcomes.map((outcome) =>
        outcome.status === 'rejected' ? (outcome.reason as { code: string }).code : 'won',
      );
      expect(codes.filter((code) => code === 'won').length).toBe(1);
      expect(codes.filter((code) => code === 'database.version_conflict').length).toBe(11);
    });

    test('updateMany with a condition is compare and set', async (db, { connect }) => {
      const dbs = [db, ...Array.from({ length: several - 1 }, () => connect())];
      const { id } = await db.repo(people).insert(person(1));
      const attempts = Array.from({ length: 12 }, (_, n) =>
        (dbs[n % several] as Database).repo(people).updateMany({ id, name: null }, { set: { name: `n${n}` } }),
      );
      const outcomes = await Promise.all(attempts);
      expect(outcomes.filter(({ matched }) => matched === 1).length).toBe(1);
    });

    if (features.transactions && features.isolation.includes('serializable')) {
      test('bank transfers by read and write lose no cent, and show no conflict', async (db, { connect }) => {
        const dbs = [db, ...Array.from({ length: several - 1 }, () => connect())];
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
            { isolation: 'serializable' },
          );
        };
        const outcomes = await Promise.allSettled(
          Array.from({ length: 80 }, (_, n) => transfer(dbs[n % several] as Database)),
        );
        expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
        const rows = await db.repo(accounts).find();
        expect(rows.reduce((sum, { cents }) => sum + cents, 0n)).toBe(5000n);
      });
    }

    if (features.transactions) {
      test('a conflict reruns the whole callback; other errors do not', async (db) => {
        const repo = db.repo(people);
        let runs = 0;
        const conflict = await repo.insert(person(1)).then(() => rejection(repo.insert(person(1))));
        await rejection(
          db.transaction(async () => {
            runs += 1;
            throw conflict;
          }),
        );
        expect(runs).toBe(1);
      });

      test('a call through another handle of the database waits for the transaction or is answered, and never hangs', async (db) => {
        const repo = db.repo(people);
        // Made outside, so it knows nothing of the transaction, though the callback waits for it.
        let ask = (): void => {};
        const asked = new Promise<void>((resolve) => {
          ask = resolve;
        });
        const outsider = asked.then(() => codeOf(repo.insert(person(1), { timeoutMs: 100 })));
        await db.transaction(async () => {
          await repo.insert(person(2));
          ask();
          const outcome = await outsider.catch(() => 'answered');
          expect(['database.timeout', 'answered'].includes(outcome)).toBe(true);
        });
        expect(db.stats().waiting).toBe(0);
      });
    }
  });
}
