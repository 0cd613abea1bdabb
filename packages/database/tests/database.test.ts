import { createMigrator, defineEntity, defineMigrations, isUniqueViolation } from '@ent/database';
import { openDatabase } from '@ent/database/open';
import type { SqlNative } from '@ent/database/sql';
import { describe, expect, it } from 'vitest';

const users = defineEntity({
  name: 'users',
  fields: { id: 'string', email: 'string', createdAt: 'date', version: 'int' },
  unique: [['email']],
  createdAt: 'createdAt',
  version: 'version',
});

const migrations = defineMigrations<SqlNative>([
  {
    name: '0001_users',
    up: ({ kysely, columns }) =>
      kysely.schema
        .createTable('users')
        .addColumn('id', columns.id, (column) => column.primaryKey())
        .addColumn('email', columns.string, (column) => column.notNull().unique())
        .addColumn('createdAt', columns.date, (column) => column.notNull())
        .addColumn('version', columns.int, (column) => column.notNull())
        .execute(),
  },
]);

describe('a database', () => {
  it('is opened by URL, migrated, and used through a repository in a transaction', async () => {
    const db = await openDatabase('sqlite::memory:');
    expect(await createMigrator(db, migrations).up()).toEqual(['0001_users']);
    const repo = db.repo(users);
    const ann = await repo.insert({ email: 'ann@example.org' });
    expect(await repo.get(ann.id)).toEqual(ann);
    await expect(
      db.transaction(async () => {
        await repo.insert({ email: 'bob@example.org' });
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await repo.count()).toBe(1);
    const refused = await repo.insert({ email: 'ann@example.org' }).catch((error: unknown) => error);
    expect(isUniqueViolation(refused, 'email')).toBe(true);
    await db.close();
  });
});
