import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { CounterFamily, GaugeFamily, HistogramFamily } from '../src/internal/families.ts';

const place = (registry: Registry, maxSeries = 1000) => ({ registry, maxSeries, collectTimeoutMs: 1000 });
function registryOf(contentType: string): Registry {
  const registry = new Registry();
  registry.setContentType(contentType as never);
  return registry;
}
const names = { counter: 'jobs_total', gauge: 'waiting', histogram: 'took_seconds' };
const labelNames = ['kind', 'status'];
const buckets = [0.1, 0.25, 1];
// What has to be escaped, what is no text, and numbers that do not add up exactly.
const labels = [
  ['plain', 200],
  ['say "no"', 404],
  ['back\\slash\nline', 500],
  ['', 0],
] as const;
const values = [0.05, 0.1, 0.2, 0.3, 1, 7, 0, 1e-7];

/** The same numbers by our own cells, and by prom-client. */
function twice(contentType: string): { readonly own: Registry; readonly theirs: Registry } {
  const [own, theirs] = [registryOf(contentType), registryOf(contentType)];
  const help = 'What it is, with a \\ and\na line.';
  const registers = [theirs];
  const counter = new CounterFamily(place(own), { name: names.counter, help, labelNames });
  const gauge = new GaugeFamily(place(own), { name: names.gauge, help, labelNames });
  const histogram = new HistogramFamily(place(own), { name: names.histogram, help, labelNames, buckets });
  const theirCounter = new Counter({ name: names.counter, help, labelNames, registers });
  const theirGauge = new Gauge({ name: names.gauge, help, labelNames, registers });
  const theirHistogram = new Histogram({ name: names.histogram, help, labelNames, buckets, registers });
  for (const [kind, status] of labels) {
    for (const value of values) {
      counter.cell(kind, status).value += value;
      theirCounter.inc({ kind, status }, value);
      gauge.cell(kind, status).value -= value;
      theirGauge.dec({ kind, status }, value);
      histogram.cell(kind, status).observe(value);
      theirHistogram.observe({ kind, status }, value);
    }
  }
  const bare = { help, registers };
  void new CounterFamily(place(own), { name: 'bare_total', help });
  void new Counter({ ...bare, name: 'bare_total' });
  const single = new HistogramFamily(place(own), { name: 'bare_seconds', help, buckets });
  const theirSingle = new Histogram({ ...bare, name: 'bare_seconds', buckets });
  void new HistogramFamily(place(own), { name: 'none_seconds', help, labelNames, buckets });
  void new Histogram({ ...bare, name: 'none_seconds', labelNames, buckets });
  single.only.observe(0.3);
  theirSingle.observe(0.3);
  return { own, theirs };
}

describe.each([Registry.PROMETHEUS_CONTENT_TYPE, Registry.OPENMETRICS_CONTENT_TYPE])('in %s', (contentType) => {
  it('the text is the one that prom-client writes of the same numbers', async () => {
    const { own, theirs } = twice(contentType);
    const text = await own.metrics();
    expect(text).toBe(await theirs.metrics());
    expect(text).toContain('took_seconds_bucket{le="+Inf",kind="plain",status="200"} 8');
    for (const registry of [own, theirs]) registry.setDefaultLabels({ host: 'a', kind: 'given' });
    expect(await own.metrics()).toBe(await theirs.metrics());
    own.resetMetrics();
    expect(await own.metrics()).toMatch(/bare_total\{host="a",kind="given"\} 0\n/);
    expect(await own.metrics()).not.toContain('plain');
  });
});

it('as JSON, and added up over a cluster, they are those of prom-client', async () => {
  const { own, theirs } = twice(Registry.PROMETHEUS_CONTENT_TYPE);
  const plain = async (registry: Registry): Promise<unknown> =>
    JSON.parse(JSON.stringify(await registry.getMetricsAsJSON()));
  expect(await plain(own)).toEqual(await plain(theirs));
});

it('a counter has its name again in the classic text, after it was written as OpenMetrics', async () => {
  const { own } = twice(Registry.PROMETHEUS_CONTENT_TYPE);
  const before = await own.metrics();
  own.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
  expect(await own.metrics()).toContain('# TYPE jobs counter\njobs_total{');
  own.setContentType(Registry.PROMETHEUS_CONTENT_TYPE);
  expect(await own.metrics()).toBe(before);
});

it('label sets beyond the limit are counted together, and take no memory', async () => {
  const registry = registryOf(Registry.PROMETHEUS_CONTENT_TYPE);
  const topics = new CounterFamily(place(registry, 2), { name: 'topics_total', help: 'By topic.', labelNames });
  for (let i = 0; i < 100; i++) topics.cell(`topic${i}`, i).value++;
  topics.cell('topic1', 1).value++;
  expect((await registry.metrics()).split('\n').slice(2, -1)).toEqual([
    'topics_total{kind="topic0",status="0"} 1',
    'topics_total{kind="topic1",status="1"} 2',
    'topics_total{kind="_OTHER",status="_OTHER"} 98',
  ]);
});

it('the same sets of texts in another order, or with a number, are different series', () => {
  const family = new CounterFamily(place(registryOf(Registry.PROMETHEUS_CONTENT_TYPE)), {
    name: 'pairs_total',
    help: 'Pairs.',
    labelNames,
  });
  expect(family.cell('a', 'b')).not.toBe(family.cell('b', 'a'));
  expect(family.cell('a', 'b')).toBe(family.cell('a', 'b'));
});
