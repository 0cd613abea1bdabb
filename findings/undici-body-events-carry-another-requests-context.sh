#!/usr/bin/env bash
# Events of an undici body run in the AsyncLocalStorage context of the request that opened the connection.
#
# What:      in `body.on('end', ...)` of undici.request(), getStore() gives the store of whichever request the pooled
#            connection was made for, perhaps hours ago, and not of the request that the body belongs to.
# Versions:  undici 8.13.1 on Node 24.21.0.
# Expected:  the caller's context, as node:http gives with a keep-alive agent (it binds the parser to each request), and
#            as `for await (const chunk of body)` and fetch() give.
# Instead:   every request on that connection reports the first one. The `data` events of what had arrived before the
#            listener was set run in the right context, so a test with a small body sees nothing.
# Do:        read bodies by promise (`for await`, body.text(), fetch), or wrap listeners in AsyncResource.bind().
# For users: request ids in logs, the active span, the tenant and an ambient transaction are all in such a store. With
#            listeners, pipe() and stream.pipeline callbacks they are another user's, on production's warm pools only.
set -euo pipefail

command -v npm >/dev/null || { echo 'This finding needs npm in PATH.' >&2; exit 3; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
cd "$dir"

echo '{ "private": true, "type": "module" }' >package.json
platform=$(node -p 'process.platform + "-" + process.arch')
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" undici@8.13.1
export PATH="$dir/node_modules/.bin:$PATH"

cat >case.mjs <<'JS'
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import http from 'node:http';
import { Pool } from 'undici';

// Answers half a body at once, and the rest when the client has set its listeners.
let finish;
const server = http.createServer((_request, response) => {
  response.write('half, ');
  finish = () => response.end('and the rest');
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const { port } = server.address();

const requestId = new AsyncLocalStorage();
const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 1 });
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

const byEvent = (id) =>
  requestId.run(id, async () => {
    const { body } = await pool.request({ path: '/', method: 'GET' });
    const ended = new Promise((resolve) => body.on('end', () => resolve(requestId.getStore())));
    body.resume();
    finish();
    return ended;
  });
const byIteration = (id) =>
  requestId.run(id, async () => {
    const { body } = await pool.request({ path: '/', method: 'GET' });
    finish();
    for await (const _ of body);
    return requestId.getStore();
  });
const byNode = (id) =>
  requestId.run(id, async () => {
    const [response] = await once(http.get({ port, host: '127.0.0.1', agent }), 'response');
    const ended = new Promise((resolve) => response.on('end', () => resolve(requestId.getStore())));
    response.resume();
    finish();
    return ended;
  });

const seen = {};
for (const [how, run] of Object.entries({ byEvent, byIteration, byNode })) {
  seen[how] = {};
  for (const id of ['request 1', 'request 2', 'request 3']) seen[how][id] = await run(id);
}
console.log(seen);
const own = { 'request 1': 'request 1', 'request 2': 'request 2', 'request 3': 'request 3' };
assert.deepEqual(seen, {
  byEvent: { 'request 1': 'request 1', 'request 2': 'request 1', 'request 3': 'request 1' },
  byIteration: own,
  byNode: own,
});
await pool.close();
agent.destroy();
server.close();
JS
node case.mjs
echo 'As described.'
