#!/usr/bin/env bash
# OpenTelemetry's cardinality limit never stops a counter from growing, and cuts off gauges that are far below it.
#
# What:      a limit of 10, and 5 new attribute sets in each export: a counter has 40 series after 8 exports and no
#            overflow; an observable gauge of 5 connections, of which all 5 are new each time, shows none of them from
#            the third export on: all living ones share one overflow point, which has the value of the last.
# Versions:  @opentelemetry/sdk-metrics 3.1.1, @opentelemetry/api 1.10.0.
# Expected:  the README: the limit is the number of series that an instrument can have ("Counters can have up to 10,000
#            time series"). The specification: a hard limit on the points of a collection, overflow included.
# Instead:   for counters, histograms and gauges the limit is applied to what was recorded since the last export, and
#            the result is merged into all that ever was. For observable instruments it is applied to all sets ever
#            observed, which are never forgotten, and not to the few that are observed now.
# Do:        do not count on the limit: keep attributes with an open set of values (user, connection, job id) out of
#            instruments, or drop them by a view. For observables of things that come and go, number the places (slot 1
#            to n) instead of the things, or set the limit above all that a process will ever see.
# For users: the default is 2000, so a process that must be protected from an attribute with user ids grows without end
#            if fewer than 2000 users come per export; and after the 2000th connection, pod or partition the dashboard
#            shows nothing of those that are alive but one number.
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
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';

const perExport = 5;

/** The points of each of 8 exports, while each has 5 attribute sets that are new. */
async function exported(temporality, instrument) {
  const exporter = new InMemoryMetricExporter(temporality);
  const cardinalityLimits = { default: 10 };
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1_000_000, cardinalityLimits });
  const record = instrument(new MeterProvider({ readers: [reader] }).getMeter('limits'));
  const points = [];
  for (let first = 0; first < 8 * perExport; first += perExport) {
    record(Array.from({ length: perExport }, (_, at) => first + at));
    await reader.forceFlush();
    points.push(exporter.getMetrics().at(-1).scopeMetrics[0].metrics[0].dataPoints);
    exporter.reset();
  }
  return points;
}

function counter(meter) {
  const requests = meter.createCounter('requests');
  return (users) => users.forEach((user) => requests.add(1, { user }));
}

function gauge(meter) {
  let living = [];
  meter.createObservableGauge('sent').addCallback((result) => {
    for (const connection of living) result.observe(100 + connection, { connection });
  });
  return (connections) => (living = connections);
}

const isOverflow = ({ attributes }) => attributes['otel.metric.overflow'] === true;
const counted = await exported(AggregationTemporality.CUMULATIVE, counter);
const seen = {
  'series of the counter': counted.map((points) => points.length),
  'overflow points of the counter': counted.flat().filter(isOverflow).length,
};
for (const name of ['CUMULATIVE', 'DELTA']) {
  const observed = await exported(AggregationTemporality[name], gauge);
  const living = (points, at) => points.filter(({ attributes }) => attributes.connection >= at * perExport).length;
  seen[`living connections that the gauge shows, ${name}`] = observed.map(living);
  seen[`overflow point of the last export, ${name}`] = observed.at(-1).find(isOverflow).value;
}
console.log(seen);
assert.deepEqual(seen, {
  'series of the counter': [5, 10, 15, 20, 25, 30, 35, 40],
  'overflow points of the counter': 0,
  'living connections that the gauge shows, CUMULATIVE': [5, 4, 0, 0, 0, 0, 0, 0],
  'overflow point of the last export, CUMULATIVE': 139,
  'living connections that the gauge shows, DELTA': [5, 4, 0, 0, 0, 0, 0, 0],
  'overflow point of the last export, DELTA': 139,
});
JS
node case.mjs
echo 'As described.'
