#!/usr/bin/env bash
# A request of node:http whose body undici sends on has no `socket` any more, while its own answer is still being written.
#
# What:      a proxy gives the incoming request to undici as the body. As soon as it is sent, `request.socket` is null.
# Versions:  undici 8.13.1 on Node 24.21.0.
# Expected:  the connection of the client, which is open and is answered on: as for a GET, for a body that is piped into
#            http.request(), and for one that is given as `Readable.from(request)`.
# Instead:   null, for requests with a body alone. `request.socket.remoteAddress` throws in whatever looks at the request
#            when it is answered: a 'finish' or 'close' listener, where nobody catches it.
# Do:        read address, port and TLS state before the body is handed over, or take them from `response.socket`.
# For users: access logs and metrics run at the end of an exchange. They work in tests with GET, and end the process with
#            the first POST that goes through the gateway.
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
import { once } from 'node:events';
import http from 'node:http';
import { Readable } from 'node:stream';
import { request as ask } from 'undici';

const listening = async (listener) => {
  const server = http.createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${server.address().port}` };
};
const service = await listening(async (request, response) => {
  let bytes = 0;
  for await (const chunk of request) bytes += chunk.length;
  response.end(`${bytes} bytes`);
});

const senders = {
  undici: async (request, method) => {
    const { body } = await ask(service.url, { method, body: method === 'GET' ? null : request });
    return body.text();
  },
  'undici, wrapped': async (request, method) => {
    const { body } = await ask(service.url, { method, body: method === 'GET' ? null : Readable.from(request) });
    return body.text();
  },
  'node:http': async (request, method) => {
    const call = http.request(service.url, { method });
    request.pipe(call);
    const [answer] = await once(call, 'response');
    return (await answer.setEncoding('utf8').toArray()).join('');
  },
};

const seen = {};
for (const [name, send] of Object.entries(senders)) {
  for (const method of ['GET', 'POST']) {
    const proxy = await listening(async (request, response) => {
      response.on('finish', () => {
        seen[`${name}, ${method}`] = request.socket === null ? 'no socket' : request.socket.remoteAddress;
      });
      response.end(await send(request, method));
    });
    const answer = await fetch(proxy.url, { method, ...(method === 'POST' && { body: 'hello' }) });
    assert.equal(await answer.text(), method === 'POST' ? '5 bytes' : '0 bytes');
    proxy.server.close();
  }
}
console.log(seen);
assert.deepEqual(seen, {
  'undici, GET': '127.0.0.1',
  'undici, POST': 'no socket',
  'undici, wrapped, GET': '127.0.0.1',
  'undici, wrapped, POST': '127.0.0.1',
  'node:http, GET': '127.0.0.1',
  'node:http, POST': '127.0.0.1',
});
process.exit();
JS
node case.mjs
echo 'As described.'
