// Metrics of what the packages really do, by the SDKs of both majors that applications have.
import { channel, tracingChannel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createCache } from '@ent/cache';
import { memory as memoryCache } from '@ent/cache/memory';
import { createDatabase, createMigrator, defineEntity } from '@ent/database';
import type { SqlNative } from '@ent/database/sql';
import { sqlite } from '@ent/database/sqlite';
import { createListener, type Route, route } from '@ent/http';
import { createMessaging } from '@ent/messaging';
import { memory as memoryBroker } from '@ent/messaging/memory';
import { type Attributes, type MeterProvider, metrics } from '@opentelemetry/api';
import * as sdk3 from '@opentelemetry/sdk-metrics';
import * as sdk2 from 'otel-sdk-metrics-2';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import { channels } from '../src/index.ts';
import { type MeasuringOptions, measureOperations } from '../src/opentelemetry.ts';
import { createMetrics } from '../src/prometheus.ts';

/** A number, or what a histogram has. */
interface Point {
  readonly attributes: Attributes;
  readonly value: number | { readonly count: number; readonly sum?: number; readonly buckets: Buckets };
}
interface Buckets {
  readonly boundaries: readonly number[];
  readonly counts: readonly number[];
}
/** What both SDKs hand to an exporter, as far as it is looked at here. */
interface Seen {
  readonly descriptor: { readonly name: string; readonly unit: string };
  readonly dataPointType: number;
  readonly isMonotonic?: boolean;
  readonly dataPoints: readonly Point[];
}
interface Sdk {
  readonly provider: MeterProvider;
  /** All that it has now, by name. */
  seen(): Promise<ReadonlyMap<string, Seen>>;
}

type Temporality = 'CUMULATIVE' | 'DELTA';
const SDKS: Readonly<Record<string, (temporality?: Temporality) => Sdk>> = {
  'SDK 2': (temporality = 'CUMULATIVE') => {
    const exporter = new sdk2.InMemoryMetricExporter(sdk2.AggregationTemporality[temporality]);
    const reader = new sdk2.PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    return sdkOf(new sdk2.MeterProvider({ readers: [reader] }), exporter);
  },
  'SDK 3': (temporality = 'CUMULATIVE') => {
    const exporter = new sdk3.InMemoryMetricExporter(sdk3.AggregationTemporality[temporality]);
    const reader = new sdk3.PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    return sdkOf(new sdk3.MeterProvider({ readers: [reader] }), exporter);
  },
};

function sdkOf(
  provider: MeterProvider & { forceFlush(): Promise<void>; shutdown(): Promise<void> },
  exporter: { reset(): void; getMetrics(): { scopeMetrics: { metrics: unknown[] }[] }[] },
): Sdk {
  onTestFinished(() => provider.shutdown());
  return {
    provider,
    async seen() {
      exporter.reset();
      await provider.forceFlush();
      const seen = exporter.getMetrics().flatMap((each) => each.scopeMetrics.flatMap((scope) => scope.metrics));
      return new Map((seen as Seen[]).map((each) => [each.descriptor.name, each]));
    },
  };
}

afterEach(() => metrics.disable());

/** Measures by an SDK that the application has registered. */
function measuring(name: string, temporality?: Temporality): Sdk {
  const sdk = SDKS[name]!(temporality);
  metrics.setGlobalMeterProvider(sdk.provider);
  onTestFinished(measureOperations().close);
  return sdk;
}

