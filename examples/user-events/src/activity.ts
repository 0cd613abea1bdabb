import { type Database, defineEntity, defineMigrations } from '@ent/database';
import type { SqlNative } from '@ent/database/sql';
import { createInboxTable, dropInboxTable } from '@ent/messaging/inbox';

/** What happened to each user, as far as events tell. */
export const activity = defineEntity({
  name: 'activity',
  fields: {
    /** Of the user. */
    id: 'string',
    /** How many events told of the user: a number that a duplicate would make wrong. */
    events: 'int',
    /** The latest version that was told of. */
    version: 'int',
    isDeleted: 'boolean',
  },
});

export const migrations = defineMigrations<SqlNative>([
  {
    name: '0001_activity',
    up: ({ kysely, columns }) =>
      kysely.schema
        .createTable('activity')
        .addColumn('id', columns.id, (column) => column.primaryKey())
        .addColumn('events', columns.int, (column) => column.notNull())
        .addColumn('version', columns.int, (column) => column.notNull())
        .addColumn('isDeleted', columns.boolean, (column) => column.notNull())
        .execute(),
    down: ({ kysely }) => kysely.schema.dropTable('activity').execute(),
  },
  { name: '0002_inbox', up: (native) => createInboxTable(native), down: (native) => dropInboxTable(native) },
]);

/** Keeps {@link activity}. Topics are handled side by side, so a user's events may come in any order. */
export function createActivity(db: Database) {
  const stored = db.repo(activity);
  return {
    async apply(type: string, { userId, version }: { userId: string; version: number }): Promise<void> {
      const isDeleted = type === 'user.deleted';
      await stored.upsert(['id'], { id: userId, events: 1, version, isDeleted }, { inc: { events: 1 } });
      await stored.updateMany({ set: { version } }, { where: { id: userId, version: { lt: version } } });
      if (isDeleted) await stored.updateMany({ set: { isDeleted } }, { where: { id: userId } });
    },
  };
}
