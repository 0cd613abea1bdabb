#!/usr/bin/env bash
# mysql2: a typeCast that reads numbers with field.string() is right in query() and yields garbage in execute().
#
# What:      with the usual typeCast for exact ids, `field.type === 'LONGLONG' ? field.string() : next()`, execute()
#            gives '\0\0\0' for the id 3, and '', '' and an invalid date for the *other* columns of the row.
# Versions:  mysql2 3.24.6, a mariadbd (seen with 10.11.19).
# Expected:  what query() gives for the same statement and function: '3', and the rest as it is. typeCast has been made
#            to work for execute() since 3.9, with the same use as in query(), and does so for TINY, dates and strings.
# Instead:   prepared statements send numbers in binary, eight bytes for a BIGINT. string() takes the first of them for
#            the length of a text that follows. So the value is bytes of the number, and all columns behind it are read
#            from the wrong place. Nothing is thrown here; other numbers and types end in an error of the parser.
# Do:        in execute(), call next() for every number (INT, BIGINT, DOUBLE, ...) and convert what it returns, with
#            `supportBigNumbers: true, bigNumberStrings: true` for exact ids; or read such rows with query().
# For users: a typeCast is written once, for the whole pool, and tested with query(). Who changes one call to execute()
#            then reads NaN for a count, '' for a name and invalid dates, in columns that the function never touched,
#            and what was read so may be written back.
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
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" mysql2@3.24.6
export PATH="$dir/node_modules/.bin:$PATH"
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
import { createConnection } from 'mysql2/promise';

const server = { host: '127.0.0.1', port: Number(process.argv[2]), user: 'root', database: 'test', timezone: 'Z' };
const typeCast = (field, next) => (field.type === 'LONGLONG' ? field.string() : next());
const casting = await createConnection({ ...server, typeCast });
const options = await createConnection({ ...server, supportBigNumbers: true, bigNumberStrings: true });

await options.query('create table bill (id bigint primary key, name varchar(20), total decimal(9,2), paid datetime)');
await options.query(`insert into bill values (3, 'Ann', 19.99, '2026-01-02 03:04:05')`);
await options.query(`insert into bill values (9007199254740993, 'Bob', 5.00, '2026-02-03 04:05:06')`);

async function read(connection, method) {
  const [rows] = await connection[method]('select id, name, total, paid from bill order by id');
  const [counts] = await connection[method]('select count(*) as n from bill');
  const texts = rows.map(({ id, name, total, paid }) => `id ${id}, ${name}, ${total}, ${paid.getTime()}`);
  return [...texts, `n ${counts[0].n}`].map((text) => JSON.stringify(text).slice(1, -1)); // \u0000 made visible
}

const seen = {
  'typeCast, query()': await read(casting, 'query'),
  'typeCast, execute()': await read(casting, 'execute'),
  'options, query()': await read(options, 'query'),
  'options, execute()': await read(options, 'execute'),
};
console.log(seen);
const right = ['id 3, Ann, 19.99, 1767323045000', 'id 9007199254740993, Bob, 5.00, 1770091506000', 'n 2'];
assert.deepEqual(seen, {
  'typeCast, query()': right,
  'typeCast, execute()': ['id \\u0000\\u0000\\u0000, , , NaN', 'id \\u0000, , , NaN', 'n \\u0000\\u0000'],
  'options, query()': right,
  'options, execute()': right,
});
await casting.end();
await options.end();
JS
node case.mjs "$port"
echo 'As described.'
