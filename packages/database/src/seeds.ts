import { demandOptions, durationOption, kindOf, refuseUnknown } from '@ent/internal';
import type { Database } from './database.ts';
import { databaseErrors } from './errors.ts';
import { demandHost } from './internal/demand-host.ts';
import { filesIn, importFile, readSql, runSql } from './internal/files.ts';
import { expectUnique } from './migrations.ts';
import type { CallOptions, Duration } from './options.ts';

const invalid = databaseErrors.invalid_definition;

/** Rows that a database is to have: those that are missing are stored, those that differ are changed. */
export interface Seed<Native = unknown> {
  /** Unique, such as `01_countries`. */
  readonly name: string;
  /**
   * Stores the rows, in a transaction that also covers calls of repositories. It may be run again at any time, also
   * after a conflict, and leaves the same then: upsert under a key that is written down, and make up no ids. The
   * database is the one that `runSeeds` was given, for the repositories of a seed in a file.
   */
  run(native: Native, db: Database<Native>): Promise<unknown>;
}

/** What {@link runSeeds} is at. */
export type SeedProgress =
  | { readonly state: 'waiting'; readonly for: string }
  | { readonly state: 'begun' | 'done'; readonly name: string; readonly number: number; readonly total: number };

/** Options of {@link runSeeds}. */
export interface SeedOptions extends Pick<CallOptions, 'signal'> {
  /** How long each seed may take. Default `"10m"`. */
  readonly timeout?: Duration | undefined;
  /** Only those of these names, in the order of the list. Default: all. */
  readonly only?: readonly string[] | undefined;
  /** Hears of each seed, and a few times a second what it waits for. Must not throw. */
  readonly onProgress?: ((progress: SeedProgress) => void) | undefined;
}

/**
 * Checks a list of seeds and freezes it.
 *
 * @throws ConfigurationError `database.invalid_definition` for a malformed or repeated name, or what is no seed
 */
export function defineSeeds<Native = unknown>(list: readonly Seed<Native>[]): readonly Seed<Native>[] {
  const given: unknown = list;
  if (!Array.isArray(given)) throw invalid(`defineSeeds takes a list of seeds; got ${kindOf(given)}.`);
  expectUnique(list, 'Seed', { name: true, run: true });
  for (const seed of list) {
    const { run } = seed as { readonly run: unknown };
    if (typeof run === 'function') continue;
    throw invalid(`Seed "${seed.name}": run must be a function; got ${kindOf(run)}.`);
  }
  return Object.freeze([...list]);
}

/**
 * Runs seeds in their order, each in a transaction of its own (where the database has them), and answers their names.
 * All of them each time: nothing is remembered, so that rows which somebody has changed or deleted come back.
 *
 * ```ts
 * import { createDatabase, defineEntity, runSeeds } from '@ent/database';
 * import { sqlite } from '@ent/database/sqlite';
 * import { createTables } from '@ent/database/testing';
 *
 * const countries = defineEntity({ name: 'countries', fields: { id: 'string', name: 'string' } });
 * const db = createDatabase({ driver: sqlite({ file: ':memory:' }) });
 * await createTables(db, countries);
 * const seeds = [{ name: 'countries', run: () => db.repo(countries).upsert(['id'], { id: 'nz', name: 'Aotearoa' }) }];
 * console.log(await runSeeds(db, seeds), await runSeeds(db, seeds)); // [ 'countries' ] [ 'countries' ]
 * await db.close();
 * ```
 *
 * @throws `database.seed_failed`, after which what came before it stays
 */
export async function runSeeds<Native>(
  db: Database<Native>,
  seeds: readonly Seed<Native>[],
  options: SeedOptions = {},
): Promise<string[]> {
  demandOptions(options, 'runSeeds', databaseErrors.invalid_query);
  const known = { signal: true, timeout: true, only: true, onProgress: true } as const;
  refuseUnknown<SeedOptions>(options, known, 'runSeeds', databaseErrors.invalid_query);
  const { signal, timeout = '10m', only, onProgress } = options;
  durationOption(timeout, 'runSeeds: timeout', databaseErrors.invalid_query);
  const { migrations: host } = demandHost(db, 'runSeeds');
  const all = defineSeeds(seeds);
  const isList: boolean = only === undefined || Array.isArray(only);
  if (!isList) {
    throw databaseErrors.invalid_query(`runSeeds: only must be a list of names; got ${kindOf(only)}.`);
  }
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw databaseErrors.invalid_query(`runSeeds: onProgress must be a function; got ${kindOf(onProgress)}.`);
  }
  const other = only?.find((name) => !all.some((seed) => seed.name === name));
  if (other !== undefined) throw databaseErrors.invalid_query(`There is no seed "${other}".`);
  const list = only === undefined ? all : all.filter(({ name }) => only.includes(name));
  const onWait = onProgress && ((what: string) => onProgress({ state: 'waiting', for: what }));
  for (const [index, seed] of list.entries()) {
    const { name } = seed;
    const tell = (state: 'begun' | 'done'): void =>
      onProgress?.({ state, name, number: index + 1, total: list.length });
    tell('begun');
    await host.scripted({ timeout, signal, onWait }, async () => {
      try {
        await seed.run(db.native, db);
      } catch (cause) {
        throw databaseErrors.seed_failed(`Seed "${name}" failed.`, { cause, details: { seed: name } });
      }
    });
    tell('done');
  }
  return list.map(({ name }) => name);
}

/**
 * The seeds of a folder, in the order of their names: `01_countries.sql`, or `02_plans.ts` (also `.js`, `.mts`, ...)
 * that exports `run`. SQL is sent as it is, like that of `loadMigrations`.
 *
 * @param folder a path, from the working directory; or a `file:` URL
 * @throws ConfigurationError `database.invalid_definition` for a file that is not right, with its name
 */
export async function loadSeeds(folder: string | URL): Promise<readonly Seed[]> {
  const files = await filesIn(folder, 'loadSeeds');
  const seeds = files.map(async (file): Promise<Seed> => {
    const { name, part, isSql, shown } = file;
    if (part !== undefined) throw invalid(`${shown}: a seed is NAME.sql or NAME.ts.`);
    if (isSql) {
      const sql = await readSql(file);
      if (sql.transaction !== undefined) throw invalid(`${shown}, line 1: a seed is run in a transaction.`);
      if (sql.foreignKeys !== undefined) throw invalid(`${shown}, line 1: foreign keys stay on in a seed.`);
      return { name, run: (native) => runSql(native, sql) };
    }
    const { run } = await importFile(file, ['run']);
    if (typeof run !== 'function') throw invalid(`${shown} must export a function "run".`);
    return { name, run: run as Seed['run'] };
  });
  return defineSeeds(await Promise.all(seeds));
}
