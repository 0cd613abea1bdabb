// Spans of what the packages really do, by the SDKs of both majors that applications have.
import { tracingChannel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, request as nodeRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createCache } from '@ent/cache';
import { memory as memoryCache } from '@ent/cache/memory';
import { createDatabase, createMigrator, defineEntity } from '@ent/database';
import type { SqlNative } from '@ent/database/sql';
import { sqlite } from '@ent/database/sqlite';
import { createListener, type Route, route } from '@ent/http';
import { createClient } from '@ent/http/client';
import { traced } from '@ent/internal';
import { createLogger } from '@ent/logging';
import { memoryDriver } from '@ent/logging/memory';
import { createMessaging } from '@ent/messaging';
import { memory as memoryBroker } from '@ent/messaging/memory';
import { createOutbox, createOutboxTables } from '@ent/messaging/outbox';
import { freePorts } from '@ent/testkit';
import {
  context,
  propagation,
  type SpanContext,
  type TextMapPropagator,
  trace,
  type TracerProvider,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import * as sdk3 from '@opentelemetry/sdk-trace';
import * as sdk2 from '@opentelemetry/sdk-trace-base';
import { Pool } from 'undici';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import { channels } from '../src/index.ts';
import { traceOperations, type TracingOptions } from '../src/opentelemetry.ts';
import { serveLive } from './support/live.ts';

/** What both SDKs hand to an exporter, as far as it is looked at here. */
interface Seen {
  readonly name: string;
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly status: { readonly code: number };
  readonly parentSpanContext?: SpanContext;
  readonly links: readonly { readonly context: SpanContext }[];
  spanContext(): SpanContext;
}
interface Sdk {
  readonly seen: () => readonly Seen[];
  readonly clear: () => void;
  readonly provider: TracerProvider;
}
const [INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER] = [0, 1, 2, 3, 4];

const SDKS: Readonly<Record<string, (ratio?: number) => Sdk>> = {
  'SDK 2': (ratio = 1) => {
    const exporter = new sdk2.InMemorySpanExporter();
    const provider = new sdk2.BasicTracerProvider({
      sampler: new sdk2.ParentBasedSampler({ root: new sdk2.TraceIdRatioBasedSampler(ratio) }),
      spanProcessors: [new sdk2.SimpleSpanProcessor(exporter)],
    });
    return { provider, seen: () => exporter.getFinishedSpans(), clear: () => exporter.reset() };
  },
  'SDK 3': (ratio = 1) => {
    const exporter = new sdk3.InMemorySpanExporter();
    const provider = new sdk3.TracerProvider({
      sampler: new sdk3.ParentBasedSampler({ root: new sdk3.TraceIdRatioBasedSampler(ratio) }),
      spanProcessors: [new sdk3.SimpleSpanProcessor({ exporter })],
    });
    return { provider, seen: () => exporter.getFinishedSpans(), clear: () => exporter.reset() };
  },
};

function register(): void {
  const propagators = [new W3CTraceContextPropagator(), new W3CBaggagePropagator()];
  propagation.disable();
  propagation.setGlobalPropagator(new CompositePropagator({ propagators }));
}
beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  register();
});
afterAll(() => {
  context.disable();
  propagation.disable();
});
afterEach(() => trace.disable());

/** Traces by an SDK that is registered after that, as it may be. */
function tracing(sdk: string, options: TracingOptions & { ratio?: number } = {}): Sdk {
  const { ratio, ...rest } = options;
  const made = SDKS[sdk]!(ratio);
  const { close } = traceOperations(rest);
  onTestFinished(close);
  trace.setGlobalTracerProvider(made.provider);
  return made;
}

