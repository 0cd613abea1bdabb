import type { Dialect, Insertable } from 'kysely';
import { Kysely } from 'kysely';
import type { Subject, User } from '../work.ts';

/** A row as the columns have it. */
export interface Stored extends Omit<User, 'roles' | 'createdAt'> {
  readonly roles: unknown;
  readonly createdAt: unknown;
}

/** How one database's columns hold roles and a time. */
export interface Columns {
  readonly encodeDate: (date: Date) => unknown;
  /** Absent where the client gives what the application wants. */
  readonly decode?: (row: never) => User;
}

export function kysely(dialect: Dialect, columns: Columns): Subject {
  return kyselyOn(new Kysely<{ users: Stored }>({ dialect }), columns);
}

/** On a Kysely that is there, such as `db.native.kysely`; closing is left to who has made it. */
export function kyselyOn(db: Kysely<{ users: Stored }>, { encodeDate, decode }: Columns): Subject {
  const read = (decode ?? ((row: unknown) => row)) as (row: Stored) => User;
  const write = (user: User): Insertable<Stored> => ({
    ...user,
    roles: JSON.stringify(user.roles),
    createdAt: encodeDate(user.createdAt),
  });
  const get = (on: Kysely<{ users: Stored }>, id: string) =>
    on.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
  const insert = (on: Kysely<{ users: Stored }>, users: readonly User[]) =>
    on.insertInto('users').values(users.map(write)).execute();
  const rename = (on: Kysely<{ users: Stored }>, id: string, name: string) =>
    on
      .updateTable('users')
      .set((eb) => ({ name, version: eb('version', '+', 1) }))
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow();
  return {
    get: async (id) => read(await get(db, id)),
    find: async (after, limit) =>
      (await db.selectFrom('users').selectAll().where('id', '>', after).orderBy('id').limit(limit).execute()).map(read),
    insert: (user) => insert(db, [user]),
    insertMany: (users) => insert(db, users),
    rename: async (id, name) => read(await rename(db, id, name)),
    upsert: async (user) =>
      read(
        await db
          .insertInto('users')
          .values(write(user))
          .onConflict((oc) =>
            oc.column('email').doUpdateSet((eb) => ({ name: user.name, version: eb('users.version', '+', 1) })),
          )
          .returningAll()
          .executeTakeFirstOrThrow(),
      ),
    transaction: (id, user, renamed) =>
      db.transaction().execute(async (trx) => {
        read(await get(trx, id));
        await insert(trx, [user]);
        read(await rename(trx, renamed, 'Bob'));
      }),
    close: () => db.destroy(),
  };
}
