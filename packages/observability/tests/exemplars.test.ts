import { tracingChannel } from 'node:diagnostics_channel';
import { context, ROOT_CONTEXT, trace, type TracerProvider } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { AlwaysOffSampler, AlwaysOnSampler, BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { Counter, Histogram, Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createMetrics, type Metrics, type MetricsOptions } from '../src/prometheus.ts';

const OPEN = Registry.OPENMETRICS_CONTENT_TYPE as string;
const CLASSIC = Registry.PROMETHEUS_CONTENT_TYPE as string;
/** As Prometheus 2.42 and 3.13 send it with exemplar-storage. */
const PROMETHEUS =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';

beforeAll(() => void context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()));
afterAll(() => context.disable());

function metricsOf(options: MetricsOptions): Metrics {
  const metrics = createMetrics(options);
  onTestFinished(() => metrics.close());
  return metrics;
}

const channel = tracingChannel('ent:http:request');
/** A request that was served, in the span of a provider; answers the ids of that. */
function served(provider: TracerProvider, durationMs: number): { traceId: string; spanId: string } {
  const span = provider.getTracer('test').startSpan('GET /users');
  context.with(trace.setSpan(ROOT_CONTEXT, span), () => {
    const event = { method: 'GET', route: '/users', status: 200, durationMs };
    channel.start.publish(event);
    channel.asyncEnd.publish(event);
  });
  span.end();
  return span.spanContext();
}

const sampled = new BasicTracerProvider({ sampler: new AlwaysOnSampler() });
const unsampled = new BasicTracerProvider({ sampler: new AlwaysOffSampler() });
const bucketsOf = (text: string): string[] =>
  text.split('\n').filter((line) => line.startsWith('http_server_request_duration_seconds_bucket'));

describe('an exemplar', () => {
  it('is the last sampled span of each bucket', async () => {
    const metrics = metricsOf({ exemplars: true });
    served(sampled, 3);
    const quick = served(sampled, 4);
    const slow = served(sampled, 20_000);
    served(unsampled, 4);
    served(unsampled, 400);
    const { body } = await metrics.answer(PROMETHEUS);
    const found = bucketsOf(body).filter((line) => line.includes('#'));
    expect(found).toEqual([
      expect.stringMatching(
        new RegExp(
          `le="0.005".*\\} 3 # \\{trace_id="${quick.traceId}",span_id="${quick.spanId}"\\} 0.004 \\d{10}(\\.\\d+)?$`,
        ),
      ),
      expect.stringMatching(
        new RegExp(`le="\\+Inf".*\\} 5 # \\{trace_id="${slow.traceId}",span_id="${slow.spanId}"\\} 20 \\d`),
      ),
    ]);
  });

  it('is not in the classic text, nor kept where nobody asked for it, nor made up without a span', async () => {
    const metrics = metricsOf({ exemplars: true });
    const without = metricsOf({});
    served(sampled, 4);
    expect(await metrics.render()).not.toContain('trace_id');
    expect((await without.answer(PROMETHEUS)).body).not.toContain('trace_id');
    const bare = metricsOf({ exemplars: true });
    const event = { method: 'GET', durationMs: 4 };
    channel.start.publish(event);
    channel.asyncEnd.publish(event);
    expect(bucketsOf((await bare.answer(PROMETHEUS)).body).length).toBeGreaterThan(0);
    expect((await bare.answer(PROMETHEUS)).body).not.toContain('trace_id');
  });
});

describe('the format', () => {
  it.each([
    [PROMETHEUS, OPEN],
    ['application/openmetrics-text', OPEN],
    ['APPLICATION/OpenMetrics-Text; version=1.0.0; charset=utf-8', OPEN],
    ['text/plain;q=0.5, application/openmetrics-text;q=0.5', OPEN],
    ['text/plain, application/openmetrics-text;q=0.5', CLASSIC],
    ['application/openmetrics-text;q=0', CLASSIC],
    ['application/openmetrics-text;version=0.0.1', CLASSIC],
    ['application/openmetrics-text;q=x', CLASSIC],
    [
      'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited, text/plain;q=0.5',
      CLASSIC,
    ],
    ['*/*', CLASSIC],
    ['text/html, */*;q=0.8', CLASSIC],
    ['', CLASSIC],
    [',;=,q=;;', CLASSIC],
    [undefined, CLASSIC],
  ])('for %s is %s', async (accept, contentType) => {
    const { contentType: given, body } = await metricsOf({}).answer(accept);
    expect(given).toBe(contentType);
    expect(body.endsWith('# EOF\n')).toBe(contentType === OPEN);
  });

  it('is that of prom-client, of its own metrics too, and is one after the other for those who ask at once', async () => {
    const metrics = metricsOf({ version: '1.2.3' });
    const { registry } = metrics;
    for (const name of ['jobs_total', 'jobs_done']) new Counter({ name, help: 'Jobs.', registers: [registry] }).inc(3);
    new Histogram({ name: 'took_seconds', help: 'Took.', registers: [registry], buckets: [1] }).observe(2);
    registry.setDefaultLabels({ host: 'a' });
    // Of what stays the same between two scrapes.
    const steady = (text: string): string =>
      text
        .split('\n')
        .filter((line) => !/process_|nodejs_|v8js_/.test(line))
        .join('\n');
    const before = steady(await metrics.render());
    const both = await Promise.all([
      metrics.answer(PROMETHEUS),
      metrics.answer(),
      metrics.render(),
      metrics.answer(PROMETHEUS),
    ]);
    expect(both.map((each) => steady(typeof each === 'string' ? each : each.body)).slice(1, 3)).toEqual([
      before,
      before,
    ]);
    expect(steady(await metrics.render())).toBe(before);
    expect(before).toContain('# TYPE jobs_total counter\njobs_total{host="a"} 3\n');
    const open = both[0].body;
    expect(open).toContain('# TYPE jobs counter\njobs_total{host="a"} 3\n');
    expect(open).toContain('# TYPE jobs_done counter\njobs_done_total{host="a"} 3\n');
    expect(open).not.toContain('\n\n');
    // prom-client's own text of it; from here on its counters have the names that this gives them.
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    expect(steady(open)).toBe(steady(await registry.metrics()));
  });

  it('of a registry without metrics is not malformed', async () => {
    const metrics = metricsOf({});
    metrics.registry.clear();
    expect(await metrics.answer(PROMETHEUS)).toEqual({ contentType: OPEN, body: '# EOF\n' });
  });
});

it.each([{ exemplars: 'yes' }, { exemplars: 1 }])('%j is refused', (options) => {
  expect(() => createMetrics(options as never)).toThrow(
    expect.objectContaining({ code: 'observability.invalid_options' }) as Error,
  );
});
