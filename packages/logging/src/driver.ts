import type { LogFormat } from './formats/formats.ts';
import type { LogLevel } from './levels.ts';

/**
 * A form of line that a driver wants: one of the public formats, or `plain` (fields under their own names, for tests).
 */
export interface LineForm {
  readonly format: LogFormat | 'plain';
  /** Colours, for `pretty`. */
  readonly colors: boolean;
}

/** Why a line was not written. */
export type DropReason =
  /** The buffer of the sink was full: its reader is too slow, or the disk is. */
  | 'buffer_full'
  /** The sink failed for good: its reader is gone. */
  | 'sink_failed'
  /** Time was up at `close` or at the end of the process. */
  | 'timeout'
  /** The line came after `close`. */
  | 'closed';

/** What the logger offers to its driver. */
export interface LogHost {
  /** A line in the given form that says that `count` lines were lost. */
  notice(form: LineForm, sink: string, count: number, reason: DropReason): string;
  /** Tells that lines were lost, to whoever listens on the channel. */
  dropped(sink: string, count: number, reason: DropReason): void;
}

/** Numbers of one sink, since it was opened. */
export interface SinkStats {
  readonly name: string;
  /** Lines that reached the operating system or the other library. */
  readonly written: number;
  /** Lines that wait. */
  readonly pending: number;
  /** Lines that were lost, by reason. */
  readonly dropped: Readonly<Record<DropReason, number>>;
}

/** What a driver can do. */
export interface LogFeatures {
  /** `finish` writes the lines that wait. Where it cannot (a network), they are counted as dropped. */
  readonly synchronousFinish: boolean;
}

/**
 * What takes lines somewhere. The logger has done everything that is the same everywhere: the level is enabled, context
 * and trace are captured, secrets are redacted, and the line is complete, with its line feed.
 *
 * A driver never throws from `write`, never blocks it on a reader, and holds a bounded number of bytes: what it cannot
 * hold it counts. Lines of one form keep their order.
 */
export interface LogDriver {
  readonly name: string;
  readonly features: LogFeatures;
  /** The forms that the driver wants each line in; the index is handed to `write`. Most want one. */
  readonly forms: readonly LineForm[];
  /** Called once, before the first line. */
  open(host: LogHost): void;
  write(level: LogLevel, line: string, form: number): void;
  /** Settles when no line waits any more (`true`), or after `timeoutMs` (`false`). Never rejects. */
  flush(timeoutMs: number): Promise<boolean>;
  /**
   * The end of the process, where the event loop no longer turns: writes what it can within `timeoutMs`, counts the
   * rest as dropped, and from then on writes each line that still comes at once.
   */
  finish(timeoutMs: number): void;
  /** Flushes, counts what is left as dropped, and gives back what it opened. The logger calls it once. */
  close(timeoutMs: number): Promise<void>;
  stats(): readonly SinkStats[];
}
