import type { EntityModel } from '../../entity.ts';
import { compilerOf, type SqlDialect } from './dialect.ts';

/** CREATE TABLE IF NOT EXISTS for an entity of ours. */
export function ledgerTable(dialect: SqlDialect, { name, fields }: EntityModel): string {
  let table = compilerOf(dialect).schema.createTable(name).ifNotExists();
  for (const field of fields.values()) {
    const type = field.name === 'id' ? dialect.columns.id : dialect.columns[field.type];
    table = table.addColumn(field.name, type, (column) => {
      if (field.name === 'id') return column.primaryKey().notNull();
      return field.nullable ? column : column.notNull();
    });
  }
  return table.compile().sql;
}
