import { kindOf, refuseUnknown } from '@ent/internal';
import { databaseErrors } from './errors.ts';
import type { CallOptions, Duration } from './options.ts';

/**
 * One step of the schema's history. Once applied anywhere, it does not change: a correction is a migration of its own.
 */
export interface Migration<Native = unknown> {
  /** Unique and final, such as `0001_users`. The order is that of the list, not of the names. */
  readonly name: string;
  /**
   * Does the step. It runs in a transaction, which also covers calls of repositories; on a database whose DDL
   * cannot be rolled back (`features.transactionalDdl`), without one. It is run against a recorder too, to
   * recognise it by its statements: do nothing here but query.
   */
  up(native: Native): Promise<unknown>;
  /** Undoes the step. Leave it out where that is impossible. */
  down?(native: Native): Promise<unknown>;
  /**
   * `off`: while the step runs, foreign keys are neither checked nor acted on; they must hold again at its end, or it
   * is rolled back. For a table that is rebuilt, as SQLite needs it for most changes of columns: with foreign keys on,
   * to drop the old table deletes (`ON DELETE CASCADE`) or empties what refers to its rows. Only where the driver can
   * (`features.suspendsForeignKeys`); a database that alters tables in place does not need it.
   *
   * ```ts
   * import { createDatabase, createMigrator } from '@ent/database';
   * import { sqlite } from '@ent/database/sqlite';
   * import { sql } from 'kysely';
   *
   * const db = createDatabase({ driver: sqlite({ file: ':memory:' }) });
   * const migrator = createMigrator(db, [
   *   { name: '0001', up: ({ kysely }) => sql`create table users (id text primary key, age text)`.execute(kysely) },
   *   {
   *     name: '0002_age_is_a_number',
   *     foreignKeys: 'off',
   *     async up({ kysely }) {
   *       await sql`create table users_new (id text primary key, age integer)`.execute(kysely);
   *       await sql`insert into users_new select id, age from users`.execute(kysely);
   *       await sql`drop table users`.execute(kysely);
   *       await sql`alter table users_new rename to users`.execute(kysely);
   *     },
   *   },
   * ]);
   * console.log(await migrator.up()); // [ '0001', '0002_age_is_a_number' ]
   * await db.close();
   * ```
   */
  readonly foreignKeys?: 'off' | undefined;
  /**
   * `false`: the step runs in no transaction, though under the lock of all migrations, for what PostgreSQL refuses in
   * one: `create index concurrently`, `alter type ... add value` and its use, `vacuum`. What it did before it failed
   * stays, and it is not in the ledger, so that the next `up` begins it again: one statement, with `if not exists`. An
   * index that is invalid then is named by the error; drop it first. Only where the driver can
   * (`features.nonTransactionalMigrations`); MySQL and MongoDB have no transaction here anyway.
   *
   * ```ts no-run
   * import { createDatabase, createMigrator } from '@ent/database';
   * import { postgres } from '@ent/database/postgres';
   * import { sql } from 'kysely';
   *
   * const db = createDatabase({ driver: postgres({ url: 'postgres://app:secret@localhost/app' }) });
   * const migrator = createMigrator(db, [
   *   {
   *     name: '0003_find_by_email',
   *     transaction: false,
   *     up: ({ kysely }) => sql`create index concurrently if not exists by_email on users (email)`.execute(kysely),
   *     down: ({ kysely }) => sql`drop index concurrently if exists by_email`.execute(kysely),
   *   },
   * ]);
   * console.log(await migrator.up());
   * await db.close();
   * ```
   */
  readonly transaction?: false | undefined;
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
  /** How long each migration may take, waiting for other processes included. Default `"10m"`. */
  readonly timeout?: Duration | undefined;
}

/** What a migrator is at: it waits for another process, or a migration has begun or is done. */
export type MigrationProgress =
  | { readonly state: 'waiting'; readonly for: string }
  | {
      readonly state: 'begun' | 'done';
      readonly direction: 'up' | 'down';
      readonly name: string;
      /** Which it is, from 1, of those that were to be done when the call began. */
      readonly number: number;
      readonly total: number;
    };

