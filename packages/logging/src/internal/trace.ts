import type { SpanIds } from '@ent/internal';

export { activeSpan, type SpanIds } from '@ent/internal';

/** The W3C form of the trace flags: two hexadecimal digits. */
export function flagsOf(span: SpanIds): string {
  return (span.traceFlags & 0xff).toString(16).padStart(2, '0');
}
