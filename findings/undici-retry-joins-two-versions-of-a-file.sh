#!/usr/bin/env bash
# undici's RetryAgent joins the halves of two different versions of a resource, unless its ETag is a strong one.
#
# What:      a download breaks in the middle, the file is replaced, RetryAgent asks for the rest by Range and appends
#            it: 200, no error, the right length, and content that never existed.
# Versions:  undici 8.13.1 against express 5.3.0 (express.static, whose ETags are weak, with Last-Modified).
# Expected:  RFC 9110 asks for a strong validator before parts are combined (15.3.7.3): without one the request starts
#            anew or fails. With a strong ETag undici does fail ("ETag mismatch").
# Instead:   a weak ETag is forgotten, Last-Modified is not looked at, and the rest is asked for without If-Range; that
#            the second answer names another ETag is not noticed either.
# Do:        strong ETags on the server, a checksum of what arrived, or no retry of broken bodies:
#            `errorCodes: ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN']`, the errors from before an answer.
# For users: express.static and most middlewares make weak ETags. A configuration, an image or a bundle that is fetched
#            during a deployment can be half old and half new, and will be cached so.
set -euo pipefail

command -v npm >/dev/null || { echo 'This finding needs npm in PATH.' >&2; exit 3; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
cd "$dir"

echo '{ "private": true, "type": "module" }' >package.json
platform=$(node -p 'process.platform + "-" + process.arch')
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" undici@8.13.1 express@5.3.0
export PATH="$dir/node_modules/.bin:$PATH"

cat >case.mjs <<'JS'
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import net from 'node:net';
import express from 'express';
import { Agent, RetryAgent, request } from 'undici';

const size = 400_000;
await mkdir('public');
writeFileSync('public/bundle.js', 'A'.repeat(size));
const site = express().use(express.static('public')).listen(0, '127.0.0.1');
await once(site, 'listening');

// The network: the first connection breaks after 100,000 bytes of the answer, when the new version is in place.
let connections = 0;
const proxy = net.createServer((client) => {
  const first = ++connections === 1;
  const upstream = net.connect(site.address().port, '127.0.0.1');
  for (const socket of [client, upstream]) socket.on('error', () => {});
  client.pipe(upstream);
  if (!first) return upstream.pipe(client);
  let passed = 0;
  upstream.on('data', (chunk) => {
    const room = 100_000 - passed;
    if (room <= 0) return;
    passed += chunk.length;
    client.write(chunk.subarray(0, room));
    if (passed < 100_000) return;
    writeFileSync('public/bundle.js', 'B'.repeat(size));
    client.end();
  });
});
await once(proxy.listen(0, '127.0.0.1'), 'listening');

const dispatcher = new RetryAgent(new Agent(), { minTimeout: 10 });
const answer = await request(`http://127.0.0.1:${proxy.address().port}/bundle.js`, { dispatcher });
const body = await answer.body.text();
const runs = body.match(/A+|B+/g).map((run) => run[0]);
console.log(`status ${answer.statusCode}, etag ${answer.headers.etag.slice(0, 2)}..., ${body.length} bytes`);
console.log(`content: ${runs.join(', then ')}; connections: ${connections}`);
assert.equal(answer.statusCode, 200);
assert.ok(answer.headers.etag.startsWith('W/'));
assert.equal(body.length, size);
assert.deepEqual(runs, ['A', 'B']);
await dispatcher.close();
proxy.close();
site.closeAllConnections();
site.close();
JS
node case.mjs
echo 'As described.'
