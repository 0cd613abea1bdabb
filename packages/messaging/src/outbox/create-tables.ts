import { kindOf, refuseUnknown } from '@ent/internal';
import { messagingErrors } from '../errors.ts';
import { inboxEntity, outboxEntities, type StoredEntity, type TableOptions } from './tables.ts';

/** What a migration gets on a SQL database: the smallest part of `SqlNative` of `@ent/database/sql`. */
export interface SqlTables {
  readonly kysely: { readonly schema: SqlSchema };
  /** The column type of each type of field; `id` is short text that can be a key. */
  readonly columns: Readonly<Record<'id' | 'string' | 'int' | 'date' | 'json' | 'bytes' | 'boolean', unknown>>;
}

/** What a migration gets on MongoDB: the smallest part of `MongodbNative` of `@ent/database/mongodb`. */
export interface DocumentTables {
  collection(name: string): {
    createIndex(keys: Record<string, 1>, options: { readonly name: string }): Promise<unknown>;
    drop(): Promise<unknown>;
  };
}

interface SqlSchema {
  createTable(name: string): SqlTable;
  createIndex(name: string): SqlIndex;
  dropTable(name: string): { execute(): Promise<unknown> };
}
interface SqlTable {
  // oxlint-disable-next-line typescript/no-explicit-any -- Kysely's own builder, which callers get and give back
  addColumn(name: string, type: unknown, build: (column: any) => any): SqlTable;
  execute(): Promise<unknown>;
}
interface SqlColumn {
  notNull(): SqlColumn;
  primaryKey(): SqlColumn;
}
interface SqlIndex {
  on(table: string): { columns(names: string[]): { execute(): Promise<unknown> } };
}

/** Texts that are, or are in, a key. */
const KEYS: ReadonlySet<string> = new Set(['id', 'orderKey', 'owner']);

/**
 * Creates the tables of an outbox, or its collections on MongoDB, in a migration of yours. What it does never changes,
 * as that of an applied migration must not.
 *
 * ```ts
 * import { createDatabase, createMigrator, defineMigrations } from '@ent/database';
 * import type { SqlNative } from '@ent/database/sql';
 * import { sqlite } from '@ent/database/sqlite';
 * import { createOutboxTables, dropOutboxTables } from '@ent/messaging/outbox';
 *
 * const migrations = defineMigrations<SqlNative>([
 *   { name: '0001_outbox', up: (native) => createOutboxTables(native), down: (native) => dropOutboxTables(native) },
 * ]);
 * const db = createDatabase({ driver: sqlite({ file: ':memory:' }) });
 * console.log(await createMigrator(db, migrations).up()); // [ '0001_outbox' ]
 * await db.close();
 * ```
 */
export async function createOutboxTables(
  native: SqlTables | DocumentTables,
  options: TableOptions = {},
): Promise<void> {
  demandTables(native, options, 'createOutboxTables');
  const { messages, marks } = outboxEntities(options.table);
  await create(native, messages);
  await create(native, marks);
  await index(native, messages, 'due', ['dueAt', 'id']);
  await index(native, messages, 'key', ['orderKey', 'position']);
  // In a transaction MongoDB makes no collection that another one makes too: this one must be there before.
  if (!isSql(native)) await index(native, marks, 'at', ['at']);
}

/** Removes what {@link createOutboxTables} has created, with all that is in it. */
export async function dropOutboxTables(native: SqlTables | DocumentTables, options: TableOptions = {}): Promise<void> {
  demandTables(native, options, 'dropOutboxTables');
  const { messages, marks } = outboxEntities(options.table);
  for (const entity of [messages, marks]) await drop(native, entity);
}

/** Creates the table of an inbox, in a migration of yours; see {@link createOutboxTables}. */
export async function createInboxTable(native: SqlTables | DocumentTables, options: TableOptions = {}): Promise<void> {
  demandTables(native, options, 'createInboxTable');
  const seen = inboxEntity(options.table);
  await create(native, seen);
  await index(native, seen, 'at', ['at']);
}

/** Removes what {@link createInboxTable} has created. */
export async function dropInboxTable(native: SqlTables | DocumentTables, options: TableOptions = {}): Promise<void> {
  demandTables(native, options, 'dropInboxTable');
  await drop(native, inboxEntity(options.table));
}

function demandTables(native: SqlTables | DocumentTables, options: TableOptions, what: string): void {
  refuseUnknown(options, { table: true }, what, messagingErrors.invalid_options);
  const given = native as Partial<SqlTables & DocumentTables> | undefined | null;
  if (typeof given?.kysely?.schema?.createTable === 'function' && typeof given.columns === 'object') return;
  if (typeof given?.collection === 'function') return;
  throw messagingErrors.invalid_options(
    `${what} takes what a migration on a SQL database or on MongoDB is given; got ${kindOf(native)}.`,
  );
}

function isSql(native: SqlTables | DocumentTables): native is SqlTables {
  return 'kysely' in native;
}

/** A collection is there with its first index. */
async function create(native: SqlTables | DocumentTables, { name, fields }: StoredEntity): Promise<void> {
  if (!isSql(native)) return;
  const { kysely, columns } = native;
  let table = kysely.schema.createTable(name);
  for (const field of fields.values()) {
    table = table.addColumn(field.name, columns[KEYS.has(field.name) ? 'id' : field.type], (column: SqlColumn) => {
      if (field.name === 'id') return column.primaryKey().notNull();
      return field.nullable ? column : column.notNull();
    });
  }
  await table.execute();
}

async function index(
  native: SqlTables | DocumentTables,
  { name }: StoredEntity,
  what: string,
  fields: string[],
): Promise<void> {
  const called = `${name}_${what}`;
  if (isSql(native)) {
    await native.kysely.schema.createIndex(called).on(name).columns(fields).execute();
    return;
  }
  const keys = fields.map((field) => [field === 'id' ? '_id' : field, 1] as const);
  await native.collection(name).createIndex(Object.fromEntries(keys), { name: called });
}

async function drop(native: SqlTables | DocumentTables, { name }: StoredEntity): Promise<void> {
  if (isSql(native)) await native.kysely.schema.dropTable(name).execute();
  else await native.collection(name).drop();
}