async function serve(routes: readonly Route[]): Promise<string> {
  const server = createServer(createListener(routes)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void (server.closeAllConnections(), server.close()));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** As the fetch host of `@ent/middleware` publishes it. */
async function servedByFetch(request: Request, handler: () => unknown): Promise<void> {
  const header = (name: string): string | undefined => request.headers.get(name) ?? undefined;
  const exchange = { path: '/', query: '', peer: '', request, header };
  const event = { method: 'GET', route: '/', status: 200, exchange };
  await traced(tracingChannel<object, object>('ent:http:request'), event, async () => handler());
}

const page = (path: string, handler: () => unknown): Route =>
  route({ method: 'GET', path, responses: { 200: z.unknown() }, handler: async () => (await handler()) ?? {} });
const idsOf = (span: Seen | undefined) =>
  span && { traceId: span.spanContext().traceId, parent: span.parentSpanContext?.spanId };
/** A span of each name, once all of them have ended. */
async function ended(sdk: Sdk, ...names: readonly string[]): Promise<Seen[]> {
  await vi.waitFor(
    () => expect(sdk.seen().map(({ name }) => name)).toEqual(expect.arrayContaining([...names])),
    10_000,
  );
  return names.map((name) => sdk.seen().findLast((span) => span.name === name)!);
}

const users = defineEntity({ name: 'users', fields: { id: 'string', name: 'string' } });

describe.each(Object.keys(SDKS))('with %s', (name) => {
  it('a request is one trace, over awaits, a transaction, an outbox, its relay and the handler of the message', async () => {
    const db = createDatabase<SqlNative>({ driver: sqlite({ file: ':memory:' }) });
    await createMigrator(db, [
      { name: '0001', up: (native) => createOutboxTables(native) },
      {
        name: '0002',
        up: ({ kysely }) =>
          kysely.schema.createTable('users').addColumn('id', 'text').addColumn('name', 'text').execute(),
      },
    ]).up();
    const cache = createCache({ driver: memoryCache() });
    const messaging = createMessaging({ driver: memoryBroker() });
    const outbox = createOutbox({ db });
    const relay = outbox.relay(messaging);
    const handled = Promise.withResolvers<string | undefined>();
    const logger = createLogger({ driver: memoryDriver() });
    const sdk = tracing(name);
    await messaging.subscribe('user.created', { group: 'mail' }, async () => {
      await Promise.resolve();
      handled.resolve(propagation.getActiveBaggage()?.getEntry('tenant')?.value);
    });
    await relay.start();
    onTestFinished(() => Promise.all([relay.close(), messaging.close(), cache.close()]).then(() => db.close()));
    const url = await serve([
      page('/users/:id', async () => {
        await new Promise((resolve) => setImmediate(resolve));
        const found = await cache.getOrSet('a', () => db.repo(users).find({ where: { id: 'a' } }));
        await db.transaction(async () => {
          await db.repo(users).insert({ id: 'b', name: 'Ada' });
          await outbox.publish('user.created', { id: 'b' });
        });
        logger.info('made');
        return { found };
      }),
    ]);

    const answer = await fetch(`${url}/users/a?email=ada%40example.com`, { headers: { baggage: 'tenant=acme' } });
    expect(answer.status).toBe(200);
    expect(await handled.promise).toBe('acme');

    const [client, server, get, load, find, transaction, insert, create, relayed, consumed] = await ended(
      sdk,
      'GET',
      'GET /users/:id',
      'cache get',
      'cache load',
      'find users',
      'transaction :memory:',
      'insert users',
      'create user.created',
      'relay user.created',
      'process user.created',
    );
    const parentOf = (span: Seen | undefined): string | undefined =>
      sdk.seen().find((each) => each.spanContext().spanId === span?.parentSpanContext?.spanId)?.name;
    expect([server, get, load, find, transaction, insert, create, consumed].map(parentOf)).toEqual([
      'GET',
      'GET /users/:id',
      'GET /users/:id',
      'cache load',
      'GET /users/:id',
      'transaction :memory:',
      'transaction :memory:',
      'create user.created',
    ]);
    const { traceId } = client!.spanContext();
    for (const span of [server, get, load, find, transaction, insert, create, consumed]) {
      expect(span!.spanContext().traceId).toBe(traceId);
    }
    expect(relayed!.links.map(({ context: { spanId } }) => spanId)).toEqual([create!.spanContext().spanId]);
    const kinds = [client, server, get, find, transaction, create, relayed, consumed].map((span) => span!.kind);
    expect(kinds).toEqual([CLIENT, SERVER, INTERNAL, CLIENT, INTERNAL, PRODUCER, CLIENT, CONSUMER]);
    expect(logger.driver.records.at(-1)).toMatchObject({ traceId, spanId: server!.spanContext().spanId });

    const { port } = new URL(url);
    expect(client!.attributes).toMatchObject({
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'server.address': '127.0.0.1',
      'server.port': Number(port),
      'url.full': `${url}/users/a?email=REDACTED`,
    });
    expect(server!.attributes).toMatchObject({
      'client.address': '127.0.0.1',
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'http.route': '/users/:id',
      'server.address': '127.0.0.1',
      'server.port': Number(port),
      'url.path': '/users/a',
      'url.query': 'email=REDACTED',
      'url.scheme': 'http',
    });
    expect(find!.attributes).toMatchObject({
      'db.system.name': 'sqlite',
      'db.namespace': ':memory:',
      'db.collection.name': 'users',
      'db.operation.name': 'find',
      'db.query.text': expect.stringMatching(/^select .*\?/i) as string,
    });
    expect(transaction!.attributes).toMatchObject({ 'ent.transaction.outcome': 'committed' });
    expect(get!.attributes).toMatchObject({ 'ent.cache.driver': 'memory', 'ent.cache.hits': 0, 'ent.cache.misses': 1 });
    expect(consumed!.attributes).toMatchObject({
      'messaging.system': 'memory',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': 'user.created',
      'messaging.consumer.group.name': 'mail',
      'ent.messaging.outcome': 'done',
    });
    expect(sdk.seen().every(({ attributes }) => !JSON.stringify(attributes).includes('Ada'))).toBe(true);
  });

  it('is on the live page, as far as it came through this process', async () => {
    const sdk = tracing(name);
    const { data } = await serveLive();
    const messaging = createMessaging({ driver: memoryBroker() });
    onTestFinished(() => messaging.close());
    const options = { group: 'mail', maxAttempts: 1 };
    await messaging.subscribe('orders', options, () => Promise.reject(new Error('no mail today')));
    const url = await serve([page('/orders', () => messaging.publish('orders', {}))]);
    expect((await fetch(`${url}/orders`)).status).toBe(200);
    const [server] = await ended(sdk, 'GET /orders', 'process orders');
    await expect
      .poll(async () => (await data()).traces)
      .toEqual([
        {
          name: server!.spanContext().traceId,
          first: 'GET /orders',
          parts: 3,
          slowestMs: expect.any(Number) as number,
          failed: 1,
        },
      ]);
  });

  it('what fails is marked, by its code and without its message', async () => {
    const sdk = tracing(name);
    const messaging = createMessaging({ driver: memoryBroker() });
    onTestFinished(() => messaging.close());
    await messaging.subscribe('t', { group: 'g', maxAttempts: 1 }, () => {
      throw Object.assign(new Error('canary'), { code: 'E_MAIL' });
    });
    const url = await serve([
      page('/broken', () => {
        throw new Error('canary');
      }),
    ]);
    const dead = await serve([]).then((other) => `${other}/nothing`);
    await fetch(`${url}/broken`);
    await fetch(dead);
    const [port] = await freePorts(1);
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow('fetch failed');
    await messaging.publish('t', 1);

    const [served, handled] = await ended(sdk, 'GET /broken', 'process t');
    expect(served).toMatchObject({ status: { code: 2 }, attributes: { 'error.type': 'error' } });
    expect(handled).toMatchObject({
      status: { code: 2 },
      attributes: { 'error.type': 'E_MAIL', 'ent.messaging.outcome': 'dead_letter' },
    });
    const clients = sdk.seen().filter(({ kind }) => kind === CLIENT);
    expect(clients.map(({ attributes }) => attributes['error.type'])).toEqual(['500', '404', 'ECONNREFUSED']);
    // A client's mistake is no failure of who serves it.
    const missing = sdk.seen().find(({ kind, attributes }) => kind === SERVER && attributes['url.path'] === '/nothing');
    expect(missing).toMatchObject({
      name: 'GET',
      status: { code: 0 },
      attributes: { 'http.response.status_code': 404 },
    });
    expect(JSON.stringify(sdk.seen().map(({ attributes, status }) => [attributes, status]))).not.toContain('canary');
  });

  it('one that is not sampled costs no span for its parts, and says so to others', async () => {
    const sdk = tracing(name, { ratio: 0 });
    const cache = createCache({ driver: memoryCache() });
    onTestFinished(() => cache.close());
    let told: string | undefined;
    const url = await serve([
      route({
        method: 'GET',
        path: '/',
        responses: { 200: z.unknown() },
        handler({ exchange }) {
          told = exchange.header('traceparent');
          return {};
        },
      }),
    ]);
    const startSpan = vi.spyOn(sdk.provider.getTracer('@ent/observability'), 'startSpan');
    const front = await serve([
      page('/', async () => {
        await cache.get('a');
        await fetch(url);
      }),
    ]);
    await fetch(front);
    expect(told).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(sdk.seen()).toEqual([]);
    // The request of the test, and the two that were served.
    expect(startSpan).toHaveBeenCalledTimes(3);
  });
});

const [SDK = ''] = Object.keys(SDKS).slice(-1);

describe('a trace that others began', () => {
  it('is gone on with by the headers that fetch, undici, node:http and our client send, once each', async () => {
    const sdk = tracing(SDK);
    const told: (string | undefined)[] = [];
    const routes = [
      route({
        method: 'GET',
        path: '/',
        responses: { 200: z.object({}) },
        handler({ exchange }) {
          told.push(exchange.header('traceparent'));
          return {};
        },
      }),
    ];
    const url = await serve(routes);
    const pool = new Pool(url);
    onTestFinished(() => pool.close());
    const stale = '00-11111111111111111111111111111111-2222222222222222-01';
    await sdk.provider.getTracer('test').startActiveSpan('job', async (span) => {
      await fetch(url);
      await createClient<typeof routes>(url).get('/');
      // As a proxy that hands on what its client sent.
      const { body } = await pool.request({ path: '/', method: 'GET', headers: ['Traceparent', stale] });
      await body.dump();
      const sent = nodeRequest(url, { headers: { traceparent: stale } }).end();
      const [answer] = (await once(sent, 'response')) as [NodeJS.ReadableStream];
      await once(answer.resume(), 'end');
      span.end();
    });
    const sent = await vi.waitFor(() => {
      const clients = sdk.seen().filter(({ kind }) => kind === CLIENT);
      expect(clients).toHaveLength(4);
      return clients;
    });
    const [job] = await ended(sdk, 'job');
    expect(sent.map(idsOf)).toEqual(
      sent.map(() => ({ traceId: job!.spanContext().traceId, parent: job!.spanContext().spanId })),
    );
    expect(told).toEqual(sent.map((span) => `00-${span.spanContext().traceId}-${span.spanContext().spanId}-01`));
  });

  it.each(['node:http', 'fetch'])('is gone on with by a propagator that looks for its headers, on %s', async (host) => {
    const sdk = tracing(SDK);
    const traceId = 'a'.repeat(32);
    // As those of AWS X-Ray, whose header has any case, and of Jaeger, whose baggage is all that begins alike.
    const byNames: TextMapPropagator = {
      inject() {},
      fields: () => ['X-Trace'],
      extract(into, carrier, { keys, get }) {
        const found = (prefix: string): string => keys(carrier).find((name) => name.toLowerCase().startsWith(prefix))!;
        const told = get(carrier, found('x-trace')) as string;
        const tenant = found('ctx-');
        const baggage = propagation.createBaggage({ [tenant]: { value: get(carrier, tenant) as string } });
        const parent = { traceId: told, spanId: 'b'.repeat(16), traceFlags: 1, isRemote: true };
        return propagation.setBaggage(trace.setSpanContext(into, parent), baggage);
      },
    };
    propagation.disable();
    propagation.setGlobalPropagator(byNames);
    onTestFinished(register);
    let tenant: string | undefined;
    const handler = (): void => void (tenant = propagation.getActiveBaggage()?.getEntry('ctx-tenant')?.value);
    const headers = { 'X-Trace': traceId, 'ctx-tenant': 'acme' };
    if (host === 'fetch') await servedByFetch(new Request('http://shop/', { headers }), handler);
    else await fetch(await serve([page('/', handler)]), { headers });
    const [served] = await ended(sdk, 'GET /');
    expect(idsOf(served)).toEqual({ traceId, parent: 'b'.repeat(16) });
    expect(tenant).toBe('acme');
  });

  it('is that of the message, and not of who woke the subscription', async () => {
    const sdk = tracing(SDK);
    const messaging = createMessaging({ driver: memoryBroker() });
    onTestFinished(() => messaging.close());
    const tracer = sdk.provider.getTracer('test');
    await tracer.startActiveSpan('start', async (span) => {
      await messaging.subscribe('t', { group: 'g' }, () => {});
      span.end();
    });
    await tracer.startActiveSpan('batch', async (span) => {
      await messaging.publishMany('t', [{ data: 1 }, { data: 2 }]);
      span.end();
    });
    await vi.waitFor(() => expect(sdk.seen().filter(({ kind }) => kind === CONSUMER)).toHaveLength(2));
    const [publish, batch] = await ended(sdk, 'publish t', 'batch');
    expect(publish).toMatchObject({ kind: PRODUCER, attributes: { 'messaging.batch.message_count': 2 } });
    expect(idsOf(publish)).toEqual({ traceId: batch!.spanContext().traceId, parent: batch!.spanContext().spanId });
    for (const span of sdk.seen().filter(({ kind }) => kind === CONSUMER)) {
      expect(idsOf(span)).toEqual({ traceId: batch!.spanContext().traceId, parent: publish!.spanContext().spanId });
    }
  });

  it('is linked by a handler of several messages, beside those of others', async () => {
    const sdk = tracing(SDK);
    const messaging = createMessaging({ driver: memoryBroker() });
    onTestFinished(() => messaging.close());
    const tracer = sdk.provider.getTracer('test');
    await messaging.subscribeMany('t', { group: 'g', size: 2, wait: '10s' }, async () => {
      await Promise.resolve();
      tracer.startSpan('insert').end();
    });
    await messaging.publish('t', 1);
    await messaging.publish('t', 2);
    const [batch, insert] = await ended(sdk, 'process_batch t', 'insert');
    const senders = sdk.seen().filter(({ kind }) => kind === PRODUCER);
    expect(batch!.links.map(({ context: { spanId } }) => spanId)).toEqual(
      senders.map((span) => span.spanContext().spanId),
    );
    expect(idsOf(insert)?.parent).toBe(batch!.spanContext().spanId);
    await vi.waitFor(() => expect(sdk.seen().filter(({ name }) => name === 'process t')).toHaveLength(2));
  });

  it('has one span of a server where another instrumentation has made that', async () => {
    const sdk = tracing(SDK);
    const url = await serve([page('/', () => {})]);
    const host = createServer((req, res) => {
      const span = sdk.provider.getTracer('other').startSpan('GET', { kind: SERVER });
      res.once('close', () => span.end());
      context.with(trace.setSpan(context.active(), span), () => createListener([page('/', () => {})])(req, res));
    }).listen(0, '127.0.0.1');
    await once(host, 'listening');
    onTestFinished(() => void (host.closeAllConnections(), host.close()));
    expect(url).not.toBe('');
    await fetch(`http://127.0.0.1:${(host.address() as AddressInfo).port}`);
    const [own] = await ended(sdk, 'GET /');
    await vi.waitFor(() => expect(sdk.seen().filter(({ kind }) => kind === SERVER)).toHaveLength(1));
    const [server] = sdk.seen().filter(({ kind }) => kind === SERVER);
    expect(own).toMatchObject({ kind: INTERNAL });
    expect(idsOf(own)?.parent).toBe(server!.spanContext().spanId);
  });
});

describe('what has no span', () => {
  it('is what nobody has asked for: ignored requests, and what polls by itself', async () => {
    const sdk = tracing(SDK, { ignore: ({ path }) => path === '/livez' });
    const cache = createCache({ driver: memoryCache() });
    onTestFinished(() => cache.close());
    const url = await serve([page('/livez', () => cache.get('a')), page('/', () => {})]);
    await cache.get('a');
    await fetch(`${url}/livez`);
    await fetch(url);
    await ended(sdk, 'GET /');
    expect(sdk.seen().filter(({ kind }) => kind !== CLIENT)).toMatchObject([{ name: 'GET /' }]);
  });

  it('is everything after close', async () => {
    const sdk = SDKS[SDK]!();
    trace.setGlobalTracerProvider(sdk.provider);
    const { close } = traceOperations();
    close();
    close();
    const url = await serve([page('/', () => {})]);
    expect((await fetch(url)).status).toBe(200);
    expect(sdk.seen()).toEqual([]);
  });
});

it('a hit of a cache in memory is answered at once also where it is traced', async () => {
  const sdk = tracing(SDK);
  const cache = createCache({ driver: memoryCache() });
  onTestFinished(() => cache.close());
  await cache.set('a', 1);
  await sdk.provider.getTracer('test').startActiveSpan('job', async (job) => {
    const order: string[] = [];
    const hit = cache.get('a').then(() => order.push('hit'));
    const atOnce = Promise.resolve().then(() => order.push('a promise'));
    await Promise.all([hit, atOnce]);
    job.end();
    expect(order).toEqual(['hit', 'a promise']);
  });
  const [get] = await ended(sdk, 'cache get');
  expect(get!.attributes).toMatchObject({ 'ent.cache.hits': 1, 'ent.cache.misses': 0 });
});

it('what an SDK throws harms nobody, and is published', async () => {
  const errors: unknown[] = [];
  const hear = (message: unknown): void => void errors.push(message);
  channels.trace.error.subscribe(hear);
  onTestFinished(() => channels.trace.error.unsubscribe(hear));
  const broken: TracerProvider = {
    getTracer: () => {
      throw new Error('no tracer');
    },
  };
  const { close } = traceOperations({ tracerProvider: broken });
  onTestFinished(close);
  const url = await serve([page('/', () => {})]);
  expect((await fetch(url)).status).toBe(200);
  expect(errors).toContainEqual({ operation: 'ent:http:request', error: new Error('no tracer') });
});

it.each([
  [{ provider: {} }, /no option "provider"/],
  [{ tracerProvider: {} }, /tracerProvider must be one of OpenTelemetry; got an object/],
  [{ ignore: '/livez' }, /ignore must be a function; got a string/],
])('refuses %j', (options, message) => {
  expect(() => traceOperations(options as TracingOptions)).toThrow(message);
});