async function serve(routes: readonly Route[]): Promise<string> {
  const server = createServer(createListener(routes)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void (server.closeAllConnections(), server.close()));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const publish = async (name: string, payload: object, work: () => Promise<unknown> = async () => {}): Promise<void> => {
  await tracingChannel<object, object>(name)
    .tracePromise(work, payload)
    .catch(() => {});
};
const numbersOf = (seen: Seen | undefined): [Attributes, number][] =>
  (seen?.dataPoints ?? []).map(({ attributes, value }) => [
    attributes,
    typeof value === 'number' ? value : value.count,
  ]);

const users = defineEntity({ name: 'users', fields: { id: 'string' } });
const [SUM, GAUGE, HISTOGRAM] = [3, 2, 0];

describe.each(Object.keys(SDKS))('with %s', (name) => {
  it('requests, queries, caches and messages are measured by the conventions', async () => {
    const sdk = measuring(name);
    const db = createDatabase<SqlNative>({ driver: sqlite({ file: ':memory:' }) });
    await createMigrator(db, [
      {
        name: '0001',
        up: ({ kysely }) => kysely.schema.createTable('users').addColumn('id', 'text').execute(),
      },
    ]).up();
    const cache = createCache({ driver: memoryCache() });
    const messaging = createMessaging({ driver: memoryBroker() });
    onTestFinished(() => Promise.all([messaging.close(), cache.close()]).then(() => db.close()));
    const handled = Promise.withResolvers<void>();
    await messaging.subscribe('user.seen', { group: 'mail' }, () => handled.resolve());
    const inFlight = Promise.withResolvers<ReadonlyMap<string, Seen>>();
    const url = await serve([
      route({
        method: 'GET',
        path: '/users/:id',
        responses: { 200: z.unknown() },
        async handler() {
          await cache.getOrSet('a', () => db.repo(users).find({ where: { id: 'a' } }));
          await messaging.publish('user.seen', {});
          await handled.promise;
          inFlight.resolve(await sdk.seen());
          return {};
        },
      }),
    ]);
    expect((await fetch(`${url}/users/a?email=ada%40example.com`)).status).toBe(200);
    // node:http measures when the answer is over.
    const [missing] = (await once(get(`${url}/nothing`), 'response')) as [NodeJS.ReadableStream];
    await once(missing.resume(), 'end');

    const seen = await vi.waitFor(async () => {
      const now = await sdk.seen();
      expect(numbersOf(now.get('http.server.request.duration'))).toHaveLength(2);
      expect(numbersOf(now.get('http.client.request.duration'))).toHaveLength(2);
      expect(numbersOf(now.get('messaging.client.consumed.messages'))).toHaveLength(1);
      return now;
    }, 10_000);
    const port = Number(new URL(url).port);
    const GET = { 'http.request.method': 'GET' };
    expect(numbersOf(seen.get('http.server.request.duration'))).toEqual([
      [{ ...GET, 'http.route': '/users/:id', 'http.response.status_code': 200, 'url.scheme': 'http' }, 1],
      [{ ...GET, 'http.response.status_code': 404, 'url.scheme': 'http' }, 1],
    ]);
    const server = { 'server.address': '127.0.0.1', 'server.port': port };
    const byStatus = numbersOf(seen.get('http.client.request.duration')).toSorted(
      ([a], [b]) => Number(a['http.response.status_code']) - Number(b['http.response.status_code']),
    );
    expect(byStatus).toEqual([
      [{ ...GET, ...server, 'http.response.status_code': 200 }, 1],
      [{ ...GET, ...server, 'http.response.status_code': 404, 'error.type': '404' }, 1],
    ]);
    const atWork = numbersOf((await inFlight.promise).get('http.server.active_requests'));
    expect(atWork).toEqual([[{ ...GET, 'url.scheme': 'http' }, 1]]);
    expect(numbersOf(seen.get('http.server.active_requests'))).toEqual([[{ ...GET, 'url.scheme': 'http' }, 0]]);
    expect(numbersOf(seen.get('db.client.operation.duration'))).toContainEqual([
      {
        'db.system.name': 'sqlite',
        'db.namespace': ':memory:',
        'db.collection.name': 'users',
        'db.operation.name': 'find',
      },
      1,
    ]);
    const destination = { 'messaging.system': 'memory', 'messaging.destination.name': 'user.seen' };
    const sent = { ...destination, 'messaging.operation.name': 'publish', 'messaging.operation.type': 'send' };
    const group = {
      ...destination,
      'messaging.consumer.group.name': 'mail',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
    };
    expect(numbersOf(seen.get('messaging.client.operation.duration'))).toEqual([[sent, 1]]);
    expect(numbersOf(seen.get('messaging.client.sent.messages'))).toEqual([[sent, 1]]);
    expect(numbersOf(seen.get('messaging.process.duration'))).toEqual([[group, 1]]);
    expect(numbersOf(seen.get('messaging.client.consumed.messages'))).toEqual([
      [{ ...group, 'ent.messaging.outcome': 'done' }, 1],
    ]);
    expect(numbersOf(seen.get('ent.cache.requests'))).toEqual([
      [{ 'ent.cache.driver': 'memory', 'ent.cache.tier': 'backend', 'ent.cache.result': 'miss' }, 1],
    ]);
    const kindOf = (metric: string): unknown[] => {
      const { dataPointType, isMonotonic, descriptor } = seen.get(metric) as Seen;
      return [dataPointType, isMonotonic, descriptor.unit];
    };
    expect(kindOf('http.server.request.duration')).toEqual([HISTOGRAM, undefined, 's']);
    expect(kindOf('http.server.active_requests')).toEqual([SUM, false, '{request}']);
    expect(kindOf('messaging.client.sent.messages')).toEqual([SUM, true, '{message}']);
    expect(kindOf('process.cpu.time')).toEqual([SUM, true, 's']);
    expect(kindOf('nodejs.eventloop.utilization')).toEqual([GAUGE, undefined, '1']);
    expect(JSON.stringify([...seen])).not.toContain('ada');
  });

  it('what only grows is told as its difference to those who ask for that', async () => {
    const sdk = measuring(name, 'DELTA');
    const password = { operation: 'verify', outcome: 'mismatch' };
    await publish('ent:auth:password', password);
    await publish('ent:auth:password', password);
    const attempts = async (): Promise<unknown> => numbersOf((await sdk.seen()).get('ent.auth.attempts'));
    expect(await attempts()).toEqual([[{ 'ent.auth.result': 'mismatch' }, 2]]);
    await publish('ent:auth:password', password);
    expect(await attempts()).toEqual([[{ 'ent.auth.result': 'mismatch' }, 1]]);
  });

  it('has the buckets that the conventions advise', async () => {
    const sdk = measuring(name);
    await publish('ent:http:request', { method: 'GET', status: 200, durationMs: 30 });
    const [point] = (await sdk.seen()).get('http.server.request.duration')?.dataPoints ?? [];
    expect(point?.value).toMatchObject({
      count: 1,
      sum: 0.03,
      buckets: {
        boundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
        counts: [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      },
    });
  });

  it('a hostile name makes no new series without end: what comes after them is counted together', async () => {
    const sdk = measuring(name);
    for (let i = 0; i < 2_100; i++) {
      await publish('ent:messaging:publish', { driver: 'memory', topic: `t${i}`, messages: [{}] });
      await publish('ent:http:request', { method: `HACK${i}`, status: 404, durationMs: 1 });
    }
    const seen = await sdk.seen();
    for (const metric of ['messaging.client.sent.messages', 'messaging.client.operation.duration']) {
      const points = numbersOf(seen.get(metric));
      expect(points).toHaveLength(1999);
      expect(points.reduce((sum, [, count]) => sum + count, 0)).toBe(2_100);
      expect(points).toContainEqual([{ 'otel.metric.overflow': true }, 102]);
    }
    expect(numbersOf(seen.get('http.server.request.duration'))).toEqual([
      [{ 'http.request.method': '_OTHER', 'http.response.status_code': 404 }, 2_100],
    ]);
  });
});

const [SDK = ''] = Object.keys(SDKS).slice(-1);

/** The metrics of Prometheus, and what has the same fact by the conventions. */
const SAME: Readonly<Record<string, string>> = {
  http_server_request_duration_seconds: 'http.server.request.duration',
  http_server_active_requests: 'http.server.active_requests',
  http_client_request_duration_seconds: 'http.client.request.duration',
  cache_requests_total: 'ent.cache.requests',
  cache_load_duration_seconds: 'ent.cache.load.duration',
  cache_operation_duration_seconds: 'ent.cache.operation.duration',
  cache_forgiven_errors_total: 'ent.cache.forgiven_errors',
  db_client_operation_duration_seconds: 'db.client.operation.duration',
  db_client_connections: 'db.client.connection.count',
  db_client_connection_max: 'db.client.connection.max',
  db_client_connection_pending_requests: 'db.client.connection.pending_requests',
  db_client_connection_timeouts_total: 'db.client.connection.timeouts',
  db_client_connection_wait_time_seconds: 'db.client.connection.wait_time',
  db_client_connection_use_time_seconds: 'db.client.connection.use_time',
  messaging_client_operation_duration_seconds: 'messaging.client.operation.duration',
  messaging_client_sent_messages_total: 'messaging.client.sent.messages',
  messaging_client_consumed_messages_total: 'messaging.client.consumed.messages',
  messaging_process_duration_seconds: 'messaging.process.duration',
  messaging_process_active_messages: 'ent.messaging.process.active_messages',
  messaging_redelivered_messages_total: 'ent.messaging.redelivered_messages',
  messaging_dead_lettered_messages_total: 'ent.messaging.dead_lettered_messages',
  messaging_group_messages: 'ent.messaging.group.messages',
  outbox_messages_total: 'ent.outbox.messages',
  outbox_relay_failures_total: 'ent.outbox.relay_failures',
  outbox_lag_seconds: 'ent.outbox.lag',
  auth_attempts_total: 'ent.auth.attempts',
  health_check_status: 'ent.health.check.status',
  health_check_duration_seconds: 'ent.health.check.duration',
  log_records_total: 'ent.log.records',
  log_records_dropped_total: 'ent.log.records_dropped',
  process_cpu_seconds_total: 'process.cpu.time',
  process_start_time_seconds: 'process.uptime',
  process_resident_memory_bytes: 'process.memory.usage',
  process_open_fds: 'process.unix.file_descriptor.count',
  nodejs_heap_used_bytes: 'v8js.memory.heap.used',
  nodejs_heap_limit_bytes: 'ent.v8.heap.limit',
  nodejs_eventloop_utilization_ratio: 'nodejs.eventloop.utilization',
  nodejs_eventloop_delay_p99_seconds: 'nodejs.eventloop.delay.p99',
  v8js_gc_duration_seconds: 'v8js.gc.duration',
};

it('has the facts that Prometheus has, of the same operations', async () => {
  const sdk = measuring(SDK);
  const prometheus = createMetrics();
  onTestFinished(() => prometheus.close());
  const answering = (name: string, answer: object): void => {
    const answers = (message: unknown): void => (message as { add(each: object): void }).add(answer);
    channel(name).subscribe(answers);
    onTestFinished(() => {
      channel(name).unsubscribe(answers);
    });
  };
  const group = { driver: 'redis', topic: 't', group: 'g' };
  const failing = () => Promise.reject(Object.assign(new Error('down'), { code: 'E_DOWN' }));
  answering('ent:database:pools', { pool: 'app', max: 10, idle: 2, inUse: 3, waiting: 4 });
  answering('ent:messaging:groups', { ...group, stats: async () => ({ ready: 7, dead: 1 }) });
  await publish('ent:http:request', { method: 'GET', route: '/', status: 200, durationMs: 20 });
  await publish('ent:http:request', { method: 'GET', route: '/', status: 503, durationMs: 1 });
  await publish('ent:cache:get', { driver: 'redis', keys: 9, hits: 5, stale: 1, local: 4 });
  await publish('ent:cache:load', { driver: 'redis', outcome: 'stored' });
  tracingChannel('ent:cache:forgive').error.publish({ driver: 'redis', error: new Error('away') });
  await publish('ent:database:query', { system: 'sqlite', namespace: 'app', operation: 'find', entity: 'users' });
  tracingChannel('ent:database:connection').asyncEnd.publish({
    pool: 'app',
    waitMs: 5,
    useMs: 50,
    outcome: 'timeout',
  });
  await publish('ent:messaging:publish', { driver: 'redis', topic: 't', messages: [{}, {}] }, failing);
  await publish('ent:messaging:process', { ...group, attempt: 2, outcome: 'dead_letter' }, failing);
  const relayed = { driver: 'redis', stored: 3, unroutable: 0, postponed: 1, parked: [{}], lagMs: 2000, trouble: 'x' };
  await publish('ent:messaging:relay', relayed);
  await publish('ent:auth:password', { operation: 'verify', outcome: 'ok' });
  await publish('ent:lifecycle:check', { check: 'database' }, failing);
  channel('ent:logging:record').publish({ level: 'info' });
  channel('ent:logging:dropped').publish({ sink: 'file', reason: 'full', count: 3 });
  const url = await serve([]);
  await fetch(url);
  (globalThis as { gc?: () => void }).gc?.();

  const theirs = new Map<string, number[]>();
  for (const { name, values } of await prometheus.registry.getMetricsAsJSON()) {
    const counts = (values as { value: number; metricName?: string }[]).filter(
      ({ metricName }) => metricName === undefined || metricName === `${name}_count`,
    );
    theirs.set(
      name,
      counts.map(({ value }) => value).filter((value) => value !== 0),
    );
  }
  const measured = [...theirs.keys()].filter(
    (name) => !['metric_collection_failures_total', 'process_max_fds'].includes(name),
  );
  expect(measured.toSorted()).toEqual(Object.keys(SAME).toSorted());
  const ours = await sdk.seen();
  const ownNumbers = /^(process|nodejs|v8js)_/;
  for (const [theirName, ourName] of Object.entries(SAME)) {
    if (theirName === 'v8js_gc_duration_seconds') continue; // comes when the engine likes
    const numbers = numbersOf(ours.get(ourName)).flatMap(([, value]) => (value === 0 ? [] : [value]));
    if (ownNumbers.test(theirName)) expect.soft(numbers.length, ourName).toBeGreaterThan(0);
    // The test's own client is told of by both, at different times.
    else if (theirName.endsWith('duration_seconds') && theirName.startsWith('health'))
      expect.soft(numbers).toHaveLength(1);
    else expect.soft(numbers, ourName).toEqual(theirs.get(theirName));
  }
});

it('measures nothing after close, and closes twice', async () => {
  const sdk = SDKS[SDK]!();
  const { close } = measureOperations({ meterProvider: sdk.provider });
  await publish('ent:auth:password', { operation: 'verify', outcome: 'ok' });
  close();
  close();
  await publish('ent:http:request', { method: 'GET', status: 200, durationMs: 1 });
  const seen = await sdk.seen();
  expect([...seen.values()].flatMap(({ dataPoints }) => dataPoints)).toEqual([]);
});

it('what an SDK throws harms no operation, and is published', async () => {
  const sdk = SDKS[SDK]!();
  const meter = sdk.provider.getMeter('broken');
  const thrown = new Error('no room');
  const record = (): never => {
    throw thrown;
  };
  const broken: MeterProvider = {
    getMeter: () => Object.assign(Object.create(meter) as typeof meter, { createHistogram: () => ({ record }) }),
  };
  const errors: unknown[] = [];
  const hear = (message: unknown): void => void errors.push(message);
  channels.collect.error.subscribe(hear);
  onTestFinished(() => channels.collect.error.unsubscribe(hear));
  onTestFinished(measureOperations({ meterProvider: broken }).close);
  const url = await serve([]);
  expect((await fetch(url)).status).toBe(404);
  await vi.waitFor(() => expect(errors).toContainEqual({ metric: 'http.server.request.duration', error: thrown }));
});

it.each([
  [{}, /no MeterProvider is registered/],
  [{ provider: {} }, /no option "provider"/],
  [{ meterProvider: {} }, /meterProvider must be one of OpenTelemetry; got an object/],
])('refuses %j', (options, message) => {
  expect(() => measureOperations(options as MeasuringOptions)).toThrow(message);
});
