import { defineEntity, type EntityManager, p, raw } from '@mikro-orm/core';
import { MikroORM as Mysql } from '@mikro-orm/mysql';
import { MikroORM as Postgres } from '@mikro-orm/postgresql';
import { MikroORM as Sqlite } from '@mikro-orm/sqlite';
import { CALLERS, type Subject } from '../work.ts';

const users = defineEntity({
  name: 'User',
  tableName: 'users',
  properties: {
    id: p.text().primary(),
    email: p.text().unique(),
    name: p.text(),
    roles: p.json<readonly string[]>(),
    createdAt: p.datetime(3).fieldName('createdAt'),
    version: p.integer(),
  },
});

export async function mikroOrmSqlite(file: string): Promise<Subject> {
  const orm = await Sqlite.init({ entities: [users], dbName: file });
  await orm.em.getConnection().execute('pragma synchronous = normal');
  return mikroOrm(
    () => orm.em.fork(),
    () => orm.close(),
  );
}

export async function mikroOrmPostgres(url: string): Promise<Subject> {
  const orm = await Postgres.init({ entities: [users], clientUrl: url, pool: { max: CALLERS } });
  return mikroOrm(
    () => orm.em.fork(),
    () => orm.close(),
  );
}

export async function mikroOrmMysql(url: string): Promise<Subject> {
  const orm = await Mysql.init({ entities: [users], clientUrl: url, timezone: 'Z', pool: { max: CALLERS } });
  return mikroOrm(
    () => orm.em.fork(),
    () => orm.close(),
  );
}

/** A fork of the entity manager for each call, as each request has one. */
function mikroOrm(fork: () => EntityManager, close: () => Promise<void>): Subject {
  const renamed = (name: string) => ({ name, version: raw('version + 1') });
  return {
    get: (id) => fork().findOne(users, id),
    find: (after, limit) => fork().find(users, { id: { $gt: after } }, { orderBy: { id: 'asc' }, limit }),
    insert: (user) => fork().insert(users, user),
    insertMany: (many) => fork().insertMany(users, [...many]),
    rename: (id, name) => fork().nativeUpdate(users, { id }, renamed(name)),
    upsert: (user) => fork().upsert(users, user, { onConflictFields: ['email'], onConflictMergeFields: ['name'] }),
    transaction: (read, user, other) =>
      fork().transactional(async (em) => {
        await em.findOne(users, read);
        await em.insert(users, user);
        await em.nativeUpdate(users, { id: other }, renamed('Bob'));
      }),
    async stream(rows) {
      for await (const _user of fork().stream(users, { orderBy: { id: 'asc' } })) if ((rows -= 1) === 0) break;
    },
    close,
  };
}
