#!/usr/bin/env bash
# In vitest any two keys are equal, and so are any two responses: such an assertion cannot fail.
#
# What:      expect(a).toEqual(b), toStrictEqual(b) and toHaveBeenCalledWith(b) pass for two different CryptoKeys, two
#            different KeyObjects, two Responses of different status and two Requests to different addresses.
# Versions:  vitest 5.1.2 on Node 24.21.0; node:assert beside it.
# Expected:  a failure: node:assert tells different keys apart, and vitest itself does so for URL, Headers, FormData,
#            Blob and Error.
# Instead:   these objects keep what they are in private fields and have no enumerable properties, so that two of one
#            class have nothing left to differ in. Only `expect(a).toBe(a)` looks at anything.
# Do:        compare what identifies them: `await crypto.subtle.exportKey('jwk', key)`, key.export(), key.equals(other);
#            response.status and `await response.json()`; request.url and request.method.
# For users: a test of key rotation ("the verifier got the new key"), of a key store or of a proxy ("called with this
#            Request") stays green when the code hands out the old key or calls another address.
set -euo pipefail

command -v npm >/dev/null || { echo 'This finding needs npm in PATH.' >&2; exit 3; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
cd "$dir"

echo '{ "private": true, "type": "module" }' >package.json
platform=$(node -p 'process.platform + "-" + process.arch')
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" vitest@5.1.2
export PATH="$dir/node_modules/.bin:$PATH"

cat >case.mjs <<'JS'
import assert from 'node:assert/strict';
import { createSecretKey, generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';

const passes = (assertion) => {
  try {
    assertion();
    return true;
  } catch {
    return false;
  }
};
const hmac = (byte) => {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  return crypto.subtle.importKey('raw', new Uint8Array(32).fill(byte), algorithm, true, ['sign']);
};

test('different things', async () => {
  const pairs = {
    CryptoKey: [await hmac(1), await hmac(2)],
    'secret KeyObject': [createSecretKey(Buffer.alloc(32, 1)), createSecretKey(Buffer.alloc(32, 2))],
    'public KeyObject': [generateKeyPairSync('ed25519').publicKey, generateKeyPairSync('ed25519').publicKey],
    Response: [Response.json({ ok: true }), Response.json({ ok: false }, { status: 500 })],
    Request: [new Request('http://a.test/1'), new Request('http://b.test/2', { method: 'POST', body: 'x' })],
    URL: [new URL('http://a.test/1'), new URL('http://b.test/2')],
    Headers: [new Headers({ a: '1' }), new Headers({ a: '2' })],
  };
  const seen = {};
  for (const [name, [a, b]] of Object.entries(pairs)) {
    const spy = vi.fn();
    spy(a);
    seen[name] = {
      toEqual: passes(() => expect(a).toEqual(b)),
      toStrictEqual: passes(() => expect(a).toStrictEqual(b)),
      toHaveBeenCalledWith: passes(() => expect(spy).toHaveBeenCalledWith(b)),
      'node:assert': passes(() => assert.deepEqual(a, b)),
    };
  }
  writeFileSync('seen.json', JSON.stringify(seen));
});
JS
mv case.mjs case.test.mjs
vitest run --no-color >vitest.log 2>&1 || { cat vitest.log; exit 1; }
cat >look.mjs <<'JS'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

const seen = JSON.parse(readFileSync('seen.json', 'utf8'));
console.log('what passes for two different ones:');
console.table(seen);
for (const name of ['CryptoKey', 'secret KeyObject', 'public KeyObject', 'Response', 'Request']) {
  const { 'node:assert': node, ...vitest } = seen[name];
  assert.deepEqual(vitest, { toEqual: true, toStrictEqual: true, toHaveBeenCalledWith: true }, name);
  if (name.endsWith('Key') || name.endsWith('KeyObject')) assert.equal(node, false, name);
}
for (const name of ['URL', 'Headers']) assert.equal(seen[name].toEqual, false, name);
JS
node look.mjs
echo 'As described.'
