#!/usr/bin/env bash
# OpenTelemetry's Prometheus exporter writes one series twice when an attribute is once a number and once a string.
#
# What:      counter.add(1, { code: 200 }) and counter.add(1, { code: '200' }) are two series in the SDK and become
#            two lines with the same name and labels in the exposition, of which Prometheus keeps the first alone.
# Versions:  @opentelemetry/sdk-metrics 3.1.1, @opentelemetry/exporter-prometheus 0.301.0, @opentelemetry/api 1.10.0;
#            Prometheus (seen with 2.42) if there is one in PATH.
# Expected:  43 responses counted as 43. Labels are strings, so the exporter, which writes both values as "200", adds
#            up what falls together (for attribute *keys* that fall together the specification has such a rule).
# Instead:   the exposition has `{code="200"} 3` and `{code="200"} 40`; `promtool check metrics` is content, the target
#            is up, and Prometheus stores 3. Which of the two it is depends on which came first in the process.
# Do:        give an attribute its type at one place (always String(code)), or export by OTLP, which keeps the types.
# For users: a library that passes attributes on must fix their types itself. One caller that has a status from a
#            header or a database, as a string, takes most of a graph away, and nothing says so in the service.
set -euo pipefail

command -v npm >/dev/null || { echo 'This finding needs npm in PATH.' >&2; exit 3; }
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
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" \
  @opentelemetry/api@1.10.0 @opentelemetry/sdk-metrics@3.1.1 @opentelemetry/exporter-prometheus@0.301.0
export PATH="$dir/node_modules/.bin:$PATH"
free_port() {
  node -e 'net.createServer().listen(0, "127.0.0.1", function () { console.log(this.address().port); this.close() })'
}

cat >service.mjs <<'JS'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';

const exporter = new PrometheusExporter({ host: '127.0.0.1', port: Number(process.argv[2]) });
const meter = new MeterProvider({ readers: [exporter] }).getMeter('shop');
const responses = meter.createCounter('http_responses');
for (let i = 0; i < 3; i++) responses.add(1, { code: 200 }); // one handler has the number
for (let i = 0; i < 40; i++) responses.add(1, { code: '200' }); // another one the string
setInterval(() => {}, 60_000); // the exporter's server alone does not keep the process
JS
port=$(free_port)
node service.mjs "$port" &
pids+=($!)

cat >look.mjs <<'JS'
import assert from 'node:assert/strict';

const [metrics, prometheus] = process.argv.slice(2);
const until = async (what, look) => {
  for (let i = 0; i < 300; i++) {
    const answer = await look().catch(() => undefined);
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${what} did not come.`);
};

const text = await until('the exposition', async () => (await fetch(metrics)).text());
const lines = text.split('\n').filter((line) => line.startsWith('http_responses_total'));
console.log(`exposition:\n  ${lines.join('\n  ')}`);
const series = lines.map((line) => line.slice(0, line.lastIndexOf(' ')));
assert.equal(series.length, 2);
assert.equal(series[0], series[1], 'The two lines are two series now.');

if (prometheus) {
  const query = async (expression) => {
    const answer = await fetch(`${prometheus}/api/v1/query?query=${encodeURIComponent(expression)}`);
    return (await answer.json()).data.result[0]?.value[1];
  };
  const stored = await until('a sample', () => query('sum(http_responses_total)'));
  console.log(`Prometheus: up ${await query('up')}, stored ${stored} of 43`);
  assert.equal(await query('up'), '1');
  assert.notEqual(stored, '43', 'Nothing is lost any more.');
} else console.log('Prometheus: not in PATH, so only the exposition was looked at');
JS

address=
if command -v prometheus >/dev/null; then
  web=$(free_port)
  cat >prometheus.yml <<YML
global: { scrape_interval: 1s }
scrape_configs: [{ job_name: shop, static_configs: [{ targets: ['127.0.0.1:$port'] }] }]
YML
  prometheus --config.file=prometheus.yml --storage.tsdb.path=data --web.listen-address="127.0.0.1:$web" \
    >prometheus.log 2>&1 &
  pids+=($!)
  address="http://127.0.0.1:$web"
fi
node look.mjs "http://127.0.0.1:$port/metrics" "$address"
echo 'As described.'
