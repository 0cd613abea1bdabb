import { createHash } from 'node:crypto';
import type { Database } from './database.ts';
import { defineEntity, type EntityOf } from './entity.ts';
import { databaseErrors } from './errors.ts';
import { Deadline } from './internal/deadline.ts';
import type { Scope } from './internal/scope.ts';
import { Unit } from './internal/scope.ts';
import type { CallOptions } from './options.ts';

/**
 * One step of the schema's history. Once applied anywhere, it does not change: a correction is a migration of its own.
 */
export interface Migration<Native = unknown> {
  /** Unique and final, such as `0001_users`. The order is that of the list, not of the names. */
  readonly name: string;
  /**
   * Does the step. It runs in a transaction, which also covers calls of repositories. It is run against a recorder too,
   * to recognise it by its statements: do nothing here but query.
   */
  up(native: Native): Promise<unknown>;
  /** Undoes the step. Leave it out where that is impossible. */
  down?(native: Native): Promise<unknown>;
}

/** Where one migration stands. */
export interface MigrationStatus {
  readonly name: string;
  /**
   * `changed`: applied, but its code now sends other statements. `missing`: applied, but not in the list, as after
   * going back to an older version of the application; that alone stops nothing.
   */
  readonly state: 'applied' | 'pending' | 'changed' | 'missing';
  readonly appliedAt: Date | null;
}

/** What a migration would do. */
export interface PlannedMigration {
  readonly name: string;
  readonly statements: readonly string[];
}

