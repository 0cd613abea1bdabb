import { asc, eq, gt, sql } from 'drizzle-orm';
import { drizzle as onSqlite } from 'drizzle-orm/better-sqlite3';
import { bigint as mysqlBigint, customType, datetime, mysqlTable, text as mysqlText } from 'drizzle-orm/mysql-core';
import { drizzle as onMysql } from 'drizzle-orm/mysql2';
import { drizzle as onPostgres } from 'drizzle-orm/node-postgres';
import { bigint, json, pgTable, text as pgText, timestamp } from 'drizzle-orm/pg-core';
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { createPool } from 'mysql2/promise';
import { Pool } from 'pg';
import { CALLERS, type Subject } from '../work.ts';
import { open } from './raw-sqlite.ts';

const sqliteUsers = sqliteTable('users', {
  id: text().primaryKey(),
  email: text().notNull(),
  name: text().notNull(),
  roles: text({ mode: 'json' }).$type<readonly string[]>().notNull(),
  createdAt: integer({ mode: 'timestamp_ms' }).notNull(),
  version: integer().notNull(),
});
const pgUsers = pgTable('users', {
  id: pgText().primaryKey(),
  email: pgText().notNull(),
  name: pgText().notNull(),
  roles: json().$type<readonly string[]>().notNull(),
  createdAt: timestamp({ withTimezone: true, precision: 3 }).notNull(),
  version: bigint({ mode: 'number' }).notNull(),
});

// Its `json` leaves what MariaDB stores of one, a text, as it is.
const jsonText = customType<{ data: readonly string[]; driverData: string }>({
  dataType: () => 'longtext',
  toDriver: (value) => JSON.stringify(value),
  fromDriver: (stored) => JSON.parse(stored) as string[],
});
const mysqlUsers = mysqlTable('users', {
  id: mysqlText().primaryKey(),
  email: mysqlText().notNull(),
  name: mysqlText().notNull(),
  roles: jsonText().notNull(),
  createdAt: datetime({ mode: 'date', fsp: 3 }).notNull(),
  version: mysqlBigint({ mode: 'number' }).notNull(),
});

/** Synchronous, as its driver of better-sqlite3 is. */
export function drizzleSqlite(file: string): Subject {
  const connection = open(file);
  const db = onSqlite({ client: connection });
  const users = sqliteUsers;
  const renamed = (name: string) => ({ name, version: sql`${users.version} + 1` });
  return {
    get: (id) => db.select().from(users).where(eq(users.id, id)).get(),
    find: (after, limit) =>
      db.select().from(users).where(gt(users.id, after)).orderBy(asc(users.id)).limit(limit).all(),
    insert: (user) => db.insert(users).values(user).run(),
    insertMany: (many) =>
      db
        .insert(users)
        .values([...many])
        .run(),
    rename: (id, name) => db.update(users).set(renamed(name)).where(eq(users.id, id)).returning().get(),
    upsert: (user) =>
      db
        .insert(users)
        .values(user)
        .onConflictDoUpdate({ target: users.email, set: renamed(user.name) })
        .returning()
        .get(),
    transaction: (read, user, other) =>
      db.transaction((tx) => {
        tx.select().from(users).where(eq(users.id, read)).get();
        tx.insert(users).values(user).run();
        tx.update(users).set(renamed('Bob')).where(eq(users.id, other)).returning().get();
      }),
    close: () => connection.close(),
  };
}

export function drizzlePostgres(url: string): Subject {
  const pool = new Pool({ connectionString: url, max: CALLERS });
  const db = onPostgres({ client: pool });
  const users = pgUsers;
  const renamed = (name: string) => ({ name, version: sql`${users.version} + 1` });
  // A query of Drizzle begins when it is awaited.
  return {
    get: async (id) => await db.select().from(users).where(eq(users.id, id)),
    find: async (after, limit) =>
      await db.select().from(users).where(gt(users.id, after)).orderBy(asc(users.id)).limit(limit),
    insert: async (user) => await db.insert(users).values(user),
    insertMany: async (many) => await db.insert(users).values([...many]),
    rename: async (id, name) => await db.update(users).set(renamed(name)).where(eq(users.id, id)).returning(),
    upsert: async (user) =>
      await db
        .insert(users)
        .values(user)
        .onConflictDoUpdate({ target: users.email, set: renamed(user.name) })
        .returning(),
    transaction: (read, user, other) =>
      db.transaction(async (tx) => {
        await tx.select().from(users).where(eq(users.id, read));
        await tx.insert(users).values(user);
        await tx.update(users).set(renamed('Bob')).where(eq(users.id, other)).returning();
      }),
    close: () => pool.end(),
  };
}

/** What is stored is read afterwards, as without RETURNING. */
export function drizzleMysql(url: string): Subject {
  const pool = createPool({ uri: url, timezone: 'Z', connectionLimit: CALLERS });
  const db = onMysql({ client: pool });
  const users = mysqlUsers;
  type On = Pick<typeof db, 'select' | 'update'>;
  const renamed = (name: string) => ({ name, version: sql`${users.version} + 1` });
  const get = async (on: On, id: string) => await on.select().from(users).where(eq(users.id, id));
  const rename = async (on: On, id: string, name: string) => {
    await on.update(users).set(renamed(name)).where(eq(users.id, id));
    return get(on, id);
  };
  return {
    get: (id) => get(db, id),
    find: async (after, limit) =>
      await db.select().from(users).where(gt(users.id, after)).orderBy(asc(users.id)).limit(limit),
    insert: async (user) => await db.insert(users).values(user),
    insertMany: async (many) => await db.insert(users).values([...many]),
    rename: (id, name) => rename(db, id, name),
    async upsert(user) {
      await db
        .insert(users)
        .values(user)
        .onDuplicateKeyUpdate({ set: renamed(user.name) });
      return await db.select().from(users).where(eq(users.email, user.email));
    },
    transaction: (read, user, other) =>
      db.transaction(async (tx) => {
        await get(tx, read);
        await tx.insert(users).values(user);
        await rename(tx, other, 'Bob');
      }),
    close: () => pool.end(),
  };
}
