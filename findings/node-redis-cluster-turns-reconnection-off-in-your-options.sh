#!/usr/bin/env bash
# A cluster client of node-redis writes into the options that it was given, and a plain client of the same node that is
# made of them never reconnects.
#
# What:      `createCluster({ rootNodes: [node] })` sets `reconnectStrategy: false`, `commandOptions: undefined` and
#            `maintNotifications: 'disabled'` in `node` itself when it connects. After a redirection it does the same to the
#            options of the connected client of a node, which a duplicate of it inherits.
# Versions:  redis 6.3.1, a redis-server (seen with 7.0.15).
# Expected:  options are read. Each client reconnects after its connection was cut, as node-redis does by default.
# Instead:   the settings are meant for the short connection that asks for the slots, and are written into the object at
#            hand. `createClient(node)` made afterwards has no reconnection and no timeout of commands: its first cut
#            connection closes it for good. Made before the cluster connects, it reconnects.
# Do:        a new object for each client: `rootNodes: urls.map((url) => ({ url }))`; and name the options of a duplicate.
# For users: one config for a cluster and for plain clients beside it (subscriptions, blocking reads, administration) works
#            until the first failover or idle cut, then those clients are closed.
set -euo pipefail

command -v npm >/dev/null || { echo 'This finding needs npm in PATH.' >&2; exit 3; }
command -v redis-server >/dev/null || { echo 'This finding needs redis-server in PATH.' >&2; exit 3; }
dir=$(mktemp -d)
pid=
cleanup() {
  if [ -n "$pid" ]; then kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; fi
  rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
cd "$dir"

echo '{ "private": true, "type": "module" }' >package.json
platform=$(node -p 'process.platform + "-" + process.arch')
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" redis@6.3.1
export PATH="$dir/node_modules/.bin:$PATH"
reachable() {
  for _ in $(seq 300); do
    if (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
    sleep 0.1
  done
  echo 'The server did not start.' >&2
  return 1
}
# The port of the cluster's bus is this one and 10,000.
port=$(node -e '
  const tryPort = (port) => net.createServer().on("error", () => tryPort(port + 1))
    .listen(port, "127.0.0.1", function () { console.log(port); this.close() });
  tryPort(20000 + Math.floor(Math.random() * 20000));
')
redis-server --port "$port" --bind 127.0.0.1 --cluster-enabled yes --save '' --appendonly no --dir "$dir" >redis.log &
pid=$!
reachable "$port"

cat >case.mjs <<'JS'
import assert from 'node:assert/strict';
import { createClient, createCluster } from 'redis';

const url = `redis://127.0.0.1:${process.argv[2]}`;
const ignore = () => {};
const admin = await createClient({ url }).connect();
await admin.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', '0', '16383']);
while (!(await admin.sendCommand(['CLUSTER', 'INFO'])).includes('cluster_state:ok')) {
  await new Promise((resolve) => setTimeout(resolve, 50));
}

/** What becomes of a client whose connection is cut. */
async function afterCut(client) {
  await client.on('error', ignore).connect();
  const again = new Promise((resolve) => client.once('ready', () => resolve('connected again')));
  const ended = new Promise((resolve) => client.once('end', () => resolve('ended')));
  await admin.sendCommand(['CLIENT', 'KILL', 'ID', String(await client.clientId())]);
  const closed = (async () => {
    while (client.isOpen) await new Promise((resolve) => setTimeout(resolve, 50));
    return 'closed';
  })();
  const outcome = await Promise.race([again, ended, closed]);
  if (client.isOpen) client.destroy();
  return outcome;
}

const optionsOf = () => ({ url, commandOptions: { timeout: 5_000 } });
const unused = await afterCut(createClient(optionsOf()));
const node = optionsOf();
const cluster = await createCluster({ rootNodes: [node] }).on('error', ignore).connect();
const { reconnectStrategy } = node.socket;
const { commandOptions, maintNotifications } = node;
const used = await afterCut(createClient(node));
console.log('client of options of its own:           ', unused);
console.log('the options, after a cluster has connected:', { reconnectStrategy, commandOptions, maintNotifications });
console.log('client of those options:                ', used);
assert.equal(unused, 'connected again');
assert.deepEqual([reconnectStrategy, commandOptions, maintNotifications], [false, undefined, 'disabled']);
assert.equal(used, 'closed');
cluster.destroy();
admin.destroy();
JS
node case.mjs "$port"
echo 'As described.'
