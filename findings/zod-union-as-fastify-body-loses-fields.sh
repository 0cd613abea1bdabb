#!/usr/bin/env bash
# A zod union, made a JSON Schema and given to Fastify, drops fields of valid bodies before the handler sees them.
#
# What:      z.toJSONSchema() of a union of objects as the `body` of a route: { kind: 'sms', to: '1', sender: 'me' }
#            arrives as { kind: 'sms', to: '1' }, with status 200.
# Versions:  zod 4.6.7, fastify 5.12.8 (its own validator: ajv with removeAdditional).
# Expected:  what zod's own parse() gives: the whole body. All three steps are the documented ones with their defaults.
# Instead:   toJSONSchema() describes the *output* by default, where each object closes itself
#            (`additionalProperties: false`); Fastify's ajv *removes* what a branch does not know, while it tries the
#            branches in turn: a branch that fails has by then deleted the optional fields of the right one. A required
#            field would be missed with an error; an optional one is just gone.
# Do:        z.toJSONSchema(schema, { io: 'input' }) for requests (objects are open there), or a validator compiler that
#            calls zod, or `ajv: { customOptions: { removeAdditional: false } }`.
# For users: with z.union it depends on the order of the members, with z.discriminatedUnion (`oneOf`: all branches are
#            tried) not even on that, and in both on which required fields the members share. A new member of the union
#            can break an old one.
set -euo pipefail

command -v npm >/dev/null || { echo 'This finding needs npm in PATH.' >&2; exit 3; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
cd "$dir"

echo '{ "private": true, "type": "module" }' >package.json
platform=$(node -p 'process.platform + "-" + process.arch')
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" zod@4.6.7 fastify@5.12.8
export PATH="$dir/node_modules/.bin:$PATH"

cat >case.mjs <<'JS'
import assert from 'node:assert/strict';
import Fastify from 'fastify';
import { z } from 'zod';

const mail = z.object({ kind: z.literal('mail'), to: z.string() });
const sms = z.object({ kind: z.literal('sms'), to: z.string(), sender: z.string().optional() });
const sent = { kind: 'sms', to: '1', sender: 'me' };

async function received(schema, options) {
  const app = Fastify();
  const { $schema, ...body } = z.toJSONSchema(schema, options);
  app.post('/messages', { schema: { body } }, async (request) => request.body);
  const response = await app.inject({ method: 'POST', url: '/messages', payload: sent });
  await app.close();
  return { status: response.statusCode, ...response.json() };
}

const message = z.discriminatedUnion('kind', [mail, sms]);
const seen = {
  zod: message.parse(sent),
  'discriminated union': await received(message),
  'union, mail first': await received(z.union([mail, sms])),
  'union, sms first': await received(z.union([sms, mail])),
  "discriminated union, io: 'input'": await received(message, { io: 'input' }),
};
console.log(seen);
assert.deepEqual(seen, {
  zod: sent,
  'discriminated union': { status: 200, kind: 'sms', to: '1' },
  'union, mail first': { status: 200, kind: 'sms', to: '1' },
  'union, sms first': { status: 200, ...sent },
  "discriminated union, io: 'input'": { status: 200, ...sent },
});
JS
node case.mjs
echo 'As described.'
