import { demandOptions, openByUrl, type Scheme, truthIn } from '@ent/internal';
import { createDatabase, type Database } from './database.ts';
import type { DatabaseDriver } from './driver.ts';
import { databaseErrors } from './errors.ts';
import type { DatabaseOptions } from './options.ts';

/**
 * A module that makes a driver of a URL: what a package with a driver exports. See {@link OpenOptions.drivers}.
 */
export interface DatabaseDriverModule {
  /** @param url as it was given to `openDatabase`; what it may hold, and that it is right, is the driver's to say */
  openDriver(url: string): DatabaseDriver | Promise<DatabaseDriver>;
}

/** Options of {@link openDatabase}: those of {@link createDatabase}, without the driver. */
export interface OpenOptions extends Omit<DatabaseOptions<unknown>, 'driver'> {
  /**
   * Drivers of others, by the scheme of their URLs: `{ duckdb: () => import('a-duckdb-driver') }`. A scheme of ours
   * that is named here is theirs.
   */
  readonly drivers?: Readonly<Record<string, () => Promise<DatabaseDriverModule>>> | undefined;
}

/**
 * Opens the database that a URL names, and checks that it answers. The driver is imported only then.
 *
 * | URL | |
 * |---|---|
 * | `sqlite::memory:` | in memory, gone with the process |
 * | `sqlite:./data/app.db` | relative to the working directory |
 * | `sqlite:/var/lib/app.db?synchronous=full` | absolute; each commit on the disk before it resolves |
 * | `sqlite:./app.db?thread=true` | statements run in threads of their own |
 * | `postgres://user:password@host:5432/app?sslmode=verify-full&max=20` | PostgreSQL; `postgresql:` is the same |
 * | `mysql://user:password@host:3306/app?ssl-mode=verify_identity&max=20` | MySQL, MariaDB; `mariadb:` is the same |
 * | `mongodb://user:password@host:27017/app?replicaSet=rs0` | MongoDB; also `mongodb+srv:` |
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
  demandOptions(options, 'openDatabase', databaseErrors.invalid_definition);
  const { drivers, ...rest } = options;
  const errors = { unknown: databaseErrors.invalid_definition, invalid: databaseErrors.invalid_definition };
  const driver = await openByUrl('openDatabase', url, schemes, undefined, errors, drivers);
  const db = createDatabase({ ...rest, driver });
  try {
    await db.ping();
  } catch (error) {
    await db.close();
    throw error;
  }
  return db as Database<Native>;
}

const POSTGRES: Scheme<DatabaseDriver, undefined> = {
  hosts: 'several',
  // The driver reads and checks them.
  parameters: undefined,
  async open({ text }) {
    const { postgres } = await import('./drivers/postgres/index.ts');
    return postgres({ url: text });
  },
};

const MYSQL: Scheme<DatabaseDriver, undefined> = {
  hosts: 'several',
  parameters: undefined,
  async open({ text }) {
    const { mysql } = await import('./drivers/mysql/index.ts');
    return mysql({ url: text });
  },
};

const MONGODB: Scheme<DatabaseDriver, undefined> = {
  hosts: 'several',
  // The driver and its library read and check them.
  parameters: undefined,
  async open({ text }) {
    const { mongodb } = await import('./drivers/mongodb/index.ts');
    return mongodb({ url: text });
  },
};

const schemes: Readonly<Record<string, Scheme<DatabaseDriver, undefined>>> = {
  sqlite: {
    hosts: 'none',
    parameters: ['synchronous', 'thread'],
    async open({ path, parameters: { synchronous, thread } }) {
      const { sqlite } = await import('./drivers/sqlite/index.ts');
      // `sqlite:path`, `sqlite://path` and `sqlite:///absolute/path`.
      const file = path.startsWith('//') ? path.slice(2) : path;
      // The driver checks the values.
      return sqlite({
        file,
        ...(synchronous !== undefined && { synchronous: synchronous as 'full' }),
        ...(thread !== undefined && { thread: truthIn(thread) }),
      });
    },
  },
  postgres: POSTGRES,
  postgresql: POSTGRES,
  mysql: MYSQL,
  mariadb: MYSQL,
  mongodb: MONGODB,
  'mongodb+srv': MONGODB,
};
