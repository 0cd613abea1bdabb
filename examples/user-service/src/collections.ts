import { defineMigrations } from '@ent/database';
import type { MongodbNative } from '@ent/database/mongodb';
import { createOutboxTables, dropOutboxTables } from '@ent/messaging/outbox';

/**
 * The history of the collections on MongoDB, as `migrations.ts` is that of the tables. Each step can be done again: one
 * whose process was killed is.
 */
export const collections = defineMigrations<MongodbNative>([
  {
    name: '0001_users',
    async up(native) {
      await native.collection('users').createIndex({ emailKey: 1 }, { unique: true, name: 'users_emailKey_key' });
      // The orders in which users are listed; the id makes each total.
      for (const field of ['createdAt', 'email', 'name']) {
        await native.collection('users').createIndex({ [field]: 1, _id: 1 }, { name: `users_${field}` });
      }
    },
    down: (native) => native.collection('users').drop(),
  },
  {
    name: '0002_sessions',
    async up(native) {
      await native.collection('sessions').createIndex({ subject: 1 }, { name: 'sessions_subject' });
      await native.collection('sessions').createIndex({ expiresAt: 1 }, { name: 'sessions_expires' });
      await native.collection('refresh_tokens').createIndex({ expiresAt: 1 }, { name: 'refresh_tokens_expires' });
    },
    async down(native) {
      await native.collection('refresh_tokens').drop();
      await native.collection('sessions').drop();
    },
  },
  {
    name: '0003_outbox',
    up: (native) => createOutboxTables(native),
    down: (native) => dropOutboxTables(native),
  },
  {
    name: '0004_mailed_tokens',
    async up(native) {
      for (const field of ['subject', 'expiresAt']) {
        const name = `single_use_tokens_${field}`;
        await native.collection('single_use_tokens').createIndex({ [field]: 1 }, { name });
      }
    },
    async down(native) {
      // Which may never have been made.
      await native.collection('verified_addresses').deleteMany({});
      await native.collection('single_use_tokens').drop();
    },
  },
  {
    name: '0005_login_attempts',
    async up(native) {
      await native.collection('login_attempts').createIndex({ expiresAt: 1 }, { name: 'login_attempts_expiresAt' });
    },
    down: (native) => native.collection('login_attempts').drop(),
  },
  {
    name: '0006_registration_keys',
    async up(native) {
      await native
        .collection('registration_keys')
        .createIndex({ expiresAt: 1 }, { name: 'registration_keys_expiresAt' });
    },
    down: (native) => native.collection('registration_keys').drop(),
  },
]);
