#!/usr/bin/env bash
# rate-limiter-flexible on Redis: a limit for half a second, once reached, refuses for ever.
#
# What:      `duration: 0.5` refuses all but the first two calls of a key on Redis, until somebody deletes it; 1.9 has a
#            window of one second, and lets nearly twice as many calls through. In memory it is right.
# Versions:  rate-limiter-flexible 11.4.0, ioredis 6.0.0, a redis-server (seen with 7.0.15).
# Expected:  the window that was asked for, as the in-memory limiter of the same package gives it: it is the documented
#            stand-in (`insuranceLimiter`) and what tests use. Redis counts in milliseconds.
# Instead:   the duration is cut to whole seconds, and 0 means "never reset". The key is stored without an expiry;
#            msBeforeNext is -1.
# Do:        whole seconds on Redis (twice the points for a second instead of half a second). Keys that are there
#            already have to be deleted.
# For users: "at most one every 500 ms" works in tests and in development, and in production locks every client out
#            after its first calls, one by one, until Redis is emptied. With an eviction policy it heals at random.
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
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" rate-limiter-flexible@11.4.0 \
  ioredis@6.0.0
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
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';

const redis = new Redis({ port: Number(process.argv[2]) });
const allowed = (limiter) => limiter.consume('ann').then(() => true, () => false);

/** Whether the third call within a window, and the first one after it, are let through. */
async function calls(limiter, duration) {
  const first = [await allowed(limiter), await allowed(limiter)];
  assert.deepEqual(first, [true, true]);
  const third = await allowed(limiter);
  const end = Date.now() + duration * 1000 + 200;
  while (Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
  return { third, 'after the window': await allowed(limiter) };
}

const half = { points: 2, duration: 0.5 };
const long = { points: 2, duration: 1.9, keyPrefix: 'long' };
const onRedis = new RateLimiterRedis({ ...half, storeClient: redis });
const seen = {
  'memory, 0.5 s': await calls(new RateLimiterMemory(half), half.duration),
  'Redis, 0.5 s': await calls(onRedis, half.duration),
  'expiry of the key in Redis': await redis.pttl(onRedis.getKey('ann')),
};
await new RateLimiterRedis({ ...long, storeClient: redis }).consume('ann');
seen['window of 1.9 s in Redis is above 1 s'] = (await redis.pttl(`${long.keyPrefix}:ann`)) > 1000;
console.log(seen);
assert.deepEqual(seen, {
  'memory, 0.5 s': { third: false, 'after the window': true },
  'Redis, 0.5 s': { third: false, 'after the window': false },
  'expiry of the key in Redis': -1,
  'window of 1.9 s in Redis is above 1 s': false,
});
redis.disconnect();
JS
node case.mjs "$port"
echo 'As described.'
