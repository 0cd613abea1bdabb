import { databaseErrors } from './errors.ts';
import { filesIn, type Found, importFile, readSql, runSql } from './internal/files.ts';
import { defineMigrations, type Migration } from './migrations.ts';

const invalid = databaseErrors.invalid_definition;
const EXPORTS = ['up', 'down', 'foreignKeys', 'transaction'];

/**
 * The migrations of a folder, in the order of their names: `0001_users.up.sql` with perhaps `0001_users.down.sql`,
 * `0002_tags.sql` for one that cannot be undone, or `0003_split.ts` (also `.js`, `.mts`, ...) that exports `up` and
 * perhaps `down`, `foreignKeys` and `transaction`. They are those of {@link defineMigrations} in all else; one of SQL
 * is recognised by its text.
 *
 * ```ts no-run
 * import { createMigrator, loadMigrations } from '@ent/database';
 * import { openDatabase } from '@ent/database/open';
 *
 * const db = await openDatabase('postgres://localhost/app');
 * await createMigrator(db, await loadMigrations(new URL('./migrations', import.meta.url))).up();
 * await db.close();
 * ```
 *
 * SQL is sent as it is: what it may hold, the database says, which also takes the statements apart. It is run in the
 * transaction of the migration where there is one, so it neither begins nor ends any. A table is rebuilt on SQLite
 * with `-- foreign-keys: off` as the first line; with `-- transaction: false` there, one statement is run without a
 * transaction.
 *
 * @param folder a path, from the working directory; or a `file:` URL
 * @throws ConfigurationError `database.invalid_definition` for a file that is not right, with its name and, where there
 *   is one, its line
 */
export async function loadMigrations(folder: string | URL): Promise<readonly Migration[]> {
  const parts = new Map<string, Found[]>();
  for (const file of await filesIn(folder, 'loadMigrations')) {
    parts.set(file.name, [...(parts.get(file.name) ?? []), file]);
  }
  return defineMigrations(await Promise.all([...parts].map(([name, files]) => migrationOf(name, files))));
}

async function migrationOf(name: string, files: readonly Found[]): Promise<Migration> {
  const up: Found[] = [];
  const down: Found[] = [];
  for (const file of files) {
    if (file.part?.toLowerCase() === 'down' && file.isSql) down.push(file);
    else if (file.part === undefined || (file.part.toLowerCase() === 'up' && file.isSql)) up.push(file);
    else throw invalid(`${file.shown}: a migration is NAME.up.sql with NAME.down.sql, NAME.sql, or NAME.ts.`);
  }
  const [first, other] = up;
  if (first === undefined) throw invalid(`${down[0]?.shown}: there is no ${name}.up.sql beside it.`);
  if (other !== undefined) {
    const hint = isCompiled(first, other) ? COMPILED : '';
    throw invalid(`${first.shown} and ${other.shown} are the same migration; keep one.${hint}`);
  }
  const [undo] = down;
  if (!first.isSql) {
    if (undo !== undefined) throw invalid(`${undo.shown}: what undoes ${first.shown} is its export "down".`);
    return moduleOf(name, first);
  }
  const [forth, back] = await Promise.all([readSql(first), undo && readSql(undo)]);
  const foreignKeys = forth.foreignKeys ?? back?.foreignKeys;
  const transaction = forth.transaction ?? back?.transaction;
  return {
    name,
    up: (native) => runSql(native, forth),
    ...(back && { down: (native) => runSql(native, back) }),
    ...(foreignKeys && { foreignKeys }),
    ...(transaction === false && { transaction }),
  };
}

const COMPILED =
  ' A compiler has written the one beside the other: set its "outDir", remove the .js file, and give the folder of one kind (ent-db: --dir dist/migrations).';

/** Whether the first may be what a compiler has made of the other: `1.js` of `1.ts`. */
function isCompiled(first: Found, other: Found): boolean {
  return first.path.replace(/js$/i, 'ts') === other.path;
}

async function moduleOf(name: string, file: Found): Promise<Migration> {
  const { up, down, foreignKeys, transaction } = await importFile(file, EXPORTS);
  if (typeof up !== 'function') throw invalid(`${file.shown} must export a function "up".`);
  if (down !== undefined && typeof down !== 'function') throw invalid(`${file.shown}: "down" must be a function.`);
  if (foreignKeys !== undefined && foreignKeys !== 'off') {
    throw invalid(`${file.shown}: "foreignKeys" can be 'off', or is left out.`);
  }
  if (transaction !== undefined && transaction !== false) {
    throw invalid(`${file.shown}: "transaction" can be false, or is left out.`);
  }
  return {
    name,
    up: up as Migration['up'],
    ...(down !== undefined && { down: down as Required<Migration>['down'] }),
    ...(foreignKeys && { foreignKeys }),
    ...(transaction === false && { transaction }),
  };
}
