import BetterSqlite3 from 'better-sqlite3';
import type { Subject, User } from '../work.ts';

const COLUMNS = 'id, email, name, roles, createdAt, version';

interface Stored extends Omit<User, 'roles' | 'createdAt'> {
  readonly roles: string;
  readonly createdAt: number;
}

export function decode(row: Stored): User {
  return { ...row, roles: JSON.parse(row.roles) as string[], createdAt: new Date(row.createdAt) };
}

const valuesOf = ({ id, email, name, roles, createdAt, version }: User): unknown[] => [
  id,
  email,
  name,
  JSON.stringify(roles),
  createdAt.getTime(),
  version,
];

/** The connection that a subject works on, with the settings of `sqlite()`. */
export function open(file: string): BetterSqlite3.Database {
  const connection = new BetterSqlite3(file);
  connection.pragma('journal_mode = wal');
  connection.pragma('synchronous = normal');
  return connection;
}

export function rawSqlite(file: string): Subject {
  const connection = open(file);
  const getOne = connection.prepare<[string], Stored>(`select ${COLUMNS} from users where id = ?`);
  const findSome = connection.prepare<[string, number], Stored>(
    `select ${COLUMNS} from users where id > ? order by id limit ?`,
  );
  const insertOne = connection.prepare(`insert into users (${COLUMNS}) values (?, ?, ?, ?, ?, ?)`);
  const renameOne = connection.prepare<[string, string], Stored>(
    `update users set name = ?, version = version + 1 where id = ? returning ${COLUMNS}`,
  );
  const upsertOne = connection.prepare(
    `insert into users (${COLUMNS}) values (?, ?, ?, ?, ?, ?)
     on conflict (email) do update set name = excluded.name, version = version + 1 returning ${COLUMNS}`,
  );
  const everyRow = connection.prepare<[], Stored>(`select ${COLUMNS} from users order by id`);
  const insertAll = connection.transaction((users: readonly User[]) => {
    for (const user of users) insertOne.run(...valuesOf(user));
  });
  const transaction = connection.transaction((read: string, user: User, renamed: string) => {
    decode(getOne.get(read) as Stored);
    insertOne.run(...valuesOf(user));
    decode(renameOne.get('Bob', renamed) as Stored);
  });
  return {
    get: (id) => decode(getOne.get(id) as Stored),
    find: (after, limit) => findSome.all(after, limit).map(decode),
    insert: (user) => insertOne.run(...valuesOf(user)),
    insertMany: (users) => insertAll(users),
    rename: (id, name) => decode(renameOne.get(name, id) as Stored),
    upsert: (user) => decode(upsertOne.get(...valuesOf(user)) as Stored),
    transaction,
    stream(rows) {
      for (const row of everyRow.iterate()) {
        decode(row);
        if ((rows -= 1) === 0) break;
      }
    },
    close: () => connection.close(),
  };
}
