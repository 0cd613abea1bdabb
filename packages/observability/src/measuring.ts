import { kindOf, OTEL_REGISTRY, refuseUnknown } from '@ent/internal';
import type { MeterProvider } from '@opentelemetry/api';
import { observabilityErrors } from './errors.ts';
import { MeterPlace } from './internal/meter-place.ts';
import { meterRuntime } from './internal/metrics/meter-runtime.ts';
import { operations } from './internal/metrics/operations.ts';
import { NAME } from './internal/tracing/spans.ts';

/** Options of {@link measureOperations}. */
export interface MeasuringOptions {
  /** What the instruments are made by. Default: what the application's SDK has registered before. */
  meterProvider?: MeterProvider | undefined;
}

/** What {@link measureOperations} gives. */
export interface Measuring {
  /** Measures no more. Close the SDK, which sends what it has, before it: what is counted here is asked for then. */
  close(): void;
}

/** How long brokers may take for the numbers of their groups. */
const COLLECT_TIMEOUT_MS = 2_000;

/**
 * Measures by OpenTelemetry what `createMetrics` of `@ent/observability/prometheus` measures for Prometheus, by the
 * semantic conventions: requests that are served and sent, queries and pools, caches, messages and outboxes, logins,
 * health checks, log lines, and the process. What the conventions do not know has names that begin with `ent.`. The
 * SDK, its views, its readers and where the numbers go are the application's.
 *
 * @throws `observability.invalid_options` for an option that is unknown or of the wrong kind, and where no provider is
 *   given or registered
 * @example
 * ```ts
 * import { measureOperations } from '@ent/observability/opentelemetry';
 * import { metrics } from '@opentelemetry/api';
 * import { MeterProvider } from '@opentelemetry/sdk-metrics';
 *
 * const provider = new MeterProvider({ readers: [] }); // yours has one with an exporter
 * metrics.setGlobalMeterProvider(provider);
 * const measuring = measureOperations();
 * await provider.shutdown();
 * measuring.close();
 * ```
 */
export function measureOperations(options: MeasuringOptions = {}): Measuring {
  refuseUnknown(options, { meterProvider: true }, 'measureOperations', observabilityErrors.invalid_options);
  const { meterProvider = registeredMeters() } = options;
  if (meterProvider === undefined) {
    throw observabilityErrors.invalid_options(
      'measureOperations: no MeterProvider is registered; start the SDK before, or give one as meterProvider.',
    );
  }
  if (typeof meterProvider?.getMeter !== 'function') {
    throw observabilityErrors.invalid_options(
      `measureOperations: meterProvider must be one of OpenTelemetry; got ${kindOf(meterProvider)}.`,
    );
  }
  const place = new MeterPlace(meterProvider.getMeter(NAME), COLLECT_TIMEOUT_MS);
  const stops = [...meterRuntime(place), ...operations(place), () => place.close()];
  return {
    close() {
      for (const stop of stops.splice(0)) stop();
    },
  };
}

function registeredMeters(): MeterProvider | undefined {
  return (globalThis as { [OTEL_REGISTRY]?: { readonly metrics?: MeterProvider } })[OTEL_REGISTRY]?.metrics;
}
