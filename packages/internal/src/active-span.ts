/** The ids of a span, as `@opentelemetry/api` gives them. */
export interface SpanIds {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
}

interface OtelRegistry {
  context?: { active(): { getValue(key: symbol): { spanContext?(): SpanIds } | undefined } };
}

// All 1.x copies of the API find the registered SDK under the first symbol and the active span under the
// second: it is how they work together across versions. Reading them needs no import of an optional peer, and
// also works when the application is bundled with a copy of its own. (opentelemetry-js:
// api/src/internal/global-utils.ts, trace/context-utils.ts)
/** Where the registered SDK is, on `globalThis`. */
export const OTEL_REGISTRY: unique symbol = Symbol.for('opentelemetry.js.api.1');
/** Of the active span, in a context. */
export const OTEL_SPAN: unique symbol = Symbol.for('OpenTelemetry Context Key SPAN');
const TRACE_ID = /^(?!0+$)[0-9a-f]{32}$/;
const SPAN_ID = /^(?!0+$)[0-9a-f]{16}$/;

// Made by the first registration, and then the same object for good; SDKs come and go inside of it.
let registry: OtelRegistry | undefined;
let lookedAt = 0;
let last: SpanIds | undefined;

/**
 * The ids of the active span, or `undefined` where there is no SDK, no span, or an invalid one.
 *
 * @param now the time in milliseconds: a missing SDK is looked for once in
 *   each, because to look costs a tenth of a line
 */
export function activeSpan(now: number): SpanIds | undefined {
  if (registry === undefined) {
    if (now === lookedAt) return undefined;
    lookedAt = now;
    registry = (globalThis as { [OTEL_REGISTRY]?: OtelRegistry })[OTEL_REGISTRY];
  }
  const manager = registry?.context;
  if (manager === undefined) return undefined;
  try {
    const ids = manager.active().getValue(OTEL_SPAN)?.spanContext?.();
    if (ids === undefined) return undefined;
    // A span hands out the same object each time, and most lines follow one of the same span.
    if (ids === last) return ids;
    if (!TRACE_ID.test(ids.traceId) || !SPAN_ID.test(ids.spanId)) return undefined;
    last = ids;
    return ids;
  } catch {
    return undefined;
  }
}
