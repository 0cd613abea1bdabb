import processes from 'node:cluster';
import { activeSpan, type Duration, durationOption, refuseUnknown } from '@ent/internal';
import { Registry } from 'prom-client';
import { observabilityErrors } from './errors.ts';
import { tellPrimary, Workers } from './internal/cluster.ts';
import { CounterFamily, GaugeFamily, type Home } from './internal/families.ts';
import { operations } from './internal/metrics/operations.ts';
import { registerRuntime } from './internal/metrics/runtime.ts';
import { wantsOpenMetrics } from './internal/open-metrics.ts';
import { RegistryPlace } from './internal/registry-place.ts';
import { createCollect, write } from './internal/render.ts';

/** Options of {@link createMetrics}. */
export interface MetricsOptions {
  /** Where the metrics are registered. Default: a new registry, so that nothing else ends up in it. */
  registry?: Registry | undefined;
  /** Version of the service, shown by `service_build_info`. Left out, that metric is not there. */
  version?: string | undefined;
  /**
   * How long a metric, one of your own with a `collect`, may take for its values; it is left out of the answer then.
   * Milliseconds, or such as `"500ms"`. Default: `"2s"`, of the 10 s that Prometheus waits.
   */
  collectTimeout?: number | string | undefined;
  /**
   * Sets of label values that one metric may have. What comes after them is counted together, under labels that are all
   * `_OTHER`: topics, for example, may be as many as an application makes. Default: 2000.
   */
  maxSeries?: number | undefined;
  /**
   * Keeps with each bucket of a histogram the ids of the last sampled span of OpenTelemetry that an observation was
   * made in, so that a dashboard leads from a slow request to its trace. They are written in OpenMetrics alone: see
   * {@link Metrics.answer}. Default: false.
   */
  exemplars?: boolean | undefined;
  /**
   * For processes of `node:cluster` that all say so: in the primary the metrics of all workers are added up with its
   * own, and those of workers that are gone are kept, as of when they were asked last, so that no counter falls. A
   * worker that does not answer in `collectTimeout` is there with its last numbers, and counted as `cluster_worker` by
   * `metric_collection_failures_total`. Exemplars are not carried. In a worker `render` and `answer` are about that
   * worker alone. Default: false.
   */
  cluster?: boolean | undefined;
}

const OPTIONS = {
  registry: true,
  version: true,
  collectTimeout: true,
  maxSeries: true,
  exemplars: true,
  cluster: true,
} as const;

/** What {@link Metrics.answer} gives. */
export interface MetricsAnswer {
  /** For the header `Content-Type`. */
  readonly contentType: string;
  readonly body: string;
}

/** The metrics of a process. */
export interface Metrics {
  /** prom-client's registry, for metrics of your own. */
  readonly registry: Registry;
  /** `Content-Type` of {@link render}: that of the registry, also when it is set later. */
  readonly contentType: string;
  /**
   * The metrics in Prometheus' text format, or in OpenMetrics when the registry is set to that. A metric that does not
   * answer in time, or fails, has no values in it: `metric_collection_failures_total` counts that.
   */
  render(): Promise<string>;
  /**
   * The metrics for one who asks for them over HTTP: in OpenMetrics 1.0.0 where `Accept` asks for that by its name and
   * does not prefer the classic text, as Prometheus does with `--enable-feature=exemplar-storage`; in the format of the
   * registry else. Whatever is asked in what order, the names of the classic text stay as they are.
   *
   * @param accept the header of the request
   */
  answer(accept?: string | readonly string[]): Promise<MetricsAnswer>;
  /** Stops listening and measuring. */
  close(): void;
}

/**
 * Turns what the packages publish on their channels into Prometheus metrics, named by the OpenTelemetry
 * semantic conventions, and adds those of the process. No label carries a key, an id, an address or an
 * unmatched path, so the number of series is bounded.
 *
 * @throws `observability.invalid_options` for an option that is unknown or of the wrong kind
 * @example
 * ```ts
 * import { createMetrics } from '@ent/observability/prometheus';
 *
 * const metrics = createMetrics({ version: '1.2.3' });
 * console.log(await metrics.render());
 * metrics.close();
 * ```
 */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  refuseUnknown(options, OPTIONS, 'createMetrics', observabilityErrors.invalid_options);
  const registry = options.registry ?? new Registry();
  if (typeof registry.registerMetric !== 'function') {
    throw observabilityErrors.invalid_options('createMetrics: registry must be a Registry of prom-client.');
  }
  const timeout: Duration = options.collectTimeout ?? '2s';
  const timeoutMs = durationOption(timeout, 'createMetrics: collectTimeout', observabilityErrors.invalid_options);
  const { maxSeries = 2000 } = options;
  if (!Number.isSafeInteger(maxSeries) || maxSeries < 1) {
    throw observabilityErrors.invalid_options('createMetrics: maxSeries must be a whole number from 1 on.');
  }
  const { exemplars = false, cluster = false } = options;
  for (const [name, value] of Object.entries({ exemplars, cluster })) {
    if (typeof value !== 'boolean') {
      throw observabilityErrors.invalid_options(`createMetrics: ${name} must be true or false.`);
    }
  }
  const exemplarLabels = exemplars ? sampledSpan : undefined;
  const home: Home = { registry, maxSeries, exemplarLabels };
  if (options.version !== undefined) {
    const help = 'Version of the running service.';
    const labelNames = ['version'];
    const info = new GaugeFamily(home, { name: 'service_build_info', help, labelNames, aggregator: 'max' });
    info.cell(options.version).value = 1;
  }
  const stops = [registerRuntime(registry), ...operations(new RegistryPlace(home, timeoutMs))];
  const failures = new CounterFamily(home, {
    name: 'metric_collection_failures_total',
    help: 'Metrics left out of an answer because their values came too late or not at all.',
    labelNames: ['metric'],
  });
  const collect = createCollect(registry, timeoutMs, failures);
  const workers = cluster && processes.isPrimary ? new Workers(timeoutMs, failures) : undefined;
  if (workers) stops.push(() => workers.close());
  else if (cluster) stops.push(tellPrimary(collect));
  const render = async (contentType: string): Promise<string> => {
    const metrics = workers ? await workers.sum(await collect('data')) : await collect('text');
    return write(registry, metrics, contentType);
  };
  return {
    registry,
    get contentType() {
      return registry.contentType;
    },
    render: () => render(registry.contentType),
    async answer(accept = '') {
      const contentType = wantsOpenMetrics(String(accept)) ? Registry.OPENMETRICS_CONTENT_TYPE : registry.contentType;
      return { contentType, body: await render(contentType) };
    },
    close() {
      for (const stop of stops.splice(0)) stop();
    },
  };
}

const SAMPLED = 1;

/** The ids under which Prometheus and Grafana look for them. One that is not sampled leads nowhere. */
function sampledSpan(): Record<string, string> | undefined {
  const span = activeSpan(Date.now());
  if (span === undefined || (span.traceFlags & SAMPLED) === 0) return undefined;
  return { trace_id: span.traceId, span_id: span.spanId };
}
