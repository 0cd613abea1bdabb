#!/usr/bin/env bash
# MariaDB's connector for Node writes a Date as 2026-2-1 in query() and as 2026-02-01 in execute(): where it is text, it
# sorts wrongly.
#
# What:      json_object('due', ?) with a Date stores {"due": "2026-2-1 0:0:0"}. `json_value(task, '$.due') < ?` finds a
#            task of October when asked for those before February, greatest(?, ?) gives February for February and
#            October.
# Versions:  mariadb 3.5.4, mysql2 3.24.6 beside it; a mariadbd (seen with 10.11.19).
# Expected:  what execute() and batch() of the same connector send, and mysql2 in both: 2026-02-01 00:00:00, the
#            server's own form.
# Instead:   query() puts month, day, hour, minute and second into the text of the statement without padding. The server
#            reads such a text as a date where a date is needed, so columns of type DATETIME are right and no test of
#            those sees it.
# Do:        execute() instead of query() for statements with dates; or `cast(? as datetime)` around each that meets
#            JSON or text.
# For users: JSON documents, generated text columns, concat(), coalesce() and greatest() take the parameter as text.
#            What was stored so is found in no range and equals no date; from October to December, in the afternoon, it
#            is right.
set -euo pipefail

command -v npm >/dev/null || { echo 'This finding needs npm in PATH.' >&2; exit 3; }
for program in mariadbd mariadb-install-db; do
  command -v "$program" >/dev/null || { echo "This finding needs $program in PATH." >&2; exit 3; }
done
dir=$(mktemp -d)
pid=
cleanup() {
  if [ -n "$pid" ]; then kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; fi
  rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
cd "$dir"

echo '{ "private": true, "type": "module" }' >package.json
platform=$(node -p 'process.platform + "-" + process.arch')
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" mariadb@3.5.4 mysql2@3.24.6
export PATH="$dir/node_modules/.bin:$PATH"
export TZ=UTC
free_port() {
  node -e 'net.createServer().listen(0, "127.0.0.1", function () { console.log(this.address().port); this.close() })'
}
port=$(free_port)
as=()
mkdir data
if [ "$(id -u)" = 0 ]; then # MariaDB refuses to run as root
  as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
  chmod 755 "$dir"
  chown nobody data
fi
small=(--no-defaults --datadir="$dir/data" --innodb-log-file-size=8M --innodb-buffer-pool-size=32M)
"${as[@]}" mariadb-install-db "${small[@]}" --auth-root-authentication-method=normal >install.log 2>&1
"${as[@]}" mariadbd "${small[@]}" --bind-address=127.0.0.1 --port="$port" --socket="$dir/data/socket" \
  --pid-file="$dir/data/pid" --skip-name-resolve >mariadb.log 2>&1 &
pid=$!
for _ in $(seq 600); do
  if grep -q 'ready for connections' mariadb.log; then break; fi
  sleep 0.1
done

cat >case.mjs <<'JS'
import assert from 'node:assert/strict';
import mariadb from 'mariadb';
import mysql2 from 'mysql2/promise';

const server = { host: '127.0.0.1', port: Number(process.argv[2]), user: 'root', database: 'test' };
const connector = await mariadb.createConnection(server);
const other = await mysql2.createConnection({ ...server, timezone: 'Z' });

await connector.query('create table task (id int primary key, task json, due datetime)');
await connector.query(`insert into task values
  (1, '{"due":"2026-01-02 03:04:05"}', '2026-01-02 03:04:05'),
  (2, '{"due":"2026-10-02 03:04:05"}', '2026-10-02 03:04:05')`);

const february = new Date('2026-02-01T00:00:00Z');
const october = new Date('2026-10-01T00:00:00Z');

/** What the server makes of the dates, by the way in which they are sent. */
async function dates(run) {
  const ids = async (where) => {
    const rows = await run(`select id from task where ${where} order by id`, [february]);
    return rows.map(({ id }) => id);
  };
  const [made] = await run(`select cast(json_object('due', ?) as char) as made`, [february]);
  const [latest] = await run('select month(greatest(?, ?)) as month', [february, october]);
  return {
    made: made.made,
    'column before February': await ids('due < ?'),
    'JSON before February': await ids("json_value(task, '$.due') < ?"),
    'latest month': Number(latest.month),
  };
}

const seen = {
  'mariadb, query()': await dates((sql, values) => connector.query(sql, values)),
  'mariadb, execute()': await dates((sql, values) => connector.execute(sql, values)),
  'mysql2, query()': await dates(async (sql, values) => (await other.query(sql, values))[0]),
};
console.log(seen);
const right = (text) => ({
  made: `{"due": "${text}"}`,
  'column before February': [1],
  'JSON before February': [1],
  'latest month': 10,
});
assert.deepEqual(seen, {
  'mariadb, query()': { ...right('2026-2-1 0:0:0'), 'JSON before February': [1, 2], 'latest month': 2 },
  'mariadb, execute()': right('2026-02-01 00:00:00'),
  'mysql2, query()': right('2026-02-01 00:00:00.000'),
});
await connector.end();
await other.end();
JS
node case.mjs "$port"
echo 'As described.'
