import { openByUrl, type Scheme } from '@ent/internal';
import { createDatabase, type Database } from './database.ts';
import { databaseErrors } from './errors.ts';
import type { DatabaseOptions } from './options.ts';

/** Options of {@link openDatabase}: those of {@link createDatabase}, without the driver. */
export type OpenOptions = Omit<DatabaseOptions<unknown>, 'driver'>;

/**
 * Opens the database that a URL names, and checks that it answers. The driver is imported only then.
 *
 * | URL | |
 * |---|---|
 * | `sqlite::memory:` | in memory, gone with the process |
 * | `sqlite:./data/app.db` | relative to the working directory |
 * | `sqlite:/var/lib/app.db?synchronous=full` | absolute; each commit on the disk before it resolves |
 *
 * ```ts
 * import { openDatabase } from '@ent/database/open';
 *
 * const db = await openDatabase('sqlite::memory:');
 * console.log(db.driver.name); // sqlite
 * await db.close();
 * ```
 *
 * @typeParam Native what `db.native` is, such as `SqlNative` of `@ent/database/sql`: the scheme
 *   decides it, so the compiler has to believe you
 * @throws ConfigurationError `database.invalid_definition` for a URL that no driver takes; `database.unavailable` when
 *   the database does not answer
 */
export async function openDatabase<Native = unknown>(
  url: string,
  options: OpenOptions = {},
): Promise<Database<Native>> {
  const db = await openByUrl('openDatabase', url, schemes, options, {
    unknown: databaseErrors.invalid_definition,
    invalid: databaseErrors.invalid_definition,
  });
  try {
    await db.ping();
  } catch (error) {
    await db.close();
    throw error;
  }
  return db as Database<Native>;
}

const schemes: Readonly<Record<string, Scheme<Database, OpenOptions>>> = {
  sqlite: {
    hosts: 'none',
    parameters: ['synchronous'],
    async open({ path, parameters: { synchronous } }, options) {
      const { sqlite } = await import('./drivers/sqlite/index.ts');
      // `sqlite:path`, `sqlite://path` and `sqlite:///absolute/path`.
      const file = path.startsWith('//') ? path.slice(2) : path;
      // The driver checks the value.
      const driver = sqlite({ file, ...(synchronous !== undefined && { synchronous: synchronous as 'full' }) });
      return createDatabase<unknown>({ ...options, driver });
    },
  },
};
