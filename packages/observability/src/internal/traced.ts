import type { Span } from '@opentelemetry/api';

/** Where the span of an operation is, on what its channel publishes: others that listen find its trace there. */
export const SPAN: unique symbol = Symbol.for('@ent/observability:span');

/** What a channel publishes of an operation that may have a span. */
export interface Traced {
  [SPAN]?: Span | undefined;
}
