#!/usr/bin/env bash
# Express takes the class from the responses (and requests) of a server that has its own.
#
# What:      `http.createServer({ ServerResponse: Mine }, app)`: before the first middleware runs, Express sets the
#            prototype of the response to its own, which is made of http.ServerResponse. Methods that Mine overrides are
#            no longer called, and `res instanceof Mine` is false. The same goes for IncomingMessage.
# Versions:  express 5.3.0 and 4.21.2, with Node.js 24.21.0.
# Expected:  the class that the server was given: Node.js documents both options as useful for extending the original,
#            and the application is only a listener of that server.
# Instead:   what the class does is done for every request that Express does not see, and silently for none that it does.
# Do:        set the methods on each response as its own properties, in a listener before the application; these stay.
# For users: a count of open answers that never falls (so that a graceful stop waits for its deadline), an access log
#            or a header filter in a subclass that works with every other framework, and writes nothing for Express.
set -euo pipefail

command -v npm >/dev/null || { echo 'This finding needs npm in PATH.' >&2; exit 3; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
cd "$dir"

echo '{ "private": true, "type": "module" }' >package.json
platform=$(node -p 'process.platform + "-" + process.arch')
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" express@5.3.0 express-4@npm:express@4.21.2
export PATH="$dir/node_modules/node-$platform/bin:$PATH"

cat >case.mjs <<'JS'
import assert from 'node:assert/strict';
import { createServer, ServerResponse } from 'node:http';
import { once } from 'node:events';
import express5 from 'express';
import express4 from 'express-4';

async function seen(listenerOf) {
  let called = 0;
  let kept;
  class Counted extends ServerResponse {
    detachSocket(socket) {
      called++;
      super.detachSocket(socket);
    }
  }
  const own = (res) => (kept = res instanceof Counted);
  const server = createServer({ ServerResponse: Counted }, listenerOf(own)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const answer = await fetch(`http://127.0.0.1:${server.address().port}/`, { headers: { connection: 'close' } });
  assert.equal(await answer.text(), 'hello');
  await new Promise((resolve) => server.close(resolve));
  return { called, 'instanceof the class': kept };
}

const application = (express) => (own) => {
  const app = express();
  app.get('/', (_req, res) => {
    own(res);
    res.end('hello');
  });
  return app;
};
const all = {
  'a plain listener': await seen((own) => (_req, res) => {
    own(res);
    res.end('hello');
  }),
  'express 5': await seen(application(express5)),
  'express 4': await seen(application(express4)),
};
console.log(all);
assert.deepEqual(all, {
  'a plain listener': { called: 1, 'instanceof the class': true },
  'express 5': { called: 0, 'instanceof the class': false },
  'express 4': { called: 0, 'instanceof the class': false },
});
JS
node case.mjs
echo 'As described.'
