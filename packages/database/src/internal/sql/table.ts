import type { CreateTableBuilder } from 'kysely';
import type { EntityModel } from '../../entity.ts';
import { compilerOf, type SqlDialect } from './dialect.ts';

/** CREATE TABLE IF NOT EXISTS for an entity, with its unique keys. */
export function tableOf(dialect: SqlDialect, { name, fields, unique }: EntityModel): string {
  let table: CreateTableBuilder<string, string> = compilerOf(dialect).schema.createTable(name).ifNotExists();
  for (const field of fields.values()) {
    const isKey = field.name === 'id' || unique.some((key) => key.includes(field.name));
    const type = isKey && field.type === 'string' ? dialect.columns.id : dialect.columns[field.type];
    table = table.addColumn(field.name, type, (column) => {
      if (field.name === 'id') return column.primaryKey().notNull();
      return field.nullable ? column : column.notNull();
    });
  }
  for (const key of unique) table = table.addUniqueConstraint(`${name}_${key.join('_')}_key`, [...key]);
  return table.compile().sql;
}
