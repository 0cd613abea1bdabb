#!/usr/bin/env bash
# An OpenTelemetry view that drops an attribute makes observable counters report one of the values, not their sum.
#
# What:      a view keeps the attribute `pool` and drops `state`. An observable up-down counter that reports 1 idle and
#            2 used connections becomes 2; an ordinary up-down counter with the same two values becomes 3.
# Versions:  @opentelemetry/sdk-metrics 3.1.1, @opentelemetry/api 1.10.0.
# Expected:  3 for both: a view is the documented way to lower the number of series, and the guidelines beside the
#            specification add the observations up in this very case. Whether an instrument is asked or told is a
#            detail of the library that has it.
# Instead:   the last observation of the callback stays, the others are forgotten, without a warning.
# Do:        no attribute filter on observable counters: observe the sums in the callback, or drop the label in the
#            collector or by `sum by (pool)` in Prometheus.
# For users: connection pools, caches and queues report their sizes by observation. After a view that was to save series
#            the numbers are too small, by a part that depends on the order in which the library observes.
set -euo pipefail

command -v npm >/dev/null || { echo 'This finding needs npm in PATH.' >&2; exit 3; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
cd "$dir"

echo '{ "private": true, "type": "module" }' >package.json
platform=$(node -p 'process.platform + "-" + process.arch')
npm install --no-audit --no-fund --silent --save-exact "node-$platform@24.21.0" @opentelemetry/api@1.10.0 \
  @opentelemetry/sdk-metrics@3.1.1
export PATH="$dir/node_modules/.bin:$PATH"

cat >case.mjs <<'JS'
import assert from 'node:assert/strict';
import {
  AggregationTemporality,
  createAllowListAttributesProcessor,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';

async function reported(views) {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1_000_000 });
  const meter = new MeterProvider({ readers: [reader], views }).getMeter('pool');

  const idle = { pool: 'main', state: 'idle' };
  const used = { pool: 'main', state: 'used' };
  const told = meter.createUpDownCounter('told');
  told.add(1, idle);
  told.add(2, used);
  const asked = [meter.createObservableUpDownCounter('asked'), meter.createObservableCounter('asked_counter')];
  for (const instrument of asked) {
    instrument.addCallback((result) => {
      result.observe(1, idle);
      result.observe(2, used);
    });
  }
  await reader.forceFlush();
  const metrics = exporter.getMetrics().at(-1).scopeMetrics.flatMap((scope) => scope.metrics);
  const values = metrics.map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints.map(({ value }) => value)]);
  return Object.fromEntries(values);
}

const seen = {
  'without a view': await reported([]),
  'with a view that keeps "pool"': await reported([
    { instrumentName: '*', attributesProcessors: [createAllowListAttributesProcessor(['pool'])] },
  ]),
};
console.log(seen);
assert.deepEqual(seen, {
  'without a view': { told: [1, 2], asked: [1, 2], asked_counter: [1, 2] },
  'with a view that keeps "pool"': { told: [3], asked: [2], asked_counter: [2] },
});
JS
node case.mjs
echo 'As described.'
