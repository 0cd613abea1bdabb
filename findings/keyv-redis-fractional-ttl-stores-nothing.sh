#!/usr/bin/env bash
# Keyv on Redis stores nothing when the time to live is not a whole number of milliseconds, and says that it did.
#
# What:      keyv.set(key, value, 60000.5) on @keyv/redis resolves true, and the key is not there; cache-manager and
#            cacheable, which stand on Keyv, pass that on: wrap() then loads every time.
# Versions:  keyv 5.6.0, @keyv/redis 5.1.6, cache-manager 7.2.9, cacheable 2.5.0, a redis-server (seen with 7.0.15).
# Expected:  the value is there for a minute, as with Keyv's own memory store, which takes the same call; or set()
#            rejects or answers false. Redis takes whole milliseconds alone, which the adapter knows and the caller not.
# Instead:   Redis refuses PX 60000.5 ("value is not an integer or out of range"), the adapter makes an event of the
#            refusal, and set() answers true. In tests with the memory store all is well.
# Do:        Math.round() the time to live before it gets there; listen to the `error` event of Keyv *and* alarm on it.
# For users: jitter is what makes fractions (`ttl * (0.9 + Math.random() / 5)`), and jitter is what one adds to a cache
#            under load: the change that was to soften a stampede switches the shared cache off, without an error.
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
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" keyv@5.6.0 @keyv/redis@5.1.6 \
  cache-manager@7.2.9 cacheable@2.5.0
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
import { createKeyv } from '@keyv/redis';
import { createCache } from 'cache-manager';
import { Cacheable } from 'cacheable';
import { Keyv } from 'keyv';

const url = `redis://127.0.0.1:${process.argv[2]}`;
const redis = createKeyv(url);
const events = [];
redis.on('error', (error) => events.push(error.message));

for (const ttl of [60_000, 60_000.5]) {
  const whole = Number.isInteger(ttl);
  const memory = new Keyv();
  await memory.set('greeting', 'hello', ttl);

  const answered = await redis.set(`greeting-${ttl}`, 'hello', ttl);

  const manager = createCache({ stores: [redis] });
  let loads = 0;
  for (let i = 0; i < 3; i++) await manager.wrap(`loaded-${ttl}`, async () => ++loads, ttl);

  const cacheable = new Cacheable({ secondary: createKeyv(url) });
  const cacheableAnswered = await cacheable.set(`both-${ttl}`, 'hello', ttl);

  const seen = {
    'memory: get': await memory.get('greeting'),
    'redis: set answered': answered,
    'redis: get': await redis.get(`greeting-${ttl}`),
    'cache-manager: loads of 3 wraps': loads,
    'cacheable: set answered': cacheableAnswered,
    'cacheable: second tier': await cacheable.secondary.get(`both-${ttl}`),
  };
  console.log(`ttl ${ttl}:`, seen);
  assert.deepEqual(seen, {
    'memory: get': 'hello',
    'redis: set answered': true,
    'redis: get': whole ? 'hello' : undefined,
    'cache-manager: loads of 3 wraps': whole ? 1 : 3,
    'cacheable: set answered': true,
    'cacheable: second tier': whole ? 'hello' : undefined,
  });
  await cacheable.disconnect();
}
console.log('error events:', events);
assert.ok(events.length > 0, 'There is not even an event any more.');
await redis.disconnect();
JS
node case.mjs "$port"
echo 'As described.'