/** Options of {@link createMigrator}. */
export interface MigratorOptions {
  /** The table that remembers what was applied. Default `ent_migrations`. */
  readonly table?: string | undefined;
  /** Milliseconds for each migration, waiting for other processes included. Default 600,000. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Options of the migrator's calls: a signal to give up by, while nothing is written or the step at hand is rolled back.
 */
export type MigrateOptions = Pick<CallOptions, 'signal'>;

/** Applies and reverts migrations; made by {@link createMigrator}. */
export interface Migrator {
  /**
   * Applies what is pending, in the order of the list, each in a transaction of its own, and answers the names. Several
   * processes may do so at once: each migration is applied once.
   *
   * @throws `database.migration_drift` before anything is done; `database.migration_failed`, after which what came
   *   before it stays applied
   */
  up(options?: MigrateOptions): Promise<string[]>;
  /**
   * Reverts the last `steps` that were applied (default 1), latest first, and answers the names.
   *
   * @throws `database.migration_irreversible` before anything is done, when one of them can not be reverted
   */
  down(options?: MigrateOptions & { readonly steps?: number | undefined }): Promise<string[]>;
  /** Every migration of the list and of the database. Writes nothing. */
  status(options?: MigrateOptions): Promise<MigrationStatus[]>;
  /**
   * The statements that `up` would send. They are sent, in a transaction that is rolled back, so they are exact;
   * nothing is written.
   */
  dryRun(options?: MigrateOptions): Promise<PlannedMigration[]>;
  /**
   * Accepts the code of applied migrations as it is now, and answers the names of those that had changed. For when `up`
   * reports drift and you know that the schema is right.
   */
  repair(options?: MigrateOptions): Promise<string[]>;
}

const NAME = /^[A-Za-z0-9][\w.-]{0,199}$/;

/**
 * Checks a list of migrations and freezes it.
 *
 * ```ts
 * import { createDatabase, createMigrator, defineMigrations } from '@ent/database';
 * import type { SqlNative } from '@ent/database/sql';
 * import { sqlite } from '@ent/database/sqlite';
 *
 * const migrations = defineMigrations<SqlNative>([
 *   {
 *     name: '0001_users',
 *     up: ({ kysely, columns }) =>
 *       kysely.schema
 *         .createTable('users')
 *         .addColumn('id', columns.id, (column) => column.primaryKey())
 *         .addColumn('email', columns.string, (column) => column.notNull().unique())
 *         .execute(),
 *     down: ({ kysely }) => kysely.schema.dropTable('users').execute(),
 *   },
 * ]);
 * const db = createDatabase({ driver: sqlite({ file: ':memory:' }) });
 * console.log(await createMigrator(db, migrations).up()); // [ '0001_users' ]
 * await db.close();
 * ```
 *
 * @throws ConfigurationError `database.invalid_definition` for a malformed or repeated name
 */
export function defineMigrations<Native = unknown>(list: readonly Migration<Native>[]): readonly Migration<Native>[] {
  const names = new Set<string>();
  for (const { name } of list) {
    if (!NAME.test(name)) {
      throw databaseErrors.invalid_definition(
        `Migration "${name}": its name must be letters, digits, "_", "." and "-", at most 200, such as "0001_users".`,
      );
    }
    if (names.has(name))
      throw databaseErrors.invalid_definition(`Migration "${name}" is there twice; rename the later one.`);
    names.add(name);
  }
  return Object.freeze([...list]);
}

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

/** Makes a {@link Migrator} for a database and a list of {@link defineMigrations}. */
export function createMigrator<Native>(
  db: Database<Native>,
  migrations: readonly Migration<Native>[],
  options: MigratorOptions = {},
): Migrator {
  const { table = 'ent_migrations', timeoutMs = 600_000 } = options;
  const list = defineMigrations(migrations);
  const entity = ledgerEntity(table);
  const ledger = db.repo(entity);

  /**
   * One step at a time among all processes: the transaction begins with a write, which the database lets nobody else do
   * meanwhile.
   */
  function locked<R>(signal: AbortSignal | undefined, work: () => Promise<R>): Promise<R> {
    if (db.engine.scopeOf(undefined) !== undefined) {
      throw databaseErrors.invalid_query(
        'Migrations begin transactions of their own; call the migrator outside of one.',
      );
    }
    return db.transaction(
      async () => {
        await db.engine.run(
          undefined,
          { operation: 'migrate', entity: table, use: 'write' },
          undefined,
          (session, context) => db.driver.createTable(session, entity, context),
        );
        return work();
      },
      { timeoutMs, signal },
    );
  }

  /** Does its work in a transaction that leaves nothing. */
  async function peek<R>(signal: AbortSignal | undefined, work: () => Promise<R>): Promise<R> {
    try {
      return await locked(signal, async () => {
        throw new RolledBack(await work());
      });
    } catch (error) {
      if (error instanceof RolledBack) return error.outcome as R;
      throw error;
    }
  }

  const applied = (): Promise<LedgerEntry[]> => ledger.find({ sort: [['position', 'asc']] });

  /** The names of applied migrations whose statements are others now. */
  async function changed(entries: readonly LedgerEntry[]): Promise<string[]> {
    const names: string[] = [];
    for (const migration of list) {
      const entry = entries.find(({ id }) => id === migration.name);
      if (entry !== undefined && entry.checksum !== (await checksumOf(db, migration))) names.push(migration.name);
    }
    return names;
  }

  async function expectNoDrift(entries: readonly LedgerEntry[]): Promise<void> {
    const names = await changed(entries);
    if (names.length === 0) return;
    throw databaseErrors.migration_drift(
      `Applied migrations have changed: ${names.join(', ')}. Undo the change and write a new migration; or, if the schema is right, call repair().`,
      { details: { migrations: names } },
    );
  }

  async function apply(migration: Migration<Native>, signal: AbortSignal | undefined): Promise<boolean> {
    const checksum = await checksumOf(db, migration);
    return locked(signal, async () => {
      // Another process may have been first.
      if ((await ledger.get(migration.name)) !== null) return false;
      await step(migration, 'up', () => migration.up(db.native));
      const [last] = await ledger.find({ sort: [['position', 'desc']], limit: 1 });
      await ledger.insert({ id: migration.name, checksum, position: (last?.position ?? 0) + 1, appliedAt: new Date() });
      return true;
    });
  }

  return {
    async up({ signal } = {}) {
      await expectNoDrift(await peek(signal, applied));
      const done: string[] = [];
      for (const migration of list) if (await apply(migration, signal)) done.push(migration.name);
      return done;
    },

    async down({ steps = 1, signal } = {}) {
      if (!Number.isSafeInteger(steps) || steps < 1) {
        throw databaseErrors.invalid_query('steps must be a whole number, 1 or more.');
      }
      const entries = await peek(signal, applied);
      await expectNoDrift(entries);
      const reverts = entries
        .reverse()
        .slice(0, steps)
        .map(({ id }) => reversible(list, id));
      const done: string[] = [];
      for (const { name, down } of reverts) {
        const reverted = await locked(signal, async () => {
          if ((await ledger.get(name)) === null) return false;
          await step({ name }, 'down', down);
          return ledger.delete(name);
        });
        if (reverted) done.push(name);
      }
      return done;
    },

    status: ({ signal } = {}) =>
      peek(signal, async () => {
        const entries = await applied();
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
      }),

    dryRun: ({ signal } = {}) =>
      peek(signal, async () => {
        const entries = await applied();
        const planned: PlannedMigration[] = [];
        for (const migration of list) {
          if (entries.some(({ id }) => id === migration.name)) continue;
          const { unit } = db.engine.scopeOf(undefined) as Scope;
          const statements: string[] = [];
          unit.statements = statements;
          await step(migration, 'up', () => migration.up(db.native));
          unit.statements = undefined;
          planned.push({ name: migration.name, statements });
        }
        return planned;
      }),

    repair: ({ signal } = {}) =>
      locked(signal, async () => {
        const names = await changed(await applied());
        for (const migration of list) {
          if (!names.includes(migration.name)) continue;
          await ledger.update(migration.name, { set: { checksum: await checksumOf(db, migration) } });
        }
        return names;
      }),
  };

  function reversible(
    known: readonly Migration<Native>[],
    name: string,
  ): { name: string; down: () => Promise<unknown> } {
    const migration = known.find((other) => other.name === name);
    if (migration?.down === undefined) {
      const why = migration === undefined ? 'it is not in the list' : 'it has no down';
      throw databaseErrors.migration_irreversible(
        `Migration "${name}" can not be reverted: ${why}. Nothing was reverted.`,
        {
          details: { migration: name },
        },
      );
    }
    return { name, down: async () => migration.down?.(db.native) };
  }
}

async function step(
  { name }: { readonly name: string },
  direction: 'up' | 'down',
  work: () => Promise<unknown>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw databaseErrors.migration_failed(`Migration "${name}" failed in ${direction}.`, {
      cause: error,
      details: { migration: name, direction },
    });
  }
}

/**
 * SHA-256 of the statements that `up` sends, with placeholders for values. Not of its source text: that changes with
 * every compiler, minifier and formatter. What it sends depending on answers is not part of it, since the recorder
 * answers everything with no rows; a failure over that ends the recording.
 */
async function checksumOf<Native>(db: Database<Native>, migration: Migration<Native>): Promise<string> {
  const statements = await db.driver.record(async (native) => {
    try {
      // Repositories are out of reach meanwhile: what they did here would be done twice.
      await db.engine.scopes.run(nowhere(), () => migration.up(native));
    } catch {
      // Recorded as far as it goes.
    }
  });
  return createHash('sha256').update(JSON.stringify(statements)).digest('hex');
}

/** A scope in which every call is refused. */
function nowhere(): Scope {
  const unit = new Unit(undefined);
  unit.state = 'ended';
  const deadline = new Deadline(Infinity, () => new Error('unreachable'));
  return { unit, parent: undefined, deadline, isolation: undefined, readOnly: true };
}
