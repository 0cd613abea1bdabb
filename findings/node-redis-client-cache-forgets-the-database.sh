#!/usr/bin/env bash
# The client-side cache of node-redis answers for one database with what it read in another.
#
# What:      a client with `clientSideCache` that has read key k in database 0 and then select(1)s gets the value of
#            database 0 for k in database 1, for as long as nobody writes that key.
# Versions:  redis 6.3.1, a redis-server (seen with 7.0.15).
# Expected:  the value of database 1: the cache belongs to the connection, the connection knows its database (it selects
#            it again after a reconnect), and without the cache the same calls give the right value.
# Instead:   the cache's key is the command and its arguments. select() neither becomes part of it nor empties it, and
#            Redis sends no invalidation, since nothing was written.
# Do:        one client for each database (`createClient({ database: 1 })`), and never select() on one with a cache.
# For users: a wrapper that switches databases for tenants, or for tests beside data, must not do so on a client that
#            caches; a multi-tenant read gives another tenant's value without an error.
set -euo pipefail

command -v npm >/dev/null || { echo 'This finding needs npm in PATH.' >&2; exit 3; }
command -v redis-server >/dev/null || { echo 'This finding needs redis-server in PATH.' >&2; exit 3; }
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
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" redis@6.3.1
export PATH="$dir/node_modules/.bin:$PATH"
free_port() {
  node -e 'net.createServer().listen(0, "127.0.0.1", function () { console.log(this.address().port); this.close() })'
}
reachable() {
  for _ in $(seq 300); do
    if (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
    sleep 0.1
  done
  echo 'The server did not start.' >&2
  return 1
}
port=$(free_port)
redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$dir" >redis.log &
pid=$!
reachable "$port"

cat >case.mjs <<'JS'
import assert from 'node:assert/strict';
import { createClient } from 'redis';

const url = `redis://127.0.0.1:${process.argv[2]}`;
const writer = await createClient({ url }).connect();
await writer.set('plan', 'free');
await writer.select(1);
await writer.set('plan', 'enterprise');

async function read(options) {
  const client = await createClient({ url, RESP: 3, ...options }).connect();
  const seen = { 0: await client.get('plan') };
  await client.select(1);
  seen[1] = await client.get('plan');
  await client.close();
  return seen;
}

const without = await read({});
const cached = await read({ clientSideCache: { ttl: 0, maxEntries: 100 } });
console.log('by database, without the cache:', without);
console.log('by database, with the cache:   ', cached);
assert.deepEqual(without, { 0: 'free', 1: 'enterprise' });
assert.deepEqual(cached, { 0: 'free', 1: 'free' });
await writer.close();
JS
node case.mjs "$port"
echo 'As described.'
