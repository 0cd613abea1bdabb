import { kindOf, refuseUnknown } from '@ent/internal';
import type { TracerProvider } from '@opentelemetry/api';
import { observabilityErrors } from './errors.ts';
import { cache } from './internal/tracing/cache.ts';
import { database } from './internal/tracing/database.ts';
import { httpClient } from './internal/tracing/http-client.ts';
import { httpServer } from './internal/tracing/http-server.ts';
import { messaging } from './internal/tracing/messaging.ts';
import { Spans } from './internal/tracing/spans.ts';

export { type Measuring, type MeasuringOptions, measureOperations } from './measuring.ts';

/** Options of {@link traceOperations}. */
export interface TracingOptions {
  /**
   * What starts the spans. Default: what the application's SDK has registered, also when it does so later. A context
   * manager and a propagator have to be registered in either case, as `NodeSDK` does it.
   */
  tracerProvider?: TracerProvider | undefined;
  /**
   * Requests that are served without a span, and with none in them of the database and the cache: probes, for example.
   * Default: none.
   */
  ignore?: ((request: { readonly method: string; readonly path: string }) => boolean) | undefined;
}

/** What {@link traceOperations} gives. */
export interface Tracing {
  /** Starts no more spans. Those that are open stay so: close the SDK, which sends them, after it. */
  close(): void;
}

const OPTIONS = { tracerProvider: true, ignore: true } as const;

/**
 * Turns what the packages publish on their channels into spans of OpenTelemetry, by its semantic conventions: HTTP
 * requests that are served and sent (`fetch`, undici, `node:http`), queries and transactions, caches, messages from
 * their publisher through an outbox to their handlers. While an operation runs, its span is the active one, so that
 * spans nest, log lines have their ids, and what is sent has a `traceparent`. Nothing is patched or loaded, so that it
 * works in a bundle too; the SDK, its sampler, its propagators and where the spans go are the application's.
 *
 * @throws `observability.invalid_options` for an option that is unknown or of the wrong kind
 * @example
 * ```ts
 * import { traceOperations } from '@ent/observability/opentelemetry';
 * import { context, trace } from '@opentelemetry/api';
 * import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
 * import { TracerProvider } from '@opentelemetry/sdk-trace';
 *
 * const provider = new TracerProvider({ spanProcessors: [] }); // yours have an exporter
 * trace.setGlobalTracerProvider(provider);
 * context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
 * const tracing = traceOperations({ ignore: ({ path }) => path === '/livez' });
 * tracing.close();
 * await provider.shutdown();
 * ```
 */
export function traceOperations(options: TracingOptions = {}): Tracing {
  refuseUnknown(options, OPTIONS, 'traceOperations', observabilityErrors.invalid_options);
  const { tracerProvider, ignore = () => false } = options;
  if (tracerProvider !== undefined && typeof tracerProvider?.getTracer !== 'function') {
    throw observabilityErrors.invalid_options(
      `traceOperations: tracerProvider must be one of OpenTelemetry; got ${kindOf(tracerProvider)}.`,
    );
  }
  if (typeof ignore !== 'function') {
    throw observabilityErrors.invalid_options(`traceOperations: ignore must be a function; got ${kindOf(ignore)}.`);
  }
  const spans = new Spans(tracerProvider);
  const stops = [
    httpServer(spans, ignore),
    ...httpClient(spans),
    ...database(spans),
    ...cache(spans),
    ...messaging(spans),
  ];
  return {
    close() {
      for (const stop of stops.splice(0)) stop();
    },
  };
}