/** Options of the migrator's calls. */
export interface MigrateOptions extends Pick<CallOptions, 'signal'> {
  /**
   * Hears of each migration, and a few times a second for whom it waits: which process has the lock, where the database
   * tells. Must not throw.
   */
  readonly onProgress?: ((progress: MigrationProgress) => void) | undefined;
}

/** Applies and reverts migrations; made by `createMigrator`. */
export interface Migrator {
  /**
   * Applies what is pending, in the order of the list, each in a transaction of its own, and answers the names. Several
   * processes may do so at once: each migration is applied once, under a lock of the database.
   *
   * @throws `database.migration_drift` before anything is done; `database.migration_failed`, after which what came
   *   before it stays applied
   */
  up(options?: MigrateOptions): Promise<string[]>;
  /**
   * Reverts the last `steps` that were applied (default 1), latest first, and answers the names.
   *
   * @throws `database.migration_irreversible` before anything is done, when one of them cannot be reverted
   */
  down(options?: MigrateOptions & { readonly steps?: number | undefined }): Promise<string[]>;
  /** Every migration of the list and of the database. Writes nothing, and waits for nobody who migrates. */
  status(options?: MigrateOptions): Promise<MigrationStatus[]>;
  /**
   * The statements that `up` would send. They are sent, under the lock of `up` and in a transaction that is rolled
   * back, so they are exact; nothing is written. Where DDL cannot be rolled back, and from the first migration on that
   * runs without a transaction, they are recorded instead, so what depends on answers is missing.
   */
  dryRun(options?: MigrateOptions): Promise<PlannedMigration[]>;
  /**
   * Accepts the code of applied migrations as it is now, and answers the names of those that had changed. For when `up`
   * reports drift and you know that the schema is right.
   */
  repair(options?: MigrateOptions): Promise<string[]>;
}

const KNOWN = { name: true, up: true, down: true, foreignKeys: true, transaction: true } as const;
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
 *         .addColumn('email', columns.id, (column) => column.notNull().unique())
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
  const given: unknown = list;
  if (!Array.isArray(given)) {
    throw databaseErrors.invalid_definition(`defineMigrations takes a list of migrations; got ${kindOf(given)}.`);
  }
  expectUnique(list, 'Migration', KNOWN);
  for (const { name, foreignKeys, transaction } of list) {
    if (foreignKeys !== undefined && foreignKeys !== 'off') {
      throw databaseErrors.invalid_definition(`Migration "${name}": foreignKeys can be 'off', or is left out.`);
    }
    if (transaction !== undefined && (transaction as unknown) !== false) {
      throw databaseErrors.invalid_definition(`Migration "${name}": transaction can be false, or is left out.`);
    }
  }
  return Object.freeze([...list]);
}

/** The table that remembers what was applied, where no other is named. */
export const LEDGER = 'ent_migrations';

/** Refuses what has a bad name or one that is there already, and unknown options. */
export function expectUnique<T extends { readonly name: string }>(
  list: readonly T[],
  what: 'Migration' | 'Seed',
  known: Readonly<Record<keyof T, true>>,
): void {
  const names = new Set<string>();
  for (const each of list) {
    const told: unknown = (each as T | undefined)?.name;
    const whose = typeof told === 'string' ? `${what} "${told}"` : `A ${what.toLowerCase()}`;
    refuseUnknown<T>(each, known, whose, databaseErrors.invalid_definition);
    const { name } = each;
    if (typeof name !== 'string' || !NAME.test(name)) {
      throw databaseErrors.invalid_definition(
        `${what} "${name}": its name must be letters, digits, "_", "." and "-", at most 200, such as "0001_users".`,
      );
    }
    if (names.has(name))
      throw databaseErrors.invalid_definition(`${what} "${name}" is there twice; rename the later one.`);
    names.add(name);
  }
}
