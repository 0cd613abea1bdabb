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
export async function createOutboxTables(native: SqlTables, { table }: TableOptions = {}): Promise<void> {
  const { messages, marks } = outboxEntities(table);
  await create(native, messages);
  await create(native, marks);
  await index(native, messages, 'due', ['dueAt', 'id']);
  await index(native, messages, 'key', ['orderKey', 'position']);
}

/** Removes what {@link createOutboxTables} has created, with all that is in it. */
export async function dropOutboxTables({ kysely }: SqlTables, { table }: TableOptions = {}): Promise<void> {
  const { messages, marks } = outboxEntities(table);
  for (const { name } of [messages, marks]) await kysely.schema.dropTable(name).execute();
}

/** Creates the table of an inbox, in a migration of yours; see {@link createOutboxTables}. */
export async function createInboxTable(native: SqlTables, { table }: TableOptions = {}): Promise<void> {
  const seen = inboxEntity(table);
  await create(native, seen);
  await index(native, seen, 'at', ['at']);
}

/** Removes what {@link createInboxTable} has created. */
export async function dropInboxTable({ kysely }: SqlTables, { table }: TableOptions = {}): Promise<void> {
  await kysely.schema.dropTable(inboxEntity(table).name).execute();
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
