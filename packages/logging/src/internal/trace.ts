export { activeSpan } from '@ent/internal';

/** The ids of a span, as `@opentelemetry/api` gives them. */
export interface SpanIds {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
}

/** The W3C form of the trace flags: two hexadecimal digits. */
export function flagsOf(span: SpanIds): string {
  return (span.traceFlags & 0xff).toString(16).padStart(2, '0');
}
