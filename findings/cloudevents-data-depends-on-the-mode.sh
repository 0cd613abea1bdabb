#!/usr/bin/env bash
# The CloudEvents SDK for JavaScript receives other data in binary mode than in structured mode: 42 or '42', false or
# nothing.
#
# What:      an event whose JSON data is 0 or false has `data: undefined` when it was sent structured. Sent binary, each
#            number and boolean arrives as a string: 19.99 as '19.99', false as 'false' (which is true).
# Versions:  cloudevents 10.0.0, over node:http.
# Expected:  data that is the same in both modes, and what was sent: the mode is the sender's choice and a broker in
#            between may change it. The JSON format takes any JSON value, the SDK's own schema too, and what it sends is
#            right.
# Instead:   the structured receiver looks whether `data` is truthy. The binary one parses a body of application/json
#            only if it begins with a brace, a bracket or a quotation mark. Objects and lists are right in both modes.
# Do:        send objects ({ value: 0 }), never a bare number, boolean or empty string as the data of an event.
# For users: a sensor's zero, a flag that was turned off and a balance of nothing are lost, no other value is; or `if
#            (event.data)` is true for false, and 10 + 1 is '101', once somebody switches the producer or the broker to
#            binary mode.
set -euo pipefail

command -v npm >/dev/null || { echo 'This finding needs npm in PATH.' >&2; exit 3; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
cd "$dir"

echo '{ "private": true, "type": "module" }' >package.json
platform=$(node -p 'process.platform + "-" + process.arch')
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" cloudevents@10.0.0
export PATH="$dir/node_modules/.bin:$PATH"

cat >case.mjs <<'JS'
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { CloudEvent, HTTP } from 'cloudevents';

let arrived;
const server = http.createServer(async (request, response) => {
  const body = await text(request);
  arrived = { body, data: HTTP.toEvent({ headers: request.headers, body }).data };
  response.end();
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const url = `http://127.0.0.1:${server.address().port}`;

/** What the receiver has for the data, by mode. */
async function received(data) {
  const seen = {};
  for (const mode of ['structured', 'binary']) {
    const event = new CloudEvent({ source: '/meter', type: 'read', datacontenttype: 'application/json', data });
    const { headers, body } = HTTP[mode](event);
    await (await fetch(url, { method: 'POST', headers, body })).arrayBuffer();
    const onTheWire = mode === 'binary' ? JSON.parse(arrived.body) : JSON.parse(arrived.body).data;
    assert.deepEqual(onTheWire, data); // what is sent is right in both modes
    seen[mode] = arrived.data;
  }
  return seen;
}

const seen = {};
for (const data of [{ value: 0 }, [0], 19.99, true, 0, false]) seen[JSON.stringify(data)] = await received(data);
console.log(seen);
assert.deepEqual(seen, {
  '{"value":0}': { structured: { value: 0 }, binary: { value: 0 } },
  '[0]': { structured: [0], binary: [0] },
  19.99: { structured: 19.99, binary: '19.99' },
  true: { structured: true, binary: 'true' },
  0: { structured: undefined, binary: '0' },
  false: { structured: undefined, binary: 'false' },
});
server.close();
server.closeAllConnections();
JS
node case.mjs
echo 'As described.'
