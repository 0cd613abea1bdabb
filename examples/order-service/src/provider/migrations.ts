import { defineMigrations } from '@ent/database';
import type { SqlNative } from '@ent/database/sql';

export const migrations = defineMigrations<SqlNative>([
  {
    name: '0001_payments',
    up: ({ kysely, columns }) =>
      kysely.schema
        .createTable('payments')
        .addColumn('id', columns.id, (column) => column.primaryKey())
        .addColumn('amount', columns.decimal, (column) => column.notNull())
        .addColumn('card', columns.string, (column) => column.notNull())
        .addColumn('status', columns.id, (column) => column.notNull())
        .addColumn('createdAt', columns.date, (column) => column.notNull())
        .execute(),
    down: ({ kysely }) => kysely.schema.dropTable('payments').execute(),
  },
]);
