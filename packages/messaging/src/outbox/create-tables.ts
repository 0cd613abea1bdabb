import { kindOf, refuseUnknown } from '@ent/internal';
import { messagingErrors } from '../errors.ts';
import { inboxEntity, outboxEntities, type StoredEntity, type TableOptions } from './tables.ts';

/** What a migration gets on a SQL database: the smallest part of `SqlNative` of `@ent/database/sql`. */
export interface SqlTables {
  readonly kysely: { readonly schema: SqlSchema };
  /** The column type of each type of field; `id` is short text that can be a key. */
  readonly columns: Readonly<Record<'id' | 'string' | 'int' | 'date' | 'json' | 'bytes' | 'boolean', unknown>>;
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
 * Creates the tables of an outbox, in a migration of yours. What it does never changes, as that of an applied
 * migration must not.
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
export async function createOutboxTables(native: SqlTables, options: TableOptions = {}): Promise<void> {
  demandTables(native, options, 'createOutboxTables');
  const { messages, marks } = outboxEntities(options.table);
  await create(native, messages);
  await create(native, marks);
  await index(native, messages, 'due', ['dueAt', 'id']);
  await index(native, messages, 'key', ['orderKey', 'position']);
}

/** Removes what {@link createOutboxTables} has created, with all that is in it. */
export async function dropOutboxTables(native: SqlTables, options: TableOptions = {}): Promise<void> {
  demandTables(native, options, 'dropOutboxTables');
  const { messages, marks } = outboxEntities(options.table);
  for (const { name } of [messages, marks]) await native.kysely.schema.dropTable(name).execute();
}

/** Creates the table of an inbox, in a migration of yours; see {@link createOutboxTables}. */
export async function createInboxTable(native: SqlTables, options: TableOptions = {}): Promise<void> {
  demandTables(native, options, 'createInboxTable');
  const seen = inboxEntity(options.table);
  await create(native, seen);
  await index(native, seen, 'at', ['at']);
}

/** Removes what {@link createInboxTable} has created. */
export async function dropInboxTable(native: SqlTables, options: TableOptions = {}): Promise<void> {
  demandTables(native, options, 'dropInboxTable');
  await native.kysely.schema.dropTable(inboxEntity(options.table).name).execute();
}

function demandTables(native: SqlTables, options: TableOptions, what: string): void {
  refuseUnknown(options, { table: true }, what, messagingErrors.invalid_options);
  const given = native as Partial<SqlTables> | undefined | null;
  if (typeof given?.kysely?.schema?.createTable === 'function' && typeof given.columns === 'object') return;
  throw messagingErrors.invalid_options(
    `${what} takes what a migration on a SQL database is given; got ${kindOf(native)}.`,
  );
}

async function create({ kysely, columns }: SqlTables, { name, fields }: StoredEntity): Promise<void> {
  let table = kysely.schema.createTable(name);
  for (const field of fields.values()) {
    table = table.addColumn(field.name, columns[KEYS.has(field.name) ? 'id' : field.type], (column: SqlColumn) => {
      if (field.name === 'id') return column.primaryKey().notNull();
      return field.nullable ? column : column.notNull();
    });
  }
  await table.execute();
}

async function index({ kysely }: SqlTables, { name }: StoredEntity, what: string, columns: string[]): Promise<void> {
  await kysely.schema.createIndex(`${name}_${what}`).on(name).columns(columns).execute();
}
