import { refuseUnknown } from '@ent/internal';
import type { LogDriver, SinkStats } from './driver.ts';
import { loggingErrors } from './errors.ts';
import type { Bound } from './formats/encoder.ts';
import { oneOf } from './internal/check.ts';
import { bind, Pipeline } from './internal/pipeline.ts';
import { snapshot } from './internal/safe.ts';
import { LOG_LEVELS, type LogLevel } from './levels.ts';
import type { Duration, LogFields, LoggerOptions } from './options.ts';

/** Numbers of a logger and its sinks. */
export interface LogStats {
  /** Lines lost on all sinks together, for whatever reason. */
  readonly dropped: number;
  readonly sinks: readonly SinkStats[];
}

/**
 * Writes lines. A call that logs never throws and never waits, whatever it is given.
 *
 * A message is a text that is the same for all lines of its kind; what differs goes into the fields, where it can be
 * searched: `logger.info('order placed', { orderId })`.
 *
 * ```ts
 * import { createLogger } from '@ent/logging';
 *
 * const logger = createLogger({ level: 'debug', format: 'json', service: { name: 'shop' } });
 * const orders = logger.child({ logger: 'orders' });
 * orders.info('order placed', { orderId: 7 });
 * orders.error('payment failed', { orderId: 7, err: new Error('declined') });
 * await logger.close();
 * ```
 */
export interface Logger<Driver extends LogDriver = LogDriver> {
  /** For whoever is looking for a fault. */
  debug(message: string | Error, fields?: LogFields | Error): void;
  /** What happened. */
  info(message: string | Error, fields?: LogFields | Error): void;
  /** What will fail if nobody looks. */
  warning(message: string | Error, fields?: LogFields | Error): void;
  /** Work that failed. An error is written with type, message, stack and its chain of causes. */
  error(message: string | Error, fields?: LogFields | Error): void;
  /** What somebody should be woken up for. */
  critical(message: string | Error, fields?: LogFields | Error): void;
  /**
   * A logger that adds `fields` to each of its lines. It shares everything else with this one, including the
   * level, unless it is given a level of its own.
   */
  child(fields: LogFields, options?: { readonly level?: LogLevel | undefined }): Logger<Driver>;
  /** The least severe level that is written. */
  readonly level: LogLevel;
  /** Whether a line of this level would be written: worth asking before computing what only the line needs. */
  isEnabled(level: LogLevel): boolean;
  /**
   * Changes the level from the next call on: of this logger, and of all that share its level.
   *
   * @throws logging.invalid_option for anything but one of {@link LOG_LEVELS}
   */
  setLevel(level: LogLevel): void;
  /**
   * Settles when no line waits any more (`true`), or when the time is up (`false`; lines go on waiting).
   *
   * @param timeout default: the `flushTimeout` of the logger
   */
  flush(timeout?: Duration): Promise<boolean>;
  /**
   * Writes what waits, for at most `flushTimeout`, and closes the sinks; what could not be written is counted as
   * dropped. A call to a child closes all. Lines that come later are counted as dropped.
   */
  close(): Promise<void>;
  /** How many lines were written and lost. */
  stats(): LogStats;
  /** What takes the lines away; for `createLogger` that is winston: `logger.driver.client`. */
  readonly driver: Driver;
}

const [DEBUG, INFO, WARNING, ERROR, CRITICAL] = [0, 1, 2, 3, 4] as const;

/** Shared by the loggers whose level changes together. */
interface Threshold {
  value: number;
}

class PipelineLogger implements Logger {
  readonly #pipeline: Pipeline;
  readonly #bound: Bound;
  readonly #threshold: Threshold;

  constructor(pipeline: Pipeline, bound: Bound, threshold: Threshold) {
    this.#pipeline = pipeline;
    this.#bound = bound;
    this.#threshold = threshold;
  }

  debug(message: unknown, fields?: unknown): void {
    if (this.#threshold.value <= DEBUG) this.#pipeline.write(DEBUG, this.#bound, message, fields);
  }

  info(message: unknown, fields?: unknown): void {
    if (this.#threshold.value <= INFO) this.#pipeline.write(INFO, this.#bound, message, fields);
  }

  warning(message: unknown, fields?: unknown): void {
    if (this.#threshold.value <= WARNING) this.#pipeline.write(WARNING, this.#bound, message, fields);
  }

  error(message: unknown, fields?: unknown): void {
    if (this.#threshold.value <= ERROR) this.#pipeline.write(ERROR, this.#bound, message, fields);
  }

  critical(message: unknown, fields?: unknown): void {
    if (this.#threshold.value <= CRITICAL) this.#pipeline.write(CRITICAL, this.#bound, message, fields);
  }

  child(fields: LogFields, options?: { readonly level?: LogLevel | undefined }): Logger {
    if (options !== undefined) refuseUnknown(options, { level: true }, 'child', loggingErrors.invalid_option);
    const bound = bind(this.#bound.root, { ...this.#bound.own, ...snapshot(fields) });
    const threshold = options?.level === undefined ? this.#threshold : { value: indexOf(options.level) };
    return new PipelineLogger(this.#pipeline, bound, threshold);
  }

  get level(): LogLevel {
    return LOG_LEVELS[this.#threshold.value] as LogLevel;
  }

  isEnabled(level: LogLevel): boolean {
    return LOG_LEVELS.indexOf(level) >= this.#threshold.value;
  }

  setLevel(level: LogLevel): void {
    this.#threshold.value = indexOf(level);
  }

  flush(timeout?: Duration): Promise<boolean> {
    return this.#pipeline.flush(timeout);
  }

  close(): Promise<void> {
    return this.#pipeline.close();
  }

  stats(): LogStats {
    return this.#pipeline.stats();
  }

  get driver(): LogDriver {
    return this.#pipeline.driver;
  }
}

function indexOf(level: LogLevel): number {
  return LOG_LEVELS.indexOf(oneOf('level', level, LOG_LEVELS));
}

/**
 * The logger on a driver of your own; `createLogger` is this on winston.
 *
 * @throws logging.invalid_option for an option with a value that it cannot have
 */
export function loggerOn<Driver extends LogDriver>(driver: Driver, options: LoggerOptions = {}): Logger<Driver> {
  const threshold = { value: indexOf(options.level ?? 'info') };
  const pipeline = new Pipeline(driver, options);
  return new PipelineLogger(pipeline, pipeline.root, threshold) as Logger as Logger<Driver>;
}
