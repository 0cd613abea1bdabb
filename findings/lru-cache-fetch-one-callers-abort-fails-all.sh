#!/usr/bin/env bash
# lru-cache's fetch(): the signal of the caller who came first is everybody's, and a forced refresh may be none.
#
# What:      callers of fetch(key) share one load. If the first one passed a signal and aborts, all of them are rejected
#            with its reason; the signal of a later caller does nothing; `forceRefresh` during a load joins that load.
# Versions:  lru-cache 11.5.3.
# Expected:  a signal ends the waiting of its owner alone (the load goes on while anybody waits), and forceRefresh, made
#            for "do not use what you have", does not answer with a load that began before it.
# Instead:   as above: the second caller sees an abort that it never asked for. After a write, a
#            fetch(key, { forceRefresh: true }) gives the value from before the write, and that one is then cached.
# Do:        do not pass the request's signal to fetch(): race it outside (`Promise.race` with the signal), or count the
#            waiting callers and abort when the last has left. After a write, set(key, value), or delete(key) and then
#            fetch(key); both reject who waits for the old load.
# For users: in a server the signal is "this client has gone". One closed browser tab answers every other request that
#            waits for the same entry with an error, most of all at the busiest keys.
set -euo pipefail

command -v npm >/dev/null || { echo 'This finding needs npm in PATH.' >&2; exit 3; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
cd "$dir"

echo '{ "private": true, "type": "module" }' >package.json
platform=$(node -p 'process.platform + "-" + process.arch')
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" lru-cache@11.5.3
export PATH="$dir/node_modules/.bin:$PATH"

cat >case.mjs <<'JS'
import assert from 'node:assert/strict';
import { LRUCache } from 'lru-cache';

let source = 'old';
let release;
const gate = () => new Promise((resolve) => (release = resolve));
let opened = gate();
const cache = new LRUCache({
  max: 10,
  async fetchMethod() {
    const value = source; // read now, answered later, as a database does
    await opened;
    return value;
  },
});
const outcome = (promise) => promise.then((value) => `got ${value}`, (error) => `rejected: ${error.message}`);

const first = new AbortController();
const waiting = [outcome(cache.fetch('a', { signal: first.signal })), outcome(cache.fetch('a'))];
first.abort(new Error('the first client has gone'));
release();
const afterFirst = await Promise.all(waiting);
console.log('the first caller aborts:', afterFirst);

opened = gate();
const second = new AbortController();
const again = [outcome(cache.fetch('b')), outcome(cache.fetch('b', { signal: second.signal }))];
second.abort(new Error('the second client has gone'));
release();
const afterSecond = await Promise.all(again);
console.log('the second caller aborts:', afterSecond);

opened = gate();
const reader = cache.fetch('c');
source = 'new'; // a write by somebody, who then asks for the fresh value
const refreshed = cache.fetch('c', { forceRefresh: true });
release();
const afterWrite = { reader: await reader, forced: await refreshed, cached: cache.get('c') };
console.log('forced refresh during a load:', afterWrite);

assert.deepEqual(afterFirst, ['rejected: the first client has gone', 'rejected: the first client has gone']);
assert.deepEqual(afterSecond, ['got old', 'got old']);
assert.deepEqual(afterWrite, { reader: 'old', forced: 'old', cached: 'old' });
JS
node case.mjs
echo 'As described.'
