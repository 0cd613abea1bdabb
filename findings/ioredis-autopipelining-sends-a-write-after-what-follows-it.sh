#!/usr/bin/env bash
# ioredis with autopipelining sends a write after the transaction that stands behind it, and into the database that is
# selected next.
#
# What:      `redis.set('stock', 100); redis.multi().decrby('stock', 5).exec()` ends with 100: the transaction is sent
#            first. A set() that is followed by select(1) is written to database 1.
# Versions:  ioredis 6.0.0, a redis-server (seen with 7.0.15).
# Expected:  95, and database 0, as without the option: commands of one connection are sent in the order of the calls.
#            The README says of the option that no other change of code is necessary, and keeps the order among plain
#            commands.
# Instead:   plain commands wait for the end of the turn of the event loop; multi(), pipeline(), select() and quit() are
#            not among what waits and go out at once. quit() even makes the write fail that was called before it.
# Do:        await the writes before a transaction, a pipeline, select() or quit(), or leave the option off on such a
#            client.
# For users: a write that nobody waits for (a cache fill, a counter's start, a reset) undoes the transaction that comes
#            after it, and no command fails. The option is switched on for speed, long after the code was tested.
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
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" ioredis@6.0.0
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
import { Redis } from 'ioredis';

const port = Number(process.argv[2]);
const admin = new Redis({ port });

async function outcome(enableAutoPipelining) {
  await admin.flushall();
  const redis = new Redis({ port, enableAutoPipelining });
  await redis.ping();

  const reset = redis.set('stock', 100);
  await redis.multi().decrby('stock', 5).exec();
  await reset;
  const afterTransaction = await redis.get('stock');

  const again = redis.set('stock', 100);
  await redis.pipeline().decrby('stock', 5).exec();
  await again;
  const afterPipeline = await redis.get('stock');

  const plain = [redis.set('stock', 100), redis.decrby('stock', 5)]; // the order of plain commands is kept
  await Promise.all(plain);
  const afterPlain = await redis.get('stock');

  const note = redis.set('note', 'for database 0');
  await redis.select(1);
  await note;
  redis.disconnect();
  const inDatabase0 = await admin.exists('note');
  return { afterTransaction, afterPipeline, afterPlain, 'note is in database': inDatabase0 ? 0 : 1 };
}

const seen = { without: await outcome(false), with: await outcome(true) };
console.log(seen);
assert.deepEqual(seen, {
  without: { afterTransaction: '95', afterPipeline: '95', afterPlain: '95', 'note is in database': 0 },
  with: { afterTransaction: '100', afterPipeline: '100', afterPlain: '95', 'note is in database': 1 },
});
admin.disconnect();
JS
node case.mjs "$port"
echo 'As described.'
