import { createMigrator, type Database, defineMigrations, type Migrator } from '@ent/database';
import type { MongodbNative } from '@ent/database/mongodb';
import type { SqlNative } from '@ent/database/sql';
import { createOutboxTables, dropOutboxTables } from '@ent/messaging/outbox';
import { collections } from './collections.ts';

/** Brings the database up to date, whichever it is. */
export function migratorOf(db: Database): Migrator {
  if (db.driver.name === 'mongodb') return createMigrator(db as Database<MongodbNative>, collections);
  return createMigrator(db as Database<SqlNative>, migrations);
}

/** The history of the schema. What has been released does not change: a correction is a migration of its own. */
const migrations = defineMigrations<SqlNative>([
  {
    name: '0001_users',
    async up({ kysely, columns }) {
      await kysely.schema
        .createTable('users')
        .addColumn('id', columns.id, (column) => column.primaryKey())
        // Short, since they are in keys.
        .addColumn('email', columns.id, (column) => column.notNull())
        .addColumn('emailKey', columns.id, (column) => column.notNull().unique())
        .addColumn('name', columns.id, (column) => column.notNull())
        .addColumn('passwordHash', columns.string, (column) => column.notNull())
        .addColumn('roles', columns.json, (column) => column.notNull())
        .addColumn('createdAt', columns.date, (column) => column.notNull())
        .addColumn('updatedAt', columns.date, (column) => column.notNull())
        .addColumn('version', columns.int, (column) => column.notNull())
        .execute();
      // The orders in which users are listed; `id` makes each total.
      for (const field of ['createdAt', 'email', 'name']) {
        await kysely.schema.createIndex(`users_${field}`).on('users').columns([field, 'id']).execute();
      }
    },
    down: ({ kysely }) => kysely.schema.dropTable('users').execute(),
  },
  {
    name: '0002_sessions',
    async up({ kysely, columns }) {
      await kysely.schema
        .createTable('sessions')
        .addColumn('id', columns.id, (column) => column.primaryKey())
        .addColumn('subject', columns.id, (column) => column.notNull())
        .addColumn('createdAt', columns.date, (column) => column.notNull())
        .addColumn('lastUsedAt', columns.date, (column) => column.notNull())
        .addColumn('expiresAt', columns.date, (column) => column.notNull())
        .addColumn('revokedAt', columns.date)
        .addColumn('revokedReason', columns.string)
        .addColumn('amr', columns.string, (column) => column.notNull())
        .addColumn('userAgent', columns.string)
        .addColumn('address', columns.string)
        .execute();
      await kysely.schema
        .createTable('refresh_tokens')
        .addColumn('id', columns.id, (column) => column.primaryKey())
        .addColumn('sessionId', columns.id, (column) => column.notNull())
        .addColumn('nonce', columns.string, (column) => column.notNull())
        .addColumn('createdAt', columns.date, (column) => column.notNull())
        .addColumn('expiresAt', columns.date, (column) => column.notNull())
        .addColumn('spentAt', columns.date)
        .addColumn('successorId', columns.string)
        .execute();
      await kysely.schema.createIndex('sessions_subject').on('sessions').column('subject').execute();
      await kysely.schema.createIndex('sessions_expires').on('sessions').column('expiresAt').execute();
      await kysely.schema.createIndex('refresh_tokens_expires').on('refresh_tokens').column('expiresAt').execute();
    },
    async down({ kysely }) {
      await kysely.schema.dropTable('refresh_tokens').execute();
      await kysely.schema.dropTable('sessions').execute();
    },
  },
  {
    name: '0003_administrators',
    async up({ kysely, columns }) {
      await kysely.schema
        .createTable('administrators')
        .addColumn('id', columns.id, (column) => column.primaryKey())
        .addColumn('userIds', columns.json, (column) => column.notNull())
        .addColumn('version', columns.int, (column) => column.notNull())
        .execute();
    },
    down: ({ kysely }) => kysely.schema.dropTable('administrators').execute(),
  },
  {
    name: '0004_outbox',
    up: (native) => createOutboxTables(native),
    down: (native) => dropOutboxTables(native),
  },
  {
    name: '0005_mailed_tokens',
    async up({ kysely, columns }) {
      await kysely.schema
        .createTable('single_use_tokens')
        .addColumn('id', columns.id, (column) => column.primaryKey())
        .addColumn('purpose', columns.id, (column) => column.notNull())
        .addColumn('subject', columns.id, (column) => column.notNull())
        .addColumn('data', columns.string)
        .addColumn('createdAt', columns.date, (column) => column.notNull())
        .addColumn('expiresAt', columns.date, (column) => column.notNull())
        .addColumn('consumedAt', columns.date)
        .execute();
      for (const field of ['subject', 'expiresAt']) {
        await kysely.schema.createIndex(`single_use_tokens_${field}`).on('single_use_tokens').column(field).execute();
      }
      await kysely.schema
        .createTable('verified_addresses')
        .addColumn('id', columns.id, (column) => column.primaryKey())
        .addColumn('emailKey', columns.id, (column) => column.notNull())
        .addColumn('verifiedAt', columns.date, (column) => column.notNull())
        .execute();
    },
    async down({ kysely }) {
      await kysely.schema.dropTable('verified_addresses').execute();
      await kysely.schema.dropTable('single_use_tokens').execute();
    },
  },
  {
    name: '0006_session_keys',
    up: ({ kysely, columns }) => kysely.schema.alterTable('sessions').addColumn('jkt', columns.string).execute(),
    down: ({ kysely }) => kysely.schema.alterTable('sessions').dropColumn('jkt').execute(),
  },
  {
    name: '0007_second_factors',
    async up({ kysely, columns }) {
      await kysely.schema
        .createTable('second_factors')
        .addColumn('id', columns.id, (column) => column.primaryKey())
        .addColumn('revision', columns.int, (column) => column.notNull())
        .addColumn('secret', columns.string, (column) => column.notNull())
        .addColumn('createdAt', columns.date, (column) => column.notNull())
        .addColumn('confirmedAt', columns.date)
        .addColumn('lastStep', columns.int, (column) => column.notNull())
        .addColumn('recoveryCodes', columns.string, (column) => column.notNull())
        .execute();
    },
    down: ({ kysely }) => kysely.schema.dropTable('second_factors').execute(),
  },
  {
    name: '0008_login_attempts',
    async up({ kysely, columns }) {
      await kysely.schema
        .createTable('login_attempts')
        .addColumn('id', columns.id, (column) => column.primaryKey())
        .addColumn('arrival', columns.id, (column) => column.notNull())
        .addColumn('expiresAt', columns.date, (column) => column.notNull())
        .execute();
      await kysely.schema.createIndex('login_attempts_expiresAt').on('login_attempts').column('expiresAt').execute();
    },
    down: ({ kysely }) => kysely.schema.dropTable('login_attempts').execute(),
  },
  {
    name: '0009_registration_keys',
    async up({ kysely, columns }) {
      await kysely.schema
        .createTable('registration_keys')
        .addColumn('id', columns.id, (column) => column.primaryKey())
        .addColumn('record', columns.string, (column) => column.notNull())
        .addColumn('digest', columns.id, (column) => column.notNull())
        .addColumn('expiresAt', columns.date, (column) => column.notNull())
        .execute();
      const index = kysely.schema.createIndex('registration_keys_expiresAt');
      await index.on('registration_keys').column('expiresAt').execute();
    },
    down: ({ kysely }) => kysely.schema.dropTable('registration_keys').execute(),
  },
]);
