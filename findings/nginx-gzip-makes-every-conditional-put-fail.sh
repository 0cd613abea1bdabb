#!/usr/bin/env bash
# Behind nginx with gzip no client can save what it has read: If-Match with the ETag that it got fails, each time.
#
# What:      a service answers GET with ETag: "v1" and takes PUT with If-Match: "v1". Through nginx, with `gzip on`, the
#            ETag of the very same answer is W/"v1", and a PUT with that is 412 for ever.
# Versions:  nginx in PATH (seen with 1.22.1), a service of node:http on Node 24.21.0.
# Expected:  200, as without gzip, and as for a client that takes no gzip: the editor has the latest version, nobody
#            else has written.
# Instead:   a gzipped body is another representation, so nginx may not leave the strong ETag as it is, and makes it a
#            weak one (since 1.7.3). If-Match needs the strong comparison (RFC 9110, 13.1.1), in which a weak tag equals
#            nothing. Both are right; together they fail. If-None-Match compares weakly and works, so all looks well.
# Do:        `gzip off` for what is edited, or compress in the service, with a strong tag for each coding ("v1-gzip")
#            that its If-Match knows. Where a tag is a version, as "v1" here, the service may take W/"v1" for "v1" by
#            its own decision.
# For users: it shows with the proxy alone, with clients that accept gzip (browsers, fetch), and for bodies above
#            gzip_min_length: small documents can be saved, large ones never.
set -euo pipefail

command -v npm >/dev/null || { echo 'This finding needs npm in PATH.' >&2; exit 3; }
command -v nginx >/dev/null || { echo 'This finding needs nginx in PATH.' >&2; exit 3; }
dir=$(mktemp -d)
pids=()
cleanup() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
cd "$dir"

echo '{ "private": true, "type": "module" }' >package.json
platform=$(node -p 'process.platform + "-" + process.arch')
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0"
export PATH="$dir/node_modules/.bin:$PATH"
free_port() {
  node -e 'net.createServer().listen(0, "127.0.0.1", function () { console.log(this.address().port); this.close() })'
}
reachable() {
  for _ in $(seq 300); do
    if (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
    sleep 0.1
  done
  echo 'The server did not start.' >&2
  return 1
}

cat >service.mjs <<'JS'
import http from 'node:http';

const content = (note) => JSON.stringify({ note, text: 'x'.repeat(1000) });
http
  .createServer(async (request, response) => {
    const isLarge = request.url.endsWith('/large');
    if (request.method === 'PUT') {
      for await (const _ of request);
      response.writeHead(request.headers['if-match'] === '"v1"' ? 200 : 412, { etag: '"v1"' }).end();
    } else if (request.headers['if-none-match']?.replace('W/', '') === '"v1"') {
      response.writeHead(304, { etag: '"v1"' }).end();
    } else {
      const body = isLarge ? content('large') : '{}';
      const headers = { etag: '"v1"', 'content-type': 'application/json', 'content-length': body.length };
      response.writeHead(200, headers).end(body);
    }
  })
  .listen(Number(process.argv[2]), '127.0.0.1');
JS
service=$(free_port)
node service.mjs "$service" &
pids+=($!)
reachable "$service"
proxy=$(free_port)
cat >nginx.conf <<CONF
daemon off;
worker_processes 1;
pid $dir/nginx.pid;
error_log $dir/error.log;
events {}
http {
  access_log off;
  client_body_temp_path $dir/body;
  proxy_temp_path $dir/proxy;
  fastcgi_temp_path $dir/fastcgi;
  uwsgi_temp_path $dir/uwsgi;
  scgi_temp_path $dir/scgi;
  server {
    listen 127.0.0.1:$proxy;
    gzip on;
    gzip_types application/json;
    location / { proxy_pass http://127.0.0.1:$service; }
  }
}
CONF
nginx -e "$dir/error.log" -p "$dir" -c "$dir/nginx.conf" &
pids+=($!)
reachable "$proxy"

cat >case.mjs <<'JS'
import assert from 'node:assert/strict';

const [service, proxy] = process.argv.slice(2);

/** Reads a document, saves it with the ETag that came with it, and asks whether it has changed. */
async function edited(port, path, encoding) {
  const url = `http://127.0.0.1:${port}${path}`;
  const read = await fetch(url, { headers: { 'accept-encoding': encoding } });
  const document = await read.text();
  const etag = read.headers.get('etag');
  const saved = await fetch(url, { method: 'PUT', headers: { 'if-match': etag }, body: document });
  const again = await fetch(url, { headers: { 'accept-encoding': encoding, 'if-none-match': etag } });
  return { etag, 'PUT, If-Match': saved.status, 'GET, If-None-Match': again.status };
}

const seen = {
  'the service itself': await edited(service, '/large', 'gzip'),
  'nginx, large': await edited(proxy, '/large', 'gzip'),
  'nginx, small': await edited(proxy, '/small', 'gzip'),
  'nginx, large, no gzip asked for': await edited(proxy, '/large', 'identity'),
};
console.log(seen);
const works = { etag: '"v1"', 'PUT, If-Match': 200, 'GET, If-None-Match': 304 };
assert.deepEqual(seen, {
  'the service itself': works,
  'nginx, large': { etag: 'W/"v1"', 'PUT, If-Match': 412, 'GET, If-None-Match': 304 },
  'nginx, small': works,
  'nginx, large, no gzip asked for': works,
});
process.exit();
JS
node case.mjs "$service" "$proxy"
echo 'As described.'
