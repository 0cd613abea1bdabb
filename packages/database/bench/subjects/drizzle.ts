import { asc, eq, gt, sql } from 'drizzle-orm';
import { drizzle as onSqlite } from 'drizzle-orm/better-sqlite3';
import { drizzle as onPostgres } from 'drizzle-orm/node-postgres';
import { bigint, json, pgTable, text as pgText, timestamp } from 'drizzle-orm/pg-core';
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
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
