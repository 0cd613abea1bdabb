import { createPool, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import { CALLERS, type Subject, type User } from '../work.ts';

type Value = string | number | Date;

const COLUMNS = 'id, email, name, roles, createdAt, version';
const valuesOf = ({ id, email, name, roles, createdAt, version }: User): Value[] => [
  id,
  email,
  name,
  JSON.stringify(roles),
  createdAt,
  version,
];
const GET = `select ${COLUMNS} from users where id = ?`;
const FIND = `select ${COLUMNS} from users where id > ? order by id limit ?`;
const INSERT = `insert into users (${COLUMNS}) values (?, ?, ?, ?, ?, ?)`;
const RENAME = 'update users set name = ?, version = version + 1 where id = ?';
// Without RETURNING the stored row is read afterwards, here and in `rename`: outside of a transaction, so that it may
// be what somebody else has stored meanwhile.
const UPSERT = `${INSERT} on duplicate key update name = values(name), version = version + 1`;
const BY_EMAIL = `select ${COLUMNS} from users where email = ?`;

/** `mysql2` with prepared statements. */
export function rawMysql(url: string): Subject {
  const pool = createPool({ uri: url, timezone: 'Z', connectionLimit: CALLERS });
  type Asking = Pick<typeof pool, 'execute'>;
  const read = async (on: Asking, text: string, values: Value[]): Promise<User[]> => {
    const [rows] = await on.execute<RowDataPacket[]>(text, values);
    for (const row of rows) row['roles'] = JSON.parse(row['roles'] as string) as unknown;
    return rows as User[];
  };
  const rename = async (on: Asking, id: string, name: string): Promise<User | undefined> => {
    await on.execute<ResultSetHeader>(RENAME, [name, id]);
    return (await read(on, GET, [id]))[0];
  };
  // One row after the other, as the others hand them on, with no connection held meanwhile.
  async function* everyRow(): AsyncGenerator<User> {
    for (let after = ''; ; ) {
      const page = await read(pool, FIND, [after, 500]);
      yield* page;
      if (page.length < 500) return;
      after = (page.at(-1) as User).id;
    }
  }
  return {
    get: async (id) => (await read(pool, GET, [id]))[0],
    find: (after, limit) => read(pool, FIND, [after, limit]),
    insert: (user) => pool.execute(INSERT, valuesOf(user)),
    insertMany: (users) =>
      pool.execute(`insert into users (${COLUMNS}) values ${placesOf(users.length)}`, users.flatMap(valuesOf)),
    rename: (id, name) => rename(pool, id, name),
    async upsert(user) {
      await pool.execute(UPSERT, valuesOf(user));
      return (await read(pool, BY_EMAIL, [user.email]))[0];
    },
    async transaction(id, user, renamed) {
      const client = await pool.getConnection();
      await client.query('start transaction');
      await read(client, GET, [id]);
      await client.execute(INSERT, valuesOf(user));
      await rename(client, renamed, 'Bob');
      await client.query('commit');
      client.release();
    },
    async stream(rows) {
      for await (const _row of everyRow()) if ((rows -= 1) === 0) break;
    },
    close: () => pool.end(),
  };
}

let places = '';
function placesOf(rows: number): string {
  places ||= Array.from({ length: rows }, () => '(?, ?, ?, ?, ?, ?)').join();
  return places;
}
