import { createHash } from 'node:crypto';
import { demandOptions, durationOption, kindOf, refuseUnknown } from '@ent/internal';
import type { Database } from './database.ts';
import { defineEntity, type EntityOf } from './entity.ts';
import { databaseErrors } from './errors.ts';
import { demandHost } from './internal/demand-host.ts';
import type { MigrationHost } from './internal/host.ts';
import { expectValidIndexes, failureOf, step } from './internal/migration-failures.ts';
import {
  defineMigrations,
  LEDGER,
  type MigrateOptions,
  type Migration,
  type MigrationStatus,
  type Migrator,
  type MigratorOptions,
  type PlannedMigration,
} from './migrations.ts';

function ledgerEntity(table: string) {
  return defineEntity({
    name: table,
    // The id is the migration's name; the position says in which order they were applied.
    fields: { id: 'string', checksum: 'string', position: 'int', appliedAt: 'date' },
  });
}

type LedgerEntry = EntityOf<ReturnType<typeof ledgerEntity>>;

/** Carries the outcome of work out of a transaction that is to leave nothing. */
class RolledBack<R> extends Error {
  readonly outcome: R;

  constructor(outcome: R) {
    super('rolled back');
    this.outcome = outcome;
  }
}

/**
 * Makes a {@link Migrator} for a database and a list of {@link defineMigrations}.
 *
 * ```ts
 * import { createDatabase, createMigrator, defineMigrations } from '@ent/database';
 * import { type SqlNative } from '@ent/database/sql';
 * import { sqlite } from '@ent/database/sqlite';
 *
 * const db = createDatabase({ driver: sqlite({ file: ':memory:' }) });
 * const migrations = defineMigrations<SqlNative>([
 *   { name: '0001_tags', up: ({ kysely }) => kysely.schema.createTable('tags').addColumn('id', 'text').execute() },
 * ]);
 * const migrator = createMigrator(db, migrations, { timeout: '1m' });
 * console.log(await migrator.up(), await migrator.up()); // [ '0001_tags' ] []
 * await db.close();
 * ```
 */
