#!/usr/bin/env bash
# got with a cache does not send a POST that it has sent before: the second one is answered from memory.
#
# What:      `cache: new Map()`, and a server whose answers have `Cache-Control: max-age=60`. The second POST with the
#            same body gets the first one's answer, 201 and its id, and never leaves the process.
# Versions:  got 16.1.0 (with cacheable-request 13.0.19, which it installs), undici 8.13.1 with its cache interceptor
#            beside it.
# Expected:  two requests. RFC 9111 has a cache write unsafe methods through to the server (section 4); the freshness of
#            an answer to a POST is for a later GET (RFC 9110, 9.3.3). got's README calls its cache compliant, and sends
#            PUT, PATCH and DELETE.
# Instead:   method, address and a hash of the body are the key; what is fresh under it is the answer. A changed byte,
#            or a body that is a stream, is sent.
# Do:        the cache on a client of its own for reading (`got.extend({ cache })`), and `cache: false` in every POST of
#            others.
# For users: "add one to the cart", a top-up or a message that is said twice is done once. It begins with the server: a
#            default Cache-Control for all routes, or a proxy that adds one, is enough.
set -euo pipefail

command -v npm >/dev/null || { echo 'This finding needs npm in PATH.' >&2; exit 3; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
cd "$dir"

echo '{ "private": true, "type": "module", "overrides": { "cacheable-request": "13.0.19" } }' >package.json
platform=$(node -p 'process.platform + "-" + process.arch')
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" got@16.1.0 undici@8.13.1
export PATH="$dir/node_modules/.bin:$PATH"

cat >case.mjs <<'JS'
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { json } from 'node:stream/consumers';
import got from 'got';
import { Agent, interceptors, request } from 'undici';

// Adds to a cart: each request is a new entry.
let entries = 0;
const server = http.createServer(async (incoming, response) => {
  const { sku } = await json(incoming);
  response.writeHead(201, { 'cache-control': 'max-age=60' });
  response.end(JSON.stringify({ entry: ++entries, sku }));
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const url = `http://127.0.0.1:${server.address().port}/cart`;

/** The entries that three requests are told of, and how many there are. */
async function sent(send) {
  entries = 0;
  const told = [];
  for (const sku of ['tea', 'tea', 'milk']) told.push((await send({ sku })).entry);
  return { told, made: entries };
}

const cached = got.extend({ cache: new Map() });
const agent = new Agent().compose(interceptors.cache());
const seen = {
  'got, POST': await sent((body) => cached.post(url, { json: body }).json()),
  'got, PUT': await sent((body) => cached.put(url, { json: body }).json()),
  'got, POST with cache: false': await sent((body) => cached.post(url, { json: body, cache: false }).json()),
  'undici, POST': await sent(async (body) => {
    const response = await request(url, { method: 'POST', body: JSON.stringify(body), dispatcher: agent });
    return response.body.json();
  }),
};
console.log(seen);
const all = { told: [1, 2, 3], made: 3 };
assert.deepEqual(seen, {
  'got, POST': { told: [1, 1, 2], made: 2 },
  'got, PUT': all,
  'got, POST with cache: false': all,
  'undici, POST': all,
});
server.close();
server.closeAllConnections();
JS
node case.mjs
echo 'As described.'
