#!/usr/bin/env bash
# A client made by hey-api reads null in a list or map of dates as 1 January 1970, and an int64 of zero as no bigint.
#
# What:      { ordered: '2026-01-02T...', shipped: null }, described as a map of nullable date-times, arrives as
#            { ordered: Date, shipped: 1970-01-01T00:00:00.000Z }. An optional or nullable int64 arrives as 5n for 5,
#            but as the number 0 for 0.
# Versions:  @hey-api/openapi-ts 0.99.0 with its plugins client-fetch, sdk and transformers, bundled by esbuild 0.28.2.
# Expected:  what the types say that the same run has generated: `Date | null` and `bigint | null`, as it is for a
#            nullable date that is a property of its own.
# Instead:   for items of arrays and values of maps the generated code is `new Date(item)` without a look at null, and
#            new Date(null) is the beginning of the epoch, a valid date. A property that may be missing is guarded by
#            `if (data.stock)`, which is false for 0 as well.
# Do:        lists and maps of objects with a nullable property in place of nullable dates, and int64 as a required
#            property; or transformers off (`dates: false, bigInt: false`) and conversions of your own.
# For users: "not shipped yet" becomes "shipped in 1970", is sorted first, and is overdue for every rule that looks for
#            it. `stock === 0n` is false exactly when there is none, and `stock + 1n` throws for an empty shelf only.
#            TypeScript is content with all of it. (int64 above 2^53 is rounded before, by JSON.parse: hey-api#4430.)
set -euo pipefail

command -v npm >/dev/null || { echo 'This finding needs npm in PATH.' >&2; exit 3; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
cd "$dir"

echo '{ "private": true, "type": "module" }' >package.json
platform=$(node -p 'process.platform + "-" + process.arch')
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" @hey-api/openapi-ts@0.99.0 \
  typescript@5.9.3 esbuild@0.28.2
export PATH="$dir/node_modules/.bin:$PATH"

cat >generate.mjs <<'JS'
import { createClient } from '@hey-api/openapi-ts';

const date = { type: 'string', format: 'date-time' };
const nullableDate = { type: ['string', 'null'], format: 'date-time' };
const order = {
  type: 'object',
  required: ['steps', 'reminders', 'cancelled', 'total', 'refund'],
  properties: {
    steps: { type: 'object', additionalProperties: nullableDate },
    reminders: { type: 'array', items: { anyOf: [date, { type: 'null' }] } },
    cancelled: nullableDate,
    total: { type: 'integer', format: 'int64' },
    refund: { type: ['integer', 'null'], format: 'int64' },
    stock: { type: 'integer', format: 'int64' },
  },
};
const content = { 'application/json': { schema: order } };
const get = { operationId: 'getOrder', responses: { 200: { description: 'An order', content } } };
await createClient({
  input: { openapi: '3.1.0', info: { title: 'Shop', version: '1' }, paths: { '/order': { get } } },
  output: 'sdk',
  logs: { level: 'silent' },
  plugins: ['@hey-api/client-fetch', '@hey-api/transformers', { name: '@hey-api/sdk', transformer: true }],
});
JS
node generate.mjs
esbuild sdk/sdk.gen.ts --bundle --platform=node --format=esm --outfile=sdk.mjs --log-level=error

cat >case.mjs <<'JS'
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { getOrder } from './sdk.mjs';

const at = '2026-01-02T03:04:05.000Z';
const sent = [
  { steps: { ordered: at, shipped: null }, reminders: [at, null], cancelled: null, total: 5, refund: 5, stock: 5 },
  { steps: {}, reminders: [], cancelled: at, total: 0, refund: 0, stock: 0 },
];
const answers = [...sent];
const server = createServer((_request, response) => {
  response.setHeader('content-type', 'application/json').end(JSON.stringify(answers.shift()));
}).listen(0, '127.0.0.1');
await once(server, 'listening');

const seen = [];
for (const _ of sent) {
  const { data } = await getOrder({ baseUrl: `http://127.0.0.1:${server.address().port}`, throwOnError: true });
  seen.push(data);
}
console.log(seen);
assert.deepEqual(seen, [
  {
    steps: { ordered: new Date(at), shipped: new Date(0) },
    reminders: [new Date(at), new Date(0)],
    cancelled: null,
    total: 5n,
    refund: 5n,
    stock: 5n,
  },
  { steps: {}, reminders: [], cancelled: new Date(at), total: 0n, refund: 0, stock: 0 },
]);
const types = readFileSync('sdk/types.gen.ts', 'utf8').replaceAll(/\s+/g, ' ');
const promised = [
  'steps: { [key: string]: Date | null; }',
  'reminders: Array<Date | null>',
  'refund: bigint | null',
  'stock?: bigint',
];
console.log('types:', promised);
for (const type of promised) assert.ok(types.includes(`${type};`), type);
server.closeAllConnections();
server.close();
JS
node case.mjs
echo 'As described.'