export function createMigrator<Native>(
  db: Database<Native>,
  migrations: readonly Migration<Native>[],
  options: MigratorOptions = {},
): Migrator {
  refuseUnknown(options, { table: true, timeout: true }, 'createMigrator', databaseErrors.invalid_definition);
  const { table = LEDGER, timeout = '10m' } = options;
  durationOption(timeout, 'createMigrator: timeout', databaseErrors.invalid_definition);
  const { migrations: host } = demandHost(db, 'createMigrator');
  const list = defineMigrations(migrations);
  const suspending = list.find(({ foreignKeys }) => foreignKeys === 'off');
  if (suspending !== undefined && !db.features.suspendsForeignKeys) {
    throw databaseErrors.unsupported(
      `Migration "${suspending.name}": ${db.driver.name} cannot switch foreign keys off; alter the table in place and leave foreignKeys out.`,
    );
  }
  const untransacted = list.find(({ transaction }) => transaction === false);
  if (untransacted !== undefined && !db.features.nonTransactionalMigrations) {
    throw databaseErrors.unsupported(
      `Migration "${untransacted.name}": ${db.driver.name} migrates in a transaction alone; leave transaction out.`,
    );
  }
  const entity = ledgerEntity(table);
  const ledger = db.repo(entity);

  /** One step at a time among all processes. */
  const locked = <R>(
    { signal, onProgress }: MigrateOptions,
    work: () => Promise<R>,
    { foreignKeys, transaction }: Pick<Migration, 'foreignKeys' | 'transaction'> = {},
  ): Promise<R> => {
    const onWait = onProgress && ((what: string) => onProgress({ state: 'waiting', for: what }));
    return host.exclusive(entity, { timeout, signal, foreignKeys, transaction, onWait }, work);
  };

  /** Does its work in a transaction that leaves nothing. */
  async function peek<R>(
    given: MigrateOptions,
    work: () => Promise<R>,
    needs?: Pick<Migration, 'foreignKeys'>,
  ): Promise<R> {
    const throwing = async (): Promise<R> => {
      throw new RolledBack(await work());
    };
    try {
      return await locked(given, throwing, needs);
    } catch (error) {
      if (error instanceof RolledBack) return error.outcome as R;
      throw error;
    }
  }

  const applied = async (): Promise<LedgerEntry[]> =>
    (await host.hasTable(entity)) ? ledger.find({ sort: [['position', 'asc']] }) : [];
  const standing = ({ signal }: MigrateOptions): Promise<LedgerEntry[]> => host.reading({ timeout, signal }, applied);

  /** The names of applied migrations whose statements are others now. */
  async function changed(entries: readonly LedgerEntry[]): Promise<string[]> {
    const names: string[] = [];
    for (const migration of list) {
      const entry = entries.find(({ id }) => id === migration.name);
      if (entry !== undefined && entry.checksum !== (await checksumOf(host, migration))) names.push(migration.name);
    }
    return names;
  }

  async function expectNoDrift(entries: readonly LedgerEntry[]): Promise<void> {
    const names = await changed(entries);
    if (names.length === 0) return;
    throw databaseErrors.migration_drift(
      `Applied migrations have changed: ${names.join(', ')}. Undo the change and write a new migration; or, if the schema is right, accept them: repair(), in a terminal ent-db repair.`,
      { details: { migrations: names } },
    );
  }

  async function apply(migration: Migration<Native>, given: MigrateOptions, tell: Tell): Promise<boolean> {
    const checksum = await checksumOf(host, migration);
    return perform(migration, 'up', given, tell, async () => {
      // Where the step can be rolled back, after it: it may create the schema that the ledger is to stand in.
      const isAtomic = db.features.transactionalDdl && migration.transaction !== false;
      if (!isAtomic) await host.createTable(entity);
      await step(migration, 'up', async () => {
        await migration.up(db.native);
        if (migration.transaction === false) await expectValidIndexes(host, await recordedOf(host, migration, 'up'));
      });
      if (isAtomic) await host.createTable(entity);
      const [last] = await ledger.find({ sort: [['position', 'desc']], limit: 1 });
      await ledger.insert({ id: migration.name, checksum, position: (last?.position ?? 0) + 1, appliedAt: new Date() });
    });
  }

  /** Does a step under the lock, unless another process was first. */
  async function perform(
    migration: Migration<Native>,
    direction: 'up' | 'down',
    given: MigrateOptions,
    tell: Tell,
    work: () => Promise<void>,
  ): Promise<boolean> {
    let isBegun = false;
    const due = async (): Promise<boolean> => {
      const isApplied = (await host.hasTable(entity)) && (await ledger.get(migration.name)) !== null;
      if (isApplied === (direction === 'up')) return false;
      isBegun = true;
      tell('begun');
      await work();
      return true;
    };
    try {
      const isDone = await locked(given, due, migration);
      if (isDone) tell('done');
      return isDone;
    } catch (error) {
      if (!isBegun) throw error;
      throw await failureOf(host, migration, direction, error, () => recordedOf(host, migration, direction));
    }
  }

  /** The statements of a migration that is pending. */
  async function plan(migration: Migration<Native>, isSent: boolean): Promise<PlannedMigration> {
    const statements = isSent
      ? await host.sent(() => step(migration, 'up', () => migration.up(db.native)))
      : await recordedOf(host, migration, 'up');
    return { name: migration.name, statements };
  }

  async function plans(): Promise<PlannedMigration[]> {
    const entries = await applied();
    const planned: PlannedMigration[] = [];
    let isSent = db.features.transactionalDdl;
    for (const migration of list) {
      if (entries.some(({ id }) => id === migration.name)) continue;
      // What comes after may need what it would have done.
      if (migration.transaction === false) isSent = false;
      planned.push(await plan(migration, isSent));
    }
    return planned;
  }

  return {
    async up(given = {}) {
      expectKnown('up', given);
      const entries = await standing(given);
      await expectNoDrift(entries);
      const pending = list.filter(({ name }) => !entries.some(({ id }) => id === name));
      const done: string[] = [];
      for (const [index, migration] of pending.entries()) {
        const tell = teller(given, 'up', migration, index + 1, pending.length);
        if (await apply(migration, given, tell)) done.push(migration.name);
      }
      return done;
    },

    async down(asked = {}) {
      demandOptions(asked, 'migrator.down', databaseErrors.invalid_query);
      const { steps = 1, ...given } = asked;
      expectKnown('down', given);
      if (!Number.isSafeInteger(steps) || steps < 1) {
        throw databaseErrors.invalid_query('steps must be a whole number, 1 or more.');
      }
      const entries = await standing(given);
      await expectNoDrift(entries);
      const reverts = entries
        .reverse()
        .slice(0, steps)
        .map(({ id }) => reversible(list, id));
      const done: string[] = [];
      for (const [index, migration] of reverts.entries()) {
        const { name } = migration;
        const tell = teller(given, 'down', migration, index + 1, reverts.length);
        const work = async (): Promise<void> => {
          await step(migration, 'down', () => migration.down(db.native));
          await ledger.delete(name);
        };
        if (await perform(migration, 'down', given, tell, work)) done.push(name);
      }
      return done;
    },

    async status(given = {}) {
      expectKnown('status', given);
      const entries = await standing(given);
      const drifted = await changed(entries);
      const known = list.map(({ name }): MigrationStatus => {
        const appliedAt = entries.find(({ id }) => id === name)?.appliedAt ?? null;
        return {
          name,
          appliedAt,
          state: appliedAt === null ? 'pending' : drifted.includes(name) ? 'changed' : 'applied',
        };
      });
      const missing = entries
        .filter(({ id }) => !list.some(({ name }) => name === id))
        .map(({ id, appliedAt }): MigrationStatus => ({ name: id, appliedAt, state: 'missing' }));
      return [...missing, ...known];
    },

    async dryRun(given = {}) {
      expectKnown('dryRun', given);
      if (db.features.transactionalDdl) return peek(given, plans, suspending);
      // Nothing is sent, so there is nothing to keep others from, and nothing to roll back.
      return host.reading({ timeout, signal: given.signal }, plans);
    },

    async repair(given = {}) {
      expectKnown('repair', given);
      return locked(given, async () => {
        const names = await changed(await applied());
        for (const migration of list) {
          if (!names.includes(migration.name)) continue;
          await ledger.update(migration.name, { set: { checksum: await checksumOf(host, migration) } });
        }
        return names;
      });
    },
  };
}

