import { type CreateTableBuilder, sql } from 'kysely';
import type { EntityModel } from '../../entity.ts';
import { compilerOf, type SqlDialect } from './dialect.ts';

/** CREATE TABLE IF NOT EXISTS for an entity, and what makes its unique keys. */
export function tableOf(dialect: SqlDialect, { name, fields, unique, deletedAt }: EntityModel): string[] {
  const { schema } = compilerOf(dialect);
  let table: CreateTableBuilder<string, string> = schema.createTable(name).ifNotExists();
  for (const field of fields.values()) {
    const isKey = field.name === 'id' || unique.some((key) => key.includes(field.name));
    const type = isKey && field.type === 'string' ? dialect.columns.id : dialect.columns[field.type];
    table = table.addColumn(field.name, type, (column) => {
      if (field.name === 'id') return column.primaryKey().notNull();
      return field.nullable ? column : column.notNull();
    });
  }
  const nameOf = (key: readonly string[]): string => `${name}_${key.join('_')}_key`;
  if (deletedAt === undefined) {
    for (const key of unique) table = table.addUniqueConstraint(nameOf(key), [...key]);
    return [table.compile().sql];
  }
  // Over the rows that are there: a key is free again when its row is deleted.
  const indexes = unique.map((key) =>
    schema
      .createIndex(nameOf(key))
      .ifNotExists()
      .unique()
      .on(name)
      .columns([...key])
      .where(sql.ref(deletedAt), 'is', null),
  );
  return [table, ...indexes].map((statement) => statement.compile().sql);
}
