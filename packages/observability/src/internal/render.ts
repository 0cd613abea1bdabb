import { withDeadline } from '@ent/internal';
import { Registry } from 'prom-client';
import { channels } from '../channels.ts';
import { observabilityErrors } from '../errors.ts';
import type { Collected, CounterFamily } from './families.ts';

/** What prom-client's types leave out of a metric and of a registry. */
interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly aggregator: string;
  get(): Promise<unknown>;
  /** What is written is this, where it is there. */
  getForPromString?(): Promise<unknown>;
}
interface MetricWriter {
  /** Asks and writes one metric, in the format of `contentType`. */
  getMetricsAsString(metric: Pick<Metric, 'get'>): Promise<string>;
}

/** Asks all metrics of a registry for their values, in the form for a text or, with one set of labels, for others. */
export type Collect = (form: 'text' | 'data') => Promise<Collected[]>;

/**
 * Collects the metrics of a registry, each within `timeoutMs`. One that takes longer, or whose `collect` throws, is
 * there without its values, counted in `failures` (the next answer says so) and published on
 * `ent:observability:collect`. A `collect` that hangs is not called again before it ends.
 */
export function createCollect(registry: Registry, timeoutMs: number, failures: CounterFamily): Collect {
  const hanging = new Set<Metric>();
  const late = ({ name }: Metric): Error =>
    observabilityErrors.collect_timeout(`The metric "${name}" took longer than ${timeoutMs} ms to collect.`);

  const collect = async (metric: Metric, form: 'text' | 'data'): Promise<Collected> => {
    // Not waited for again: each wait would stay behind at a promise that may never end.
    if (hanging.has(metric)) throw late(metric);
    const values = (async () =>
      form === 'text' && metric.getForPromString ? metric.getForPromString() : metric.get())();
    const timeUp = (): Error => {
      hanging.add(metric);
      const ended = (): void => void hanging.delete(metric);
      values.then(ended, ended);
      return late(metric);
    };
    return (await withDeadline(() => values, timeoutMs, timeUp)) as Collected;
  };

  const collectSafely = async (metric: Metric, form: 'text' | 'data'): Promise<Collected> => {
    try {
      return await collect(metric, form);
    } catch (error) {
      const { name, help, type, aggregator } = metric;
      failures.cell(name).value++;
      if (channels.collect.hasSubscribers) channels.collect.error.publish({ metric: name, error });
      return { name, help, type, aggregator, values: [] };
    }
  };
  return (form) =>
    Promise.all((registry.getMetricsAsArray() as unknown as Metric[]).map((metric) => collectSafely(metric, form)));
}

/**
 * Writes what was collected, by prom-client's own writer.
 *
 * @param registry whose default labels are added
 * @param contentType of prom-client's two formats
 */
export async function write(registry: Registry, metrics: readonly Collected[], contentType: string): Promise<string> {
  const isOpenMetrics = contentType === (Registry.OPENMETRICS_CONTENT_TYPE as string);
  // The registry itself in all but the format: to set that would be for all who ask at the same time.
  const writer = Object.create(registry, { contentType: { value: contentType } }) as MetricWriter;
  const texts = metrics.map((metric) => {
    // OpenMetrics names a counter without the suffix, which its samples have. The registry's own `metrics()` renames
    // the metric for that, and for good: in the classic text too.
    const isShort = isOpenMetrics && metric.type === 'counter';
    const named = isShort ? { ...metric, name: metric.name.replace(/_total$/, '') } : metric;
    return writer.getMetricsAsString({ get: async () => named });
  });
  const written = await Promise.all(texts);
  return isOpenMetrics ? [...written, '# EOF\n'].join('\n') : `${written.join('\n\n')}\n`;
}
