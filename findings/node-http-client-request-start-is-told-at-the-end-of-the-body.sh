#!/usr/bin/env bash
# Node's channel `http.client.request.start` is told when the whole request has been written, and not when it starts.
#
# What:      a subscriber that takes the time from `http.client.request.start` to `http.client.response.finish` sees
#            nothing of the time in which a body is sent, or in which the call waits for a free socket of its agent. Of an
#            answer that comes before the body ends it sees the finish without a start.
# Versions:  node 24.21.0.
# Expected:  the start of the request: the documentation says "Emitted when client starts a request". What it says of
#            `http.client.request.created`, that this comes before the request has been sent, is the only hint.
# Instead:   it is published where the request emits `finish`. Here a PUT whose body takes half a second starts after
#            that half second, and a request with an early 413 never starts.
# Do:        take the time from `http.client.request.created`, which comes with the call of http.request().
# For users: dashboards show uploads and calls behind a busy agent as fast; refused uploads are missing, or leave behind
#            whatever is kept from the start to the finish.
set -euo pipefail

command -v npm >/dev/null || { echo 'This finding needs npm in PATH.' >&2; exit 3; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
cd "$dir"

echo '{ "private": true, "type": "module" }' >package.json
platform=$(node -p 'process.platform + "-" + process.arch')
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0"
export PATH="$dir/node_modules/.bin:$PATH"

cat >case.mjs <<'JS'
import assert from 'node:assert/strict';
import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import http from 'node:http';

const server = http.createServer((req, res) => {
  if (req.url === '/refused') {
    res.writeHead(413, { connection: 'close' }).end();
    return;
  }
  if (req.url === '/held') {
    setTimeout(() => res.end(), 300);
    return;
  }
  req.resume().once('end', () => res.end());
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address();

/** What is told of a request, and what its caller does, in order. */
const told = new Map();
const note = (request, what) => told.get(request.path)?.push(what);
subscribe('http.client.request.created', ({ request }) => {
  if (!told.has(request.path)) told.set(request.path, []);
  note(request, 'created');
});
subscribe('http.client.request.start', ({ request }) => note(request, 'start'));
subscribe('http.client.response.finish', ({ request }) => note(request, 'finish'));

async function call(path, { agent, body } = {}) {
  const request = http.request({ port, host: '127.0.0.1', path, method: 'PUT', agent });
  request.on('error', () => {});
  const answered = once(request, 'response');
  await body?.(request);
  if (path !== '/refused') request.end();
  const [response] = await answered;
  response.resume();
  await once(response, 'close');
  request.destroy();
}

// A body in two parts.
await call('/slow', {
  async body(request) {
    request.write('one');
    await once(request, 'socket');
    await new Promise((resolve) => setTimeout(resolve, 500));
    note(request, 'half of the body is sent');
    request.write('two');
  },
});

// A server that refuses before the body has ended.
await call('/refused', { body: async (request) => request.write('one') });

// A second call, for which the only socket is not free.
const agent = new http.Agent({ maxSockets: 1, keepAlive: true });
subscribe('http.client.response.finish', ({ request }) => {
  if (request.path === '/held') note({ path: '/waits' }, 'the call before it is over');
});
await Promise.all([call('/held', { agent }), call('/waits', { agent })]);
agent.destroy();

const seen = Object.fromEntries(told);
console.log(seen);
assert.deepEqual(seen['/slow'], ['created', 'half of the body is sent', 'start', 'finish']);
assert.deepEqual(seen['/refused'], ['created', 'finish']);
assert.deepEqual(seen['/waits'], ['created', 'the call before it is over', 'start', 'finish']);
server.close();
server.closeAllConnections();
JS
node case.mjs
echo 'As described.'
