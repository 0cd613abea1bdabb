#!/usr/bin/env bash
# unstorage cuts a key at the first question mark: all pages of a URL are one entry.
#
# What:      setItem('/api/users?page=1', ...) and setItem('/api/users?page=2', ...) write the same entry.
# Versions:  unstorage 1.17.6.
# Expected:  two keys, two entries: with a cache of responses the key is the URL. That '/' and ':' are the same
#            separator is well known; that a part of the key is dropped is another matter.
# Instead:   the core's normalisation, before any driver, removes everything from the '?' on (meant so: a test of the
#            library has it). Page 1 then answers with page 2; has, remove and meta data are shared as well.
# Do:        hash or encode the variable part of a key (encodeURIComponent of the URL, or its SHA-256) before it gets to
#            unstorage, and never build keys of what users type without doing so.
# For users: any wrapper over unstorage (sessions, caches of pages, rate limits by URL) gives one caller another one's
#            value as soon as keys have a '?'; no driver can repair it, since the driver never sees the rest.
set -euo pipefail

command -v npm >/dev/null || { echo 'This finding needs npm in PATH.' >&2; exit 3; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
cd "$dir"

echo '{ "private": true, "type": "module" }' >package.json
platform=$(node -p 'process.platform + "-" + process.arch')
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" unstorage@1.17.6
export PATH="$dir/node_modules/.bin:$PATH"

cat >case.mjs <<'JS'
import assert from 'node:assert/strict';
import { createStorage } from 'unstorage';

const storage = createStorage(); // in memory
await storage.setItem('/api/users?page=1', ['ann', 'bob']);
await storage.setItem('/api/users?page=2', ['cem', 'dov']);
await storage.setItem('/api/users?page=2&secret=yes', ['eve']);

const seen = {
  'page 1': await storage.getItem('/api/users?page=1'),
  'page 3, never set': await storage.getItem('/api/users?page=3'),
  keys: await storage.getKeys(),
};
await storage.removeItem('/api/users?page=3');
seen['page 1, after page 3 was removed'] = await storage.getItem('/api/users?page=1');
console.log(seen);
assert.deepEqual(seen, {
  'page 1': ['eve'],
  'page 3, never set': ['eve'],
  keys: ['api:users'],
  'page 1, after page 3 was removed': null,
});
JS
node case.mjs
echo 'As described.'
