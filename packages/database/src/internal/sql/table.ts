import { type ColumnDefinitionBuilder, type CreateTableBuilder, sql } from 'kysely';
import type { EntityField, EntityModel } from '../../entity.ts';
import { compilerOf, type SqlDialect, storageOf } from './dialect.ts';

/** CREATE TABLE IF NOT EXISTS for an entity, and what makes its unique keys. */
export function tableOf(dialect: SqlDialect, entity: EntityModel): string[] {
  const { table: name, fields, id, unique, deletedAt } = entity;
  const { schema } = compilerOf(dialect);
  const columnOf = (field: string): string => (fields.get(field) as EntityField).column;
  const [only] = id.length === 1 ? id : [];
  let table: CreateTableBuilder<string, string> = schema.createTable(name).ifNotExists();
  for (const field of fields.values()) {
    const isKey = [id, ...unique].some((key) => key.includes(field.name));
    const { column: stored } = storageOf(dialect, field);
    // Of a key, where the database has no type of its own for it: text that is short enough for an index.
    const type = isKey && stored === dialect.columns.string ? dialect.columns.id : stored;
    table = table.addColumn(field.column, type, (column) => {
      if (field.name === only) return counted(dialect, field, column).primaryKey().notNull();
      return field.nullable ? column : column.notNull();
    });
  }
  if (only === undefined) table = table.addPrimaryKeyConstraint(`${last(name)}_pkey`, id.map(columnOf));
  const nameOf = (key: readonly string[]): string => `${last(name)}_${key.map(columnOf).join('_')}_key`;
  if (deletedAt === undefined) {
    for (const key of unique) table = table.addUniqueConstraint(nameOf(key), key.map(columnOf));
    return [table.compile().sql];
  }
  if (dialect.partialIndexes === false && unique.length > 0) {
    // Null in rows that are deleted, and a unique key takes any number of nulls.
    const live = sql`tinyint generated always as (if(${sql.ref(columnOf(deletedAt))} is null, 1, null)) virtual`;
    table = table.addColumn(LIVE, live);
    for (const key of unique) table = table.addUniqueConstraint(nameOf(key), [...key.map(columnOf), LIVE]);
    return [table.compile().sql];
  }
  // Over the rows that are there: a key is free again when its row is deleted.
  const indexes = unique.map((key) =>
    schema
      .createIndex(nameOf(key))
      .ifNotExists()
      .unique()
      .on(name)
      .columns(key.map(columnOf))
      .where(sql.ref(columnOf(deletedAt)), 'is', null),
  );
  return [table, ...indexes].map((statement) => statement.compile().sql);
}

function counted(
  dialect: SqlDialect,
  { type, generated }: EntityField,
  column: ColumnDefinitionBuilder,
): ColumnDefinitionBuilder {
  if (!generated || (type !== 'int' && type !== 'bigint')) return column;
  return dialect.identity?.(column) ?? column.autoIncrement();
}

/** The table without its schema. */
function last(table: string): string {
  return table.slice(table.indexOf('.') + 1);
}

/** The column by which unique keys tell rows that are there, on databases without partial indexes. */
const LIVE = 'ent_live';
