#!/usr/bin/env bash
# got with a cache answers a plain GET with the part that somebody asked for before, or with an empty "not modified".
#
# What:      after `got(url, { headers: { range: 'bytes=0-3' } })` every got(url) of the next hour is those four bytes.
#            After a request with an If-None-Match of its own, every got(url) is the 304: an empty body. Neither throws.
# Versions:  got 16.1.0 (cacheable-request 13.0.19, http-cache-semantics 4.3.0), express 5.3.0 (express.static); undici
#            8.13.1 with its cache interceptor beside it.
# Expected:  the file. RFC 9111 (3.3) forbids to store a part if the cache does not understand ranges, and a 304 has
#            nothing to store; the README calls the cache compliant. undici stores neither.
# Instead:   206 is a status that may be cached, the key is method and address, the request's Range and If-None-Match
#            are not looked at. 304 is taken for a success by got and for a cacheable answer by its cache.
# Do:        `cache: false` for requests with Range, If-None-Match or If-Modified-Since; or check `response.statusCode
#            === 200`.
# For users: one module reads the head of a file to learn its type, or polls with its own ETag, over the shared client;
#            another one reads the file and works with four bytes, or with nothing, until the entry is stale.
set -euo pipefail

command -v npm >/dev/null || { echo 'This finding needs npm in PATH.' >&2; exit 3; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
cd "$dir"

cat >package.json <<'JSON'
{
  "private": true,
  "type": "module",
  "overrides": { "cacheable-request": "13.0.19", "http-cache-semantics": "4.3.0" }
}
JSON
platform=$(node -p 'process.platform + "-" + process.arch')
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" got@16.1.0 express@5.3.0 undici@8.13.1
export PATH="$dir/node_modules/.bin:$PATH"

cat >case.mjs <<'JS'
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import express from 'express';
import got from 'got';
import { Agent, interceptors, request } from 'undici';

await mkdir('public');
await writeFile('public/report.txt', 'ID; name; total');
const site = express().use(express.static('public', { maxAge: '1h' })).listen(0, '127.0.0.1');
await once(site, 'listening');
const url = `http://127.0.0.1:${site.address().port}/report.txt`;
const { etag } = (await got(url)).headers;

const clients = {
  got: () => {
    const cached = got.extend({ cache: new Map() });
    return async (headers) => {
      const { statusCode, body } = await cached(url, { headers });
      return `${statusCode} '${body}'`;
    };
  },
  undici: () => {
    const dispatcher = new Agent().compose(interceptors.cache());
    return async (headers) => {
      const { statusCode, body } = await request(url, { headers, dispatcher });
      return `${statusCode} '${await body.text()}'`;
    };
  },
};

const seen = {};
for (const [name, client] of Object.entries(clients)) {
  for (const headers of [{ range: 'bytes=0-3' }, { 'if-none-match': etag }]) {
    const get = client();
    const [header] = Object.keys(headers);
    seen[`${name}, ${header}`] = [await get(headers), await get({}), await get({})];
  }
}
console.log(seen);
const part = `206 'ID; '`;
const unchanged = `304 ''`;
const whole = `200 'ID; name; total'`;
assert.deepEqual(seen, {
  'got, range': [part, part, part],
  'got, if-none-match': [unchanged, unchanged, unchanged],
  'undici, range': [part, whole, whole],
  'undici, if-none-match': [unchanged, whole, whole],
});
site.close();
site.closeAllConnections();
JS
node case.mjs
echo 'As described.'
