// What it costs an operation to be measured: by our metrics, against prom-client and OpenTelemetry called by hand. Each
// in a process of its own, since all who listen to a channel hear of an operation. What it costs a whole service:
// examples/user-service/bench.
import { subscribe, tracingChannel } from 'node:diagnostics_channel';
import type { Attributes } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { Counter, Histogram, Registry } from 'prom-client';
import { bench } from '../../../scripts/bench.ts';
import { onOperation } from '../src/index.ts';
import { measureOperations } from '../src/opentelemetry.ts';
import { createMetrics } from '../src/prometheus.ts';

const registers = [new Registry()];
const labelNames = ['http_request_method', 'http_route', 'http_response_status_code', 'url_scheme', 'error_type'];
const duration = new Histogram({ name: 'byhand_seconds', help: 'By hand.', labelNames, registers });
const hits = new Counter({
  name: 'byhand_total',
  help: 'By hand.',
  labelNames: ['driver', 'tier', 'result'],
  registers,
});
const took = new Histogram({
  name: 'byhand_cache_seconds',
  help: 'By hand.',
  labelNames: ['driver', 'operation', 'result'],
  registers,
});

/** An operation as the packages publish it, answered at once. */
function published(name: string, payload: () => object): () => void {
  const channel = tracingChannel<object, object>(name);
  return () => {
    if (!channel.hasSubscribers) return;
    const event = payload();
    channel.start.publish(event);
    channel.end.publish(event);
    channel.asyncStart.publish(event);
    channel.asyncEnd.publish(event);
  };
}

/** What one would write first: the start in a `WeakMap`, and prom-client at the end. */
function byHand(name: string, end: (seconds: number) => void): void {
  const startedAt = new WeakMap<object, number>();
  subscribe(`tracing:${name}:start`, (payload) => void startedAt.set(payload as object, performance.now()));
  subscribe(`tracing:${name}:asyncEnd`, (payload) => {
    const start = startedAt.get(payload as object) ?? 0;
    startedAt.delete(payload as object);
    end((performance.now() - start) / 1000);
  });
}

/** An SDK with a reader, as an application has it, which collects in an hour. */
function meters(): MeterProvider {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  return new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })],
  });
}

/** Listens from the first call on, in the process of its subject alone. */
function listening(listen: () => unknown, work: () => void): () => void {
  let isListening = false;
  return () => {
    if (!isListening) {
      isListening = true;
      listen();
    }
    work();
  };
}

async function compare(
  title: string,
  name: string,
  payload: () => object,
  end: (seconds: number) => void,
  attributes: Attributes,
) {
  const work = published(name, payload);
  await bench(title, {
    isolate: true,
    clock: 'cpu',
    raw: listening(() => byHand(name, end), work),
    subjects: {
      '@ent: prometheus': listening(() => createMetrics(), work),
      '@ent: OpenTelemetry': listening(() => measureOperations({ meterProvider: meters() }), work),
      'OpenTelemetry by hand': listening(() => {
        const histogram = meters().getMeter('bench').createHistogram('by.hand', { unit: 's' });
        // Who calls it by hand makes the attributes each time.
        byHand(name, (seconds) => histogram.record(seconds, { ...attributes }));
      }, work),
      '@ent: a listener': listening(() => onOperation(name, { end() {} }), work),
      'nobody listens': work,
    },
  });
}

await compare(
  'one request, measured by prom-client by hand (raw)',
  'ent:http:request',
  () => ({ method: 'GET', route: '/users/:id', status: 200, durationMs: 1 }),
  (seconds) =>
    duration.observe(
      {
        http_request_method: 'GET',
        http_route: '/users/:id',
        http_response_status_code: 200,
        url_scheme: 'http',
        error_type: '',
      },
      seconds,
    ),
  {
    'http.request.method': 'GET',
    'http.route': '/users/:id',
    'http.response.status_code': 200,
    'url.scheme': 'http',
  },
);
await compare(
  'one hit of a cache, measured by prom-client by hand (raw)',
  'ent:cache:get',
  () => ({ driver: 'memory', keys: 1, hits: 1, stale: 0, local: 0 }),
  (seconds) => {
    hits.inc({ driver: 'memory', tier: 'backend', result: 'hit' });
    took.observe({ driver: 'memory', operation: 'get', result: 'ok' }, seconds);
  },
  { 'ent.cache.driver': 'memory', 'ent.cache.operation': 'get', 'ent.cache.result': 'ok' },
);
