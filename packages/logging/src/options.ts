import type { LogDriver } from './driver.ts';
import type { LogFormat } from './formats/formats.ts';
import type { LogLevel } from './levels.ts';
import type { LogSink } from './sinks/sink.ts';

/** A length of time: a number of milliseconds, or a number with a unit: `"250ms"`, `"30s"`, `"5m"`. */
export type Duration = number | string;

/**
 * What a line says besides its message. Any value can be logged: errors, dates, maps, cycles, BigInt.
 *
 * `err` (or `error`) is the error that the line is about. `requestId`, `userId` and `logger` have a place of their own
 * in ECS and OpenTelemetry, and names with dots (`'http.response.status_code'`) are taken for names of those schemas.
 */
export type LogFields = Readonly<Record<string, unknown>>;

/** Who writes: the same on every line. */
export interface ServiceInfo {
  /** `service.name`. */
  readonly name: string;
  /** `service.version`. */
  readonly version?: string | undefined;
  /** `service.environment` in ECS, `deployment.environment.name` in OpenTelemetry. */
  readonly environment?: string | undefined;
  /** Tells the instances apart: `service.node.name` in ECS, `service.instance.id` in OpenTelemetry. */
  readonly instance?: string | undefined;
}

/** What every logger takes, whatever its driver. */
export interface LoggerOptions {
  /** The least severe level that is written. Default `info`. It can change later: `logger.setLevel`. */
  readonly level?: LogLevel | undefined;
  /** Who writes. Default: nobody is named. */
  readonly service?: ServiceInfo | undefined;
  /** Fields of every line. Default: none. */
  readonly fields?: LogFields | undefined;
  /**
   * Paths whose values are written as `[redacted]`: `"user.email"`, `"users[*].email"`, `"*.email"` (one level
   * below the top), `"**.email"` (a name at any depth). Passwords, tokens, cookies and keys
   * ({@link REDACTED_NAMES}) always are. Default: none besides.
   */
  readonly redact?: readonly string[] | undefined;
  /**
   * How long `flush`, `close` and the end of the process wait for a sink that does not take its lines. What is
   * left then is counted as dropped. Default `"5s"`.
   */
  readonly flushTimeout?: Duration | undefined;
  /**
   * Signals at which buffered lines are written before the process dies of them, as it would have anyway. Lines do not
   * stay buffered for longer than a turn of the event loop unless a reader is slow, so this is for those who pipe into
   * something slow and have no shutdown of their own. Where the application listens for the signal, the logger leaves
   * the process to it. Default: none.
   *
   * A process that is stuck in a loop no longer dies of these signals (nothing that is handled in JavaScript can).
   */
  readonly flushOnSignals?: readonly NodeJS.Signals[] | undefined;
  /**
   * Whether an uncaught exception or unhandled rejection is logged as `critical`. It only watches
   * (Node's `uncaughtExceptionMonitor`): what happens then is up to the process, and buffered lines are
   * written at its end in any case. Default `false`.
   */
  readonly logUncaught?: boolean | undefined;
}

/** Options of `createLogger`. */
export interface CreateLoggerOptions extends LoggerOptions {
  /**
   * How lines look on sinks that do not say it themselves. Default: `pretty` where standard output is a terminal, else
   * `json`. Files are `json` unless they say otherwise.
   */
  readonly format?: LogFormat | undefined;
  /** Where lines go. Default: `[consoleSink()]`. */
  readonly sinks?: readonly LogSink[] | undefined;
  /**
   * Another driver than winston, such as `memoryDriver()` of `@ent/logging/memory`; `format` and `sinks` do not apply.
   */
  readonly driver?: LogDriver | undefined;
}
