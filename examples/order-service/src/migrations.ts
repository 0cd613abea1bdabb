import { createMigrator, type Database, defineMigrations, type Migrator } from '@ent/database';
import type { SqlNative } from '@ent/database/sql';
import { createInboxTable, dropInboxTable } from '@ent/messaging/inbox';
import { createOutboxTables, dropOutboxTables } from '@ent/messaging/outbox';

/** Brings the database up to date. */
export function migratorOf(db: Database<SqlNative>): Migrator {
  return createMigrator(db, migrations);
}

/** The history of the schema. What has been released does not change: a correction is a migration of its own. */
const migrations = defineMigrations<SqlNative>([
  {
    name: '0001_orders',
    async up({ kysely, columns }) {
      await kysely.schema
        .createTable('orders')
        .addColumn('id', columns.id, (column) => column.primaryKey())
        .addColumn('customerId', columns.id, (column) => column.notNull())
        .addColumn('requestKey', columns.id, (column) => column.unique())
        .addColumn('lines', columns.json, (column) => column.notNull())
        .addColumn('total', columns.decimal, (column) => column.notNull())
        .addColumn('card', columns.string, (column) => column.notNull())
        .addColumn('state', columns.id, (column) => column.notNull())
        .addColumn('dueAt', columns.date)
        .addColumn('createdAt', columns.date, (column) => column.notNull())
        .addColumn('updatedAt', columns.date, (column) => column.notNull())
        .addColumn('version', columns.int, (column) => column.notNull())
        .execute();
      await kysely.schema.createIndex('orders_due').on('orders').columns(['dueAt', 'id']).execute();
      await kysely.schema
        .createTable('order_events')
        .addColumn('orderId', columns.id, (column) => column.notNull())
        .addColumn('version', columns.int, (column) => column.notNull())
        .addColumn('event', columns.id, (column) => column.notNull())
        .addColumn('state', columns.id, (column) => column.notNull())
        .addColumn('placed', columns.json)
        .addColumn('at', columns.date, (column) => column.notNull())
        .addPrimaryKeyConstraint('order_events_key', ['orderId', 'version'])
        .execute();
    },
    async down({ kysely }) {
      await kysely.schema.dropTable('order_events').execute();
      await kysely.schema.dropTable('orders').execute();
    },
  },
  {
    name: '0002_stock',
    async up({ kysely, columns }) {
      await kysely.schema
        .createTable('products')
        .addColumn('id', columns.id, (column) => column.primaryKey())
        .addColumn('name', columns.id, (column) => column.notNull())
        .addColumn('price', columns.decimal, (column) => column.notNull())
        .addColumn('available', columns.int, (column) => column.notNull())
        .execute();
      await kysely.schema
        .createTable('reservations')
        .addColumn('id', columns.id, (column) => column.primaryKey())
        .addColumn('lines', columns.json, (column) => column.notNull())
        .addColumn('state', columns.id, (column) => column.notNull())
        .addColumn('createdAt', columns.date, (column) => column.notNull())
        .execute();
    },
    async down({ kysely }) {
      await kysely.schema.dropTable('reservations').execute();
      await kysely.schema.dropTable('products').execute();
    },
  },
  {
    name: '0003_views',
    async up({ kysely, columns }) {
      await kysely.schema
        .createTable('order_views')
        .addColumn('id', columns.id, (column) => column.primaryKey())
        .addColumn('customerId', columns.id, (column) => column.notNull())
        .addColumn('lines', columns.json, (column) => column.notNull())
        .addColumn('cents', columns.bigint, (column) => column.notNull())
        .addColumn('state', columns.id, (column) => column.notNull())
        .addColumn('placedAt', columns.date, (column) => column.notNull())
        .addColumn('seen', columns.int, (column) => column.notNull())
        .execute();
      await kysely.schema
        .createIndex('order_views_customer')
        .on('order_views')
        .columns(['customerId', 'placedAt', 'id'])
        .execute();
      await kysely.schema
        .createTable('sales')
        .addColumn('id', columns.id, (column) => column.primaryKey())
        .addColumn('pieces', columns.int, (column) => column.notNull())
        .execute();
    },
    async down({ kysely }) {
      await kysely.schema.dropTable('sales').execute();
      await kysely.schema.dropTable('order_views').execute();
    },
  },
  { name: '0004_outbox', up: (native) => createOutboxTables(native), down: (native) => dropOutboxTables(native) },
  { name: '0005_inbox', up: (native) => createInboxTable(native), down: (native) => dropInboxTable(native) },
]);
