#!/usr/bin/env bash
# node-redis: a client that was told to give Buffers gives strings in a transaction, and bytes that are no UTF-8 are
# gone.
#
# What:      with `withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })`, or that in `commandOptions`, get() gives the
#            bytes, and multi().get().exec() a string with U+FFFD in their place. With `[RESP_TYPES.NUMBER]: String`
#            incr() in a transaction gives a number, beyond 2^53 a wrong one.
# Versions:  redis 6.3.1, a redis-server (seen with 7.0.15), with RESP 2 and 3 alike.
# Expected:  the mapping of the client that the transaction was begun on. It holds for get(), eval(), sendCommand() and
#            for multi().execAsPipeline(), the same chain of calls without MULTI.
# Instead:   the mapping is given to the commands between MULTI and EXEC, whose answer is QUEUED, and not to EXEC, which
#            has the replies. There is no other place to say it: a transaction has no withTypeMapping().
# Do:        read binary values and exact numbers outside of the transaction (WATCH, then get(), then multi() with
#            writes alone), by execAsPipeline(), or in a script with eval().
# For users: compressed or MessagePack values that are read and renewed in one transaction ("get and touch", "get and
#            delete") do not decode, and what is written back from such a read is lost for good.
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
import { createClient, RESP_TYPES } from 'redis';

const url = `redis://127.0.0.1:${process.argv[2]}`;
const typeMapping = { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.NUMBER]: String };
const zipped = Buffer.from([0x1f, 0x8b, 0x08, 0x00]); // how gzip begins

async function read(RESP, mapped) {
  const plain = await createClient({ url, RESP }).connect();
  const client =
    mapped === 'withTypeMapping()'
      ? plain.withTypeMapping(typeMapping)
      : await createClient({ url, RESP, commandOptions: { typeMapping } }).connect();
  await plain.set('page', zipped);
  await plain.set('counter', '9007199254740992');

  const told = (value) => (Buffer.isBuffer(value) ? value.toString('hex') : value);
  const [inPipeline] = await client.multi().get('page').execAsPipeline();
  const [inTransaction] = await client.multi().get('page').exec();
  const byScript = await client.eval('return redis.call("GET", KEYS[1])', { keys: ['page'] });
  const seen = {
    get: told(await client.get('page')),
    eval: told(byScript),
    'multi, execAsPipeline': told(inPipeline),
    'multi, exec': told(inTransaction),
    incr: await client.incr('counter'),
    'incr, exec': (await client.multi().incr('counter').incr('counter').exec()).at(-1),
    'now there are': told(await client.get('counter')),
  };
  await plain.set('page', inTransaction);
  seen['written back'] = told(await client.get('page'));
  seen['now there are'] = Buffer.from(seen['now there are'], 'hex').toString();
  for (const each of new Set([plain, client])) if (each.isOpen) each.destroy();
  return seen;
}

const seen = await read(3, 'withTypeMapping()');
console.log(seen);
const hex = zipped.toString('hex');
assert.deepEqual(seen, {
  get: hex,
  eval: hex,
  'multi, execAsPipeline': hex,
  'multi, exec': '\u001f\ufffd\u0008\u0000',
  incr: '9007199254740993',
  'incr, exec': 9007199254740996,
  'now there are': '9007199254740995',
  'written back': '1fefbfbd0800',
});
for (const RESP of [2, 3]) {
  for (const mapped of ['withTypeMapping()', 'commandOptions']) assert.deepEqual(await read(RESP, mapped), seen);
}
JS
node case.mjs "$port"
echo 'As described.'
