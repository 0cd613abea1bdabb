import { channel } from 'node:diagnostics_channel';
import { Gauge, Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { channels, type CollectOperation } from '../src/index.ts';
import { createMetrics, type Metrics } from '../src/prometheus.ts';

let metrics: Metrics;
beforeEach(() => {
  // Longer than a busy machine takes to read a file of /proc.
  metrics = createMetrics({ version: '1.2.3', collectTimeout: '3s' });
});
afterEach(() => metrics.close());

const lines = async (name: string): Promise<string[]> =>
  (await metrics.render()).split('\n').filter((line) => line.startsWith(name));

function gauge(name: string, collect: () => unknown): void {
  new Gauge({ name, help: `What ${name} is.`, registers: [metrics.registry], collect: () => collect() as void });
}

describe('a metric whose values do not come', () => {
  it('is left without them, counted and told, and the others are there', async () => {
    const told: CollectOperation[] = [];
    const error = (message: CollectOperation): void => void told.push({ ...message });
    channels.collect.error.subscribe(error as (message: unknown) => void);
    gauge('hangs', () => new Promise(() => {}));
    gauge('fails', () => Promise.reject(new Error('the queue is away')));
    gauge('throws', () => {
      throw new Error('at once');
    });
    const text = await metrics.render();
    channels.collect.error.unsubscribe(error as (message: unknown) => void);
    expect(text).toContain('service_build_info{version="1.2.3"} 1');
    for (const name of ['hangs', 'fails', 'throws']) {
      expect(text).toContain(`# HELP ${name} What ${name} is.\n# TYPE ${name} gauge\n`);
      expect(text).not.toMatch(new RegExp(`^${name} `, 'm'));
    }
    expect((await lines('metric_collection_failures_total')).toSorted()).toEqual([
      'metric_collection_failures_total{metric="fails"} 1',
      'metric_collection_failures_total{metric="hangs"} 1',
      'metric_collection_failures_total{metric="throws"} 1',
    ]);
    expect(Object.fromEntries(told.map(({ metric, error: why }) => [metric, why]))).toEqual({
      hangs: expect.objectContaining({ code: 'observability.collect_timeout' }),
      fails: new Error('the queue is away'),
      throws: new Error('at once'),
    });
  });

  it('is not asked again before it answers, and is back when it does', async () => {
    const gate = Promise.withResolvers<void>();
    const collect = vi.fn(() => gate.promise);
    gauge('slow', collect);
    expect(await lines('slow')).toEqual([]);
    expect(await lines('slow')).toEqual([]);
    expect(collect).toHaveBeenCalledTimes(1);
    gate.resolve();
    await vi.waitFor(async () => expect(await lines('slow')).toEqual(['slow 0']), { timeout: 60_000 });
  });
});

describe('a broker that hangs', () => {
  it('is left out of the numbers of groups, and those of the others are there', async () => {
    const groups = channel('ent:messaging:groups');
    const answer = (question: unknown): void => {
      const { add } = question as { add(report: object): void };
      add({ driver: 'redis', topic: 'hangs', group: 'g', stats: () => new Promise(() => {}) });
      add({ driver: 'rabbitmq', topic: 'orders', group: 'g', stats: async () => ({ ready: 7 }) });
    };
    groups.subscribe(answer);
    const found = await lines('messaging_group_messages');
    groups.unsubscribe(answer);
    expect(found).toEqual([expect.stringMatching(/messaging_destination_name="orders".*state="ready"\} 7$/)]);
    expect(await lines('metric_collection_failures_total')).toEqual([]);
  });
});

describe('the content type', () => {
  it('is that of what is rendered, also when the registry is told another one later', async () => {
    expect(metrics.contentType).toBe(Registry.PROMETHEUS_CONTENT_TYPE);
    expect(await metrics.render()).not.toContain('# EOF');
    metrics.registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    gauge('fails', () => Promise.reject(new Error('no')));
    expect(metrics.contentType).toBe(Registry.OPENMETRICS_CONTENT_TYPE);
    const text = await metrics.render();
    expect(text).toMatch(/# EOF\n$/);
    expect(text).not.toContain('\n\n');
  });
});

describe('what is refused', () => {
  it.each<[string, unknown]>([
    ['an option that nobody knows', { collectTimout: 5 }],
    ['a duration that is none', { collectTimeout: '5x' }],
    ['a registry that is none', { registry: {} }],
    ['a number of series that is none', { maxSeries: 0 }],
    ['null', null],
  ])('%s', (_, options) => {
    expect(() => createMetrics(options as object)).toThrow(
      expect.objectContaining({ code: 'observability.invalid_options' }),
    );
  });
});
