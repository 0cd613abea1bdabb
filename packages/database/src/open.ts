import { missingPackage } from '@ent/internal';
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
 * @typeParam Native what `db.native` is, such as `SqlNative` of `@ent/database/sql`: the scheme decides it, so the compiler has
 *   to believe you
 * @throws ConfigurationError `database.invalid_definition` for a URL that no driver takes; `database.unavailable` when
 *   the database does not answer
 */
export async function openDatabase<Native = unknown>(
  url: string,
  options: OpenOptions = {},
): Promise<Database<Native>> {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme !== 'sqlite') {
    // Never the URL itself: it may hold a password.
    const given = scheme === undefined ? 'has no scheme' : `has the scheme "${scheme}:"`;
    throw databaseErrors.invalid_definition(
      `The database URL ${given}; supported: sqlite: (such as sqlite:./data/app.db or sqlite::memory:).`,
    );
  }
  const { sqlite } = await import('./drivers/sqlite/index.ts').catch((cause: unknown) => {
    const library = missingPackage(cause);
    if (library === undefined) throw cause;
    throw databaseErrors.invalid_definition(
      `sqlite: URLs need the package ${library}, which is not installed; run npm install ${library}`,
      { cause },
    );
  });
  const db = createDatabase({ ...options, driver: sqlite(parseSqliteUrl(url)) });
  try {
    await db.ping();
  } catch (error) {
    await db.close();
    throw error;
  }
  return db as Database<unknown> as Database<Native>;
}

/**
 * `sqlite:path`, `sqlite://path`, `sqlite:///absolute/path`; percent-encoded, with `?synchronous=` as the only
 * parameter.
 */
function parseSqliteUrl(url: string): { file: string; synchronous?: 'normal' | 'full' } {
  const [path = '', query] = url.slice('sqlite:'.length).split('?', 2);
  const parameters = new URLSearchParams(query);
  const synchronous = parameters.get('synchronous');
  for (const name of parameters.keys()) {
    if (name !== 'synchronous') {
      throw databaseErrors.invalid_definition(
        `The database URL has a parameter "${name}"; sqlite: knows only "synchronous".`,
      );
    }
  }
  let file: string;
  try {
    file = decodeURIComponent(path.startsWith('//') ? path.slice(2) : path);
  } catch {
    throw databaseErrors.invalid_definition(
      'The path of the database URL is not percent-encoded correctly; write "%" as "%25".',
    );
  }
  // The driver checks the value.
  return synchronous === null ? { file } : { file, synchronous: synchronous as 'full' };
}
