import type { Component } from '@ent/lifecycle';
import { traceOperations, type Tracing } from '@ent/observability/opentelemetry';
import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';

/** Where traces go, and how many of them. */
export interface TracingSettings {
  /** Of a Collector, by OTLP over HTTP. */
  readonly endpoint: string;
  /** The part of the traces begun here that is kept, from 0 to 1. Of one that others began they have said it. */
  readonly ratio: number;
  /** Requests that are not traced: probes. */
  readonly ignore: (request: { readonly path: string }) => boolean;
}

/** Traces as a part of the process: what is left is sent when it stops. To be loaded only where traces go somewhere. */
export function sendTraces(service: string, { endpoint, ratio, ignore }: TracingSettings): Component {
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces` });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': service }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
    spanProcessors: [new BatchSpanProcessor({ exporter, scheduledDelayMillis: 1_000 })],
  });
  let tracing: Tracing | undefined;
  return {
    start() {
      trace.setGlobalTracerProvider(provider);
      context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
      const propagators = [new W3CTraceContextPropagator(), new W3CBaggagePropagator()];
      propagation.setGlobalPropagator(new CompositePropagator({ propagators }));
      tracing = traceOperations({ ignore });
    },
    stop() {
      tracing?.close();
      // A Collector that is away is no reason to stop uncleanly.
      return provider.shutdown().catch(() => {});
    },
  };
}
