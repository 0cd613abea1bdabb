import { type Duration, durationOption, refuseUnknown } from '@ent/internal';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { observabilityErrors } from './errors.ts';
import { onOperation } from './operations.ts';
import { createRender } from './render.ts';
import { registerRuntime } from './runtime.ts';

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
}

const OPTIONS = { registry: true, version: true, collectTimeout: true } as const;

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
  /** Stops listening and measuring. */
  close(): void;
}

/** The payloads listened to, as small as they are needed; the packages document them in full. */
interface HttpRequest {
  method: string;
  route?: string;
  status?: number;
  durationMs?: number;
}
interface CacheGet {
  driver: string;
  keys: number;
  hits?: number;
  stale?: number;
  local?: number;
}
interface CacheLoad {
  driver: string;
  outcome?: string;
}
interface CacheOperation {
  driver: string;
  operation?: string;
}
interface HealthCheck {
  check: string;
}
interface RelayBatch {
  driver: string;
  lagMs?: number;
  stored: number;
  unroutable: number;
  postponed: number;
  parked: readonly unknown[];
  trouble?: string;
}
interface PasswordCheck {
  operation: string;
  outcome?: string;
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'QUERY', 'TRACE', 'CONNECT']);

/**
 * Turns what the packages publish on their channels into Prometheus metrics, named by the OpenTelemetry
 * semantic conventions, and adds those of the process. No label carries a key, an id, an address or an
 * unmatched path, so the number of series is bounded.
 *
 * @throws `observability.invalid_options` for an option that is unknown or of the wrong kind
 * @example
 * ```ts
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
  const registers = [registry];
  if (options.version !== undefined) {
    const labelNames = ['version'] as const;
    new Gauge({ name: 'service_build_info', help: 'Version of the running service.', labelNames, registers }).set(
      { version: options.version },
      1,
    );
  }
  const stops = [
    registerRuntime(registry),
    ...http(registers),
    ...cache(registers),
    ...health(registers),
    ...outbox(registers),
    ...auth(registers),
  ];
  const failures = new Counter({
    name: 'metric_collection_failures_total',
    help: 'Metrics left out of an answer because their values came too late or not at all.',
    labelNames: ['metric'] as const,
    registers,
  });
  return {
    registry,
    get contentType() {
      return registry.contentType;
    },
    render: createRender(registry, timeoutMs, failures),
    close() {
      for (const stop of stops.splice(0)) stop();
    },
  };
}

function http(registers: Registry[]): (() => void)[] {
  const duration = new Histogram({
    name: 'http_server_request_duration_seconds',
    help: 'Duration of HTTP server requests, in seconds.',
    labelNames: ['http_request_method', 'http_route', 'http_response_status_code'] as const,
    buckets: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
    registers,
  });
  const active = new Gauge({
    name: 'http_server_active_requests',
    help: 'Number of HTTP server requests in flight.',
    registers,
  });
  const listener = onOperation<HttpRequest>('ent:http:request', {
    start: () => active.inc(),
    end({ payload, durationMs }) {
      active.dec();
      duration.observe(
        {
          http_request_method: METHODS.has(payload.method) ? payload.method : '_OTHER',
          http_route: payload.route ?? '',
          http_response_status_code: payload.status ?? 0,
        },
        (payload.durationMs ?? durationMs) / 1000,
      );
    },
  });
  return [listener];
}

function cache(registers: Registry[]): (() => void)[] {
  const requests = new Counter({
    name: 'cache_requests_total',
    help: 'Keys asked of the cache, by the tier that answered and the result.',
    labelNames: ['cache_driver', 'cache_tier', 'result'] as const,
    registers,
  });
  const loads = new Histogram({
    name: 'cache_load_duration_seconds',
    help: 'Duration of the loads of missing values, in seconds.',
    labelNames: ['cache_driver', 'outcome'] as const,
    registers,
  });
  const reads = onOperation<CacheGet>('ent:cache:get', {
    end({ payload, error }) {
      const { driver, keys, hits = 0, stale = 0, local = 0 } = payload;
      const count = (cache_tier: string, result: string, by: number): void => {
        if (by > 0) requests.inc({ cache_driver: driver, cache_tier, result }, by);
      };
      if (error !== undefined) return count('backend', 'error', keys);
      count('local', 'hit', local);
      count('backend', 'hit', hits - local);
      count('backend', 'stale', stale);
      count('backend', 'miss', keys - hits - stale);
    },
  });
  const loading = onOperation<CacheLoad>('ent:cache:load', {
    end({ payload: { driver, outcome = 'error' }, durationMs }) {
      loads.observe({ cache_driver: driver, outcome }, durationMs / 1000);
    },
  });
  const durations = new Histogram({
    name: 'cache_operation_duration_seconds',
    help: 'Duration of the operations of the cache, in seconds.',
    labelNames: ['cache_driver', 'operation', 'result'] as const,
    buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
    registers,
  });
  const timing = ['get', 'set', 'delete', 'command'].map((channel) =>
    onOperation<CacheOperation>(`ent:cache:${channel}`, {
      end({ payload: { driver, operation = channel }, durationMs, error }) {
        const result = error === undefined ? 'ok' : 'error';
        durations.observe({ cache_driver: driver, operation, result }, durationMs / 1000);
      },
    }),
  );
  return [reads, loading, ...timing];
}

function health(registers: Registry[]): (() => void)[] {
  const labelNames = ['check'] as const;
  const status = new Gauge({
    name: 'health_check_status',
    help: 'Outcome of the last run of a health check: 1 passed, 0 failed.',
    labelNames,
    registers,
  });
  const duration = new Gauge({
    name: 'health_check_duration_seconds',
    help: 'Duration of the last run of a health check, in seconds.',
    labelNames,
    registers,
  });
  const listener = onOperation<HealthCheck>('ent:lifecycle:check', {
    end({ payload, durationMs, error }) {
      status.set({ check: payload.check }, error === undefined ? 1 : 0);
      duration.set({ check: payload.check }, durationMs / 1000);
    },
  });
  return [listener];
}

function outbox(registers: Registry[]): (() => void)[] {
  const labelNames = ['messaging_system'] as const;
  const messages = new Counter({
    name: 'outbox_messages_total',
    help: 'Messages of outboxes that were tried, by what became of them: stored, unroutable, postponed, parked.',
    labelNames: ['messaging_system', 'outcome'] as const,
    registers,
  });
  const failures = new Counter({
    name: 'outbox_relay_failures_total',
    help: 'Batches of outboxes of which nothing got through, or that could not be read.',
    labelNames,
    registers,
  });
  // Each relay that has its turn tells for all; a gauge of one that has lost it would stay as it was.
  const lag = new Histogram({
    name: 'outbox_lag_seconds',
    help: 'Age of the oldest message of each batch that a relay of an outbox read, in seconds.',
    labelNames,
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800, 3600],
    registers,
  });
  const listener = onOperation<RelayBatch>('ent:messaging:relay', {
    end({ payload, error }) {
      const { driver: messaging_system, stored, unroutable, postponed, trouble, lagMs } = payload;
      const parked = payload.parked.length;
      for (const [outcome, count] of Object.entries({ stored, unroutable, postponed, parked })) {
        if (count > 0) messages.inc({ messaging_system, outcome }, count);
      }
      if (error !== undefined || trouble !== undefined) failures.inc({ messaging_system });
      if (lagMs !== undefined) lag.observe({ messaging_system }, lagMs / 1000);
    },
  });
  return [listener];
}

function auth(registers: Registry[]): (() => void)[] {
  const attempts = new Counter({
    name: 'auth_attempts_total',
    help: 'Password checks, by result.',
    labelNames: ['result'] as const,
    registers,
  });
  const listener = onOperation<PasswordCheck>('ent:auth:password', {
    end({ payload, error }) {
      if (payload.operation !== 'verify') return;
      attempts.inc({ result: payload.outcome ?? (error === undefined ? 'ok' : 'error') });
    },
  });
  return [listener];
}
