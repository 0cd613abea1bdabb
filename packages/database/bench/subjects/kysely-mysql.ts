import { Kysely, MysqlDialect, type Transaction } from 'kysely';
import { createPool } from 'mysql2';
import { CALLERS, type Subject, type User } from '../work.ts';
import type { Stored } from './kysely.ts';

interface Tables {
  users: Stored;
}

const read = (row: Stored): User => ({ ...row, roles: JSON.parse(row.roles as string) as string[] }) as User;
const write = (user: User): Stored => ({ ...user, roles: JSON.stringify(user.roles) });

/** Kysely on mysql2. What is stored is read afterwards, as without RETURNING. */
export function kyselyMysql(url: string): Subject {
  const pool = createPool({ uri: url, timezone: 'Z', connectionLimit: CALLERS });
  const db = new Kysely<Tables>({ dialect: new MysqlDialect({ pool }) });
  type On = Kysely<Tables> | Transaction<Tables>;
  const by = async (on: On, column: 'id' | 'email', value: string) =>
    read(await on.selectFrom('users').selectAll().where(column, '=', value).executeTakeFirstOrThrow());
  const insert = (on: On, users: readonly User[]) => on.insertInto('users').values(users.map(write)).execute();
  const rename = async (on: On, id: string, name: string) => {
    await on
      .updateTable('users')
      .set((eb) => ({ name, version: eb('version', '+', 1) }))
      .where('id', '=', id)
      .execute();
    return by(on, 'id', id);
  };
  return {
    get: (id) => by(db, 'id', id),
    find: async (after, limit) =>
      (await db.selectFrom('users').selectAll().where('id', '>', after).orderBy('id').limit(limit).execute()).map(read),
    insert: (user) => insert(db, [user]),
    insertMany: (users) => insert(db, users),
    rename: (id, name) => rename(db, id, name),
    async upsert(user) {
      await db
        .insertInto('users')
        .values(write(user))
        .onDuplicateKeyUpdate((eb) => ({ name: user.name, version: eb('users.version', '+', 1) }))
        .execute();
      return by(db, 'email', user.email);
    },
    transaction: (id, user, renamed) =>
      db.transaction().execute(async (trx) => {
        await by(trx, 'id', id);
        await insert(trx, [user]);
        await rename(trx, renamed, 'Bob');
      }),
    close: () => db.destroy(),
  };
}
