import { withDeadline } from '@ent/internal';
import type { Registry } from 'prom-client';
import { channels } from '../channels.ts';
import { observabilityErrors } from '../errors.ts';
import type { CounterFamily } from './families.ts';

/** What prom-client's types leave out of a metric and of a registry. */
interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  get(): Promise<unknown>;
}
interface MetricWriter {
  /** By which `metrics()` asks and writes each metric. */
  getMetricsAsString(metric: Metric): Promise<string>;
}

/**
 * Writes the metrics of a registry, each collected within `timeoutMs`. One that takes longer, or whose `collect`
 * throws, is there without its values, counted in `failures` (the next answer says so) and published on
 * `ent:observability:collect`. A `collect` that hangs is not called again before it ends.
 */
export function createRender(registry: Registry, timeoutMs: number, failures: CounterFamily): () => Promise<string> {
  const writer = registry as unknown as MetricWriter;
  const hanging = new Set<Metric>();
  const late = ({ name }: Metric): Error =>
    observabilityErrors.collect_timeout(`The metric "${name}" took longer than ${timeoutMs} ms to collect.`);

  const collect = async (metric: Metric): Promise<string> => {
    // Not waited for again: each wait would stay behind at a promise that may never end.
    if (hanging.has(metric)) throw late(metric);
    const text = writer.getMetricsAsString(metric);
    const timeUp = (): Error => {
      hanging.add(metric);
      const ended = (): void => void hanging.delete(metric);
      text.then(ended, ended);
      return late(metric);
    };
    return withDeadline(() => text, timeoutMs, timeUp);
  };

  const getMetricsAsString = async (metric: Metric): Promise<string> => {
    try {
      return await collect(metric);
    } catch (error) {
      const { name, help, type } = metric;
      failures.cell(name).value++;
      if (channels.collect.hasSubscribers) channels.collect.error.publish({ metric: name, error });
      return writer.getMetricsAsString({ name, help, type, get: async () => ({ name, help, type, values: [] }) });
    }
  };
  // The registry itself in all but how one metric is asked.
  const patient = Object.create(registry, { getMetricsAsString: { value: getMetricsAsString } }) as Registry;
  return () => patient.metrics();
}
