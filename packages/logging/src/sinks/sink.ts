import type { LineForm, LogHost, SinkStats } from '../driver.ts';
import type { LogLevel } from '../levels.ts';
import type { LogFormat } from '../formats/formats.ts';

/**
 * A place that lines go to. The built-in ones are {@link consoleSink}, {@link fileSink} and
 * {@link transportSink}; the contract is that of a driver, for one form: never throw from `write`, never block it
 * on a reader, stay bounded, count what is lost.
 */
export interface LogSink {
  readonly name: string;
  /** The format of this sink; where it is left out, that of the logger. */
  readonly format?: LogFormat | undefined;
  /** Whether `pretty` may use colours here. */
  readonly colors: boolean;
  /** Called once, before the first line. */
  open(host: LogHost, form: LineForm): void;
  write(line: string, level: LogLevel): void;
  flush(timeoutMs: number): Promise<boolean>;
  finish(timeoutMs: number): void;
  close(timeoutMs: number): Promise<void>;
  stats(): SinkStats;
}
