import type { SpanIds } from '../internal/trace.ts';
import type { LogFields } from '../options.ts';

/** Fields, and a place where an encoder keeps what it made of them, so that it is made once and not on every line. */
export interface Memo {
  readonly fields: LogFields;
  memo: unknown;
}

/** The fields that belong to a logger: those of the root, overlaid with those that `child()` added. */
export interface Bound extends Memo {
  readonly root: LogFields;
  readonly own: LogFields;
}

/** One log call, as it was when it was made. */
export interface LogEntry {
  /** Index into `LOG_LEVELS`. */
  readonly level: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly message: string;
  readonly bound: Bound;
  /** The fields of the request context. */
  readonly context: Memo | undefined;
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
  return [entry.bound.root, entry.context?.fields, entry.bound.own, entry.fields];
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
