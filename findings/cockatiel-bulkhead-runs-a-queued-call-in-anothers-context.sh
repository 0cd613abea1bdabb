#!/usr/bin/env bash
# A call that waited in a bulkhead of cockatiel runs in the AsyncLocalStorage context of the call that ended before it.
#
# What:      bulkhead(1, 10).execute(fn) by four requests at once: the function of request B, C and D sees the store of
#            A, at its first line and after every await. The call that found a free place is right.
# Versions:  cockatiel 4.0.0, bottleneck 2.19.5, fastq 1.20.1 (its promise API); p-limit 7.3.3 and p-queue 10.0.0 beside
#            them.
# Expected:  the store of the request that called execute(): p-limit and p-queue give it, and `await` keeps it
#            everywhere else, so that who reads the code cannot see a boundary.
# Instead:   a queued function is called by whoever frees the place, synchronously, hence in that one's context; all
#            that it starts inherits it. bottleneck's schedule() and fastq's push() do the same.
# Do:        `bulkhead.execute(AsyncResource.bind(fn))`, with AsyncResource of node:async_hooks.
# For users: request id, active span, tenant and ambient transaction are read from such a store. Under load, when a
#            bulkhead begins to queue, the work of one customer is logged, traced, filtered and written as the work of
#            another.
set -euo pipefail

command -v npm >/dev/null || { echo 'This finding needs npm in PATH.' >&2; exit 3; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
cd "$dir"

echo '{ "private": true, "type": "module" }' >package.json
platform=$(node -p 'process.platform + "-" + process.arch')
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" cockatiel@4.0.0 bottleneck@2.19.5 \
  fastq@1.20.1 p-limit@7.3.3 p-queue@10.0.0
export PATH="$dir/node_modules/.bin:$PATH"

cat >case.mjs <<'JS'
import assert from 'node:assert/strict';
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import Bottleneck from 'bottleneck';
import { bulkhead } from 'cockatiel';
import fastq from 'fastq';
import pLimit from 'p-limit';
import PQueue from 'p-queue';

const request = new AsyncLocalStorage();

/** Whose store the functions of the requests A to D have, at the start and after an await. */
async function stores(execute) {
  const seen = [];
  const call = (id) =>
    request.run(id, () =>
      execute(async () => {
        const before = request.getStore();
        await new Promise(setImmediate);
        seen.push(`${id}: ${before}${request.getStore()}`);
      }),
    );
  await Promise.all(['A', 'B', 'C', 'D'].map(call));
  return seen.join(', ');
}

const wall = bulkhead(1, 10);
const limiter = new Bottleneck({ maxConcurrent: 1 });
const tasks = fastq.promise((fn) => fn(), 1);
const limit = pLimit(1);
const queue = new PQueue({ concurrency: 1 });
const seen = {
  'p-limit': await stores((fn) => limit(fn)),
  'p-queue': await stores((fn) => queue.add(fn)),
  cockatiel: await stores((fn) => wall.execute(fn)),
  bottleneck: await stores((fn) => limiter.schedule(fn)),
  fastq: await stores((fn) => tasks.push(fn)),
  'cockatiel, bound': await stores((fn) => wall.execute(AsyncResource.bind(fn))),
};
console.log(seen);
const right = 'A: AA, B: BB, C: CC, D: DD';
const ofTheFirst = 'A: AA, B: AA, C: AA, D: AA';
assert.deepEqual(seen, {
  'p-limit': right,
  'p-queue': right,
  cockatiel: ofTheFirst,
  bottleneck: ofTheFirst,
  fastq: ofTheFirst,
  'cockatiel, bound': right,
});
JS
node case.mjs
echo 'As described.'
