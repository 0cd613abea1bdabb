import assert from 'node:assert/strict';
import type { Database } from '../database.ts';
import { defineEntity } from '../entity.ts';
import { databaseErrors } from '../errors.ts';
import { defineMigrations } from '../migrations.ts';
import { createMigrator } from '../migrator.ts';
import { createTables } from './entities.ts';
import type { DatabaseCase } from './suite.ts';

/** A line of it for each step that was done: one that is done twice is refused. */
const log = defineEntity({ name: 'ent_log', fields: { id: 'string' } });

/** Steps that use nothing but what every driver has. */
function stepsOf(db: Database) {
  const names = ['0001', '0002', '0003', '0004'];
  return defineMigrations(
    names.map((name) => ({
      name,
      up: async () => {
        if (name === '0001') await createTables(db, log);
        await db.repo(log).insert({ id: name });
      },
    })),
  );
}

export const migrationCases: readonly DatabaseCase[] = [
  {
    name: 'migrations: of several databases that migrate at once each does what the others have not',
    run: async ({ many }) => {
      const dbs = many();
      const outcomes = await Promise.all(dbs.map((db) => createMigrator(db, stepsOf(db)).up()));
      assert.deepEqual(outcomes.flat().sort(), ['0001', '0002', '0003', '0004']);
      assert.equal(await dbs[0]?.repo(log).count(), 4);
    },
  },
  {
    name: 'migrations: who waits for another that migrates can give up, and gets its turn afterwards',
    when: ({ shared }) => shared,
    run: async ({ db, connect }) => {
      const waiter = connect();
      const { promise: gate, resolve: release } = Promise.withResolvers<void>();
      const { promise: isMigrating, resolve: began } = Promise.withResolvers<void>();
      const holder = createMigrator(db, [
        {
          name: 'slow',
          up: async () => {
            // Against the recorder, where every call is refused, it ends here.
            await createTables(db, log);
            began();
            await gate;
          },
        },
      ]).up();
      await isMigrating;
      const hasty = createMigrator(waiter, stepsOf(waiter), { timeout: 100 });
      await assert.rejects(hasty.up(), { code: databaseErrors.timeout.code });
      release();
      assert.deepEqual(await holder, ['slow']);
      assert.deepEqual(await createMigrator(waiter, stepsOf(waiter)).up(), ['0001', '0002', '0003', '0004']);
    },
  },
  {
    name: 'migrations: a step that fails leaves nothing, and those before it stay',
    when: ({ transactionalDdl, transactions }) => transactionalDdl && transactions,
    run: async ({ db }) => {
      const failing = {
        name: 'failing',
        up: async () => {
          await db.repo(log).insert({ id: 'half' });
          throw new Error('mine');
        },
      };
      const migrator = createMigrator(db, [...stepsOf(db), failing]);
      await assert.rejects(migrator.up(), { code: databaseErrors.migration_failed.code });
      assert.equal(await db.repo(log).count(), 4);
      assert.deepEqual(
        (await migrator.status()).map(({ state }) => state),
        ['applied', 'applied', 'applied', 'applied', 'pending'],
      );
    },
  },
];
