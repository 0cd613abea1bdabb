import { Pool, types } from 'pg';
import { CALLERS, type Subject, type User } from '../work.ts';

const COLUMNS = 'id, email, name, roles, "createdAt", version';
const valuesOf = ({ id, email, name, roles, createdAt, version }: User): unknown[] => [
  id,
  email,
  name,
  JSON.stringify(roles),
  createdAt.toISOString(),
  version,
];
const GET = { name: 'get', text: `select ${COLUMNS} from users where id = $1` };
const FIND = { name: 'find', text: `select ${COLUMNS} from users where id > $1 order by id limit $2` };
const INSERT = { name: 'insert', text: `insert into users (${COLUMNS}) values ($1, $2, $3, $4, $5, $6)` };
const RENAME = {
  name: 'rename',
  text: `update users set name = $1, version = version + 1 where id = $2 returning ${COLUMNS}`,
};
const UPSERT = {
  name: 'upsert',
  text: `${INSERT.text} on conflict (email) do update
    set name = excluded.name, version = users.version + 1 returning ${COLUMNS}`,
};

/** `pg` with named statements. */
export function rawPostgres(url: string): Subject {
  types.setTypeParser(types.builtins.INT8, Number);
  const pool = new Pool({ connectionString: url, max: CALLERS });
  // One row after the other, as the others hand them on, with no connection held meanwhile.
  async function* everyRow(): AsyncGenerator<User> {
    for (let after = ''; ; ) {
      const page = await pool.query<User>({ ...FIND, values: [after, 500] });
      yield* page.rows;
      if (page.rows.length < 500) return;
      after = (page.rows.at(-1) as User).id;
    }
  }
  return {
    get: async (id) => (await pool.query<User>({ ...GET, values: [id] })).rows[0],
    find: async (after, limit) => (await pool.query<User>({ ...FIND, values: [after, limit] })).rows,
    insert: (user) => pool.query({ ...INSERT, values: valuesOf(user) }),
    insertMany: (users) =>
      pool.query({
        name: `insert ${users.length}`,
        text: `insert into users (${COLUMNS}) values ${placesOf(users.length)}`,
        values: users.flatMap(valuesOf),
      }),
    rename: async (id, name) => (await pool.query<User>({ ...RENAME, values: [name, id] })).rows[0],
    upsert: async (user) => (await pool.query<User>({ ...UPSERT, values: valuesOf(user) })).rows[0],
    async transaction(read, user, renamed) {
      const client = await pool.connect();
      await client.query('begin');
      await client.query<User>({ ...GET, values: [read] });
      await client.query({ ...INSERT, values: valuesOf(user) });
      await client.query<User>({ ...RENAME, values: ['Bob', renamed] });
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
  places ||= Array.from({ length: rows }, (_, row) => {
    const row6 = row * 6;
    return `($${row6 + 1}, $${row6 + 2}, $${row6 + 3}, $${row6 + 4}, $${row6 + 5}, $${row6 + 6})`;
  }).join();
  return places;
}
