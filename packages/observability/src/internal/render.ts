import { withDeadline } from '@ent/internal';
import { Registry } from 'prom-client';
import { channels } from '../channels.ts';
import { observabilityErrors } from '../errors.ts';
import type { CounterFamily } from './families.ts';

/** What a metric answers: its own object, or one of ours. */
interface Collected {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly unknown[];
}

/** What prom-client's types leave out of a metric and of a registry. */
interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  get(): Promise<unknown>;
  /** What is written is this, where it is there. */
  getForPromString?(): Promise<unknown>;
}
interface MetricWriter {
  /** Asks and writes one metric, in the format of `contentType`. */
  getMetricsAsString(metric: Pick<Metric, 'get'>): Promise<string>;
}

/** Writes all metrics in a format: one of prom-client's two content types. */
export type Render = (contentType: string) => Promise<string>;

/**
 * Writes the metrics of a registry, each collected within `timeoutMs`. One that takes longer, or whose `collect`
 * throws, is there without its values, counted in `failures` (the next answer says so) and published on
 * `ent:observability:collect`. A `collect` that hangs is not called again before it ends.
 */
export function createRender(registry: Registry, timeoutMs: number, failures: CounterFamily): Render {
  const hanging = new Set<Metric>();
  const late = ({ name }: Metric): Error =>
    observabilityErrors.collect_timeout(`The metric "${name}" took longer than ${timeoutMs} ms to collect.`);

  const collect = async (metric: Metric): Promise<Collected> => {
    // Not waited for again: each wait would stay behind at a promise that may never end.
    if (hanging.has(metric)) throw late(metric);
    const values = (async () => (metric.getForPromString ? metric.getForPromString() : metric.get()))();
    const timeUp = (): Error => {
      hanging.add(metric);
      const ended = (): void => void hanging.delete(metric);
      values.then(ended, ended);
      return late(metric);
    };
    return (await withDeadline(() => values, timeoutMs, timeUp)) as Collected;
  };

  const collectSafely = async (metric: Metric): Promise<Collected> => {
    try {
      return await collect(metric);
    } catch (error) {
      const { name, help, type } = metric;
      failures.cell(name).value++;
      if (channels.collect.hasSubscribers) channels.collect.error.publish({ metric: name, error });
      return { name, help, type, values: [] };
    }
  };

  return async (contentType) => {
    const isOpenMetrics = contentType === (Registry.OPENMETRICS_CONTENT_TYPE as string);
    // The registry itself in all but the format: to set that would be for all who ask at the same time.
    const writer = Object.create(registry, { contentType: { value: contentType } }) as MetricWriter;
    const write = async (metric: Metric): Promise<string> => {
      const collected = await collectSafely(metric);
      // OpenMetrics names a counter without the suffix, which its samples have. The registry's own `metrics()` renames
      // the metric for that, and for good: in the classic text too.
      const isShort = isOpenMetrics && collected.type === 'counter';
      const named = isShort ? { ...collected, name: collected.name.replace(/_total$/, '') } : collected;
      return writer.getMetricsAsString({ get: async () => named });
    };
    const texts = await Promise.all((registry.getMetricsAsArray() as unknown as Metric[]).map(write));
    if (!isOpenMetrics) return `${texts.join('\n\n')}\n`;
    return [...texts, '# EOF\n'].join('\n');
  };
}
