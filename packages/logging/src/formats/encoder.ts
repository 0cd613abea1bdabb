import type { SpanIds } from '../internal/trace.ts';
import type { LogFields } from '../options.ts';

/** Where an encoder keeps what it derived from a set of fields, so that it is derived once and not on every line. */
export interface Memo {
  memo: unknown;
}

/** The fields that belong to a logger: those of the root, and those that `child()` added. */
export interface Bound extends Memo {
  readonly base: LogFields;
  readonly own: LogFields;
}

/** The fields of a request context. */
export interface Contextual extends Memo {
  readonly fields: LogFields;
}

/** One log call, as it was when it was made. */
export interface LogEntry {
  /** Index into `LOG_LEVELS`. */
  readonly level: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly message: string;
  readonly bound: Bound;
  readonly context: Contextual | undefined;
  readonly span: SpanIds | undefined;
  readonly fields: LogFields | undefined;
}

/** Turns log calls into lines. */
export interface Encoder {
  /**
   * The line, with its line feed. A record that takes several lines indents all but the first, so that a reader of the
   * stream sees where the next one starts. May throw where the caller's fields do; {@link encodeSafely} does not.
   */
  encode(entry: LogEntry): string;
  /** The same, reading each field behind a guard of its own. */
  encodeSafely(entry: LogEntry): string;
}

/** Later ones win: root < context < child < call. */
export function fieldSources(entry: LogEntry): (LogFields | undefined)[] {
  return [entry.bound.base, entry.context?.fields, entry.bound.own, entry.fields];
}

let lastTime = -1;
let lastIso = '';

/** The time in ISO 8601, UTC. Lines of one millisecond share the text. */
export function isoTime(time: number): string {
  if (time !== lastTime) {
    lastIso = new Date(time).toISOString();
    lastTime = time;
  }
  return lastIso;
}