function expectKnown(method: string, options: MigrateOptions): void {
  refuseUnknown(options, { signal: true, onProgress: true }, `migrator.${method}`, databaseErrors.invalid_query);
  const { onProgress } = options;
  if (onProgress === undefined || typeof onProgress === 'function') return;
  throw databaseErrors.invalid_query(`migrator.${method}: onProgress must be a function; got ${kindOf(onProgress)}.`);
}

type Tell = (state: 'begun' | 'done') => void;

function teller(
  { onProgress }: MigrateOptions,
  direction: 'up' | 'down',
  { name }: { readonly name: string },
  number: number,
  total: number,
): Tell {
  return (state) => onProgress?.({ state, direction, name, number, total });
}

type Reversible<Native> = Migration<Native> & Required<Pick<Migration<Native>, 'down'>>;

function reversible<Native>(list: readonly Migration<Native>[], name: string): Reversible<Native> {
  const migration = list.find((other) => other.name === name);
  if (migration?.down !== undefined) return migration as Reversible<Native>;
  const why = migration === undefined ? 'it is not in the list' : 'it has no down';
  throw databaseErrors.migration_irreversible(`Migration "${name}" cannot be reverted: ${why}. Nothing was reverted.`, {
    details: { migration: name },
  });
}

/**
 * SHA-256 of the statements that `up` sends, with placeholders for values. Not of its source text: that changes with
 * every compiler, minifier and formatter. What it sends depending on answers is not part of it, since the recorder
 * answers everything with no rows; a failure over that ends the recording.
 */
async function checksumOf<Native>(host: MigrationHost, migration: Migration<Native>): Promise<string> {
  const statements = await recordedOf(host, migration, 'up');
  return createHash('sha256').update(JSON.stringify(statements)).digest('hex');
}

function recordedOf<Native>(
  host: MigrationHost,
  migration: Migration<Native>,
  direction: 'up' | 'down',
): Promise<readonly string[]> {
  return host.recorded(async (native) => {
    try {
      await migration[direction]?.(native as Native);
    } catch {
      // Recorded as far as it goes.
    }
  });
}
