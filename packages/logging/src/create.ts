import { isatty } from 'node:tty';
import { refuseUnknown } from '@ent/internal';
import type { LogDriver } from './driver.ts';
import { type WinstonDriver, winstonDriver } from './drivers/winston.ts';
import { loggingErrors } from './errors.ts';
import { LOG_FORMATS } from './formats/formats.ts';
import { hasMethods, list, oneOf } from './internal/check.ts';
import { type Logger, loggerOn } from './logger.ts';
import type { CreateLoggerOptions } from './options.ts';
import { consoleSink } from './sinks/console.ts';
import type { LogSink } from './sinks/sink.ts';

/**
 * A logger on winston, to standard output unless told otherwise.
 *
 * ```ts
 * import { createLogger, fileSink } from '@ent/logging';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 *
 * const path = join(tmpdir(), 'ent-logging-example.log');
 * const logger = createLogger({ level: 'debug', sinks: [fileSink({ path, maxBytes: 10_000_000, keep: 5 })] });
 * logger.info('started', { port: 8000 });
 * await logger.close();
 * ```
 *
 * @throws logging.invalid_option for an option with a value that it cannot have
 * @throws logging.sink_unavailable when a file cannot be opened
 */
export function createLogger<Driver extends LogDriver>(
  options: CreateLoggerOptions & { readonly driver: Driver },
): Logger<Driver>;
export function createLogger(options?: CreateLoggerOptions & { readonly driver?: undefined }): Logger<WinstonDriver>;
export function createLogger(options?: CreateLoggerOptions): Logger;
export function createLogger(options: CreateLoggerOptions = {}): Logger {
  refuseUnknown(options, KNOWN, 'createLogger', loggingErrors.invalid_option);
  if (options.driver !== undefined) return loggerOn(checkDriver(options.driver), options);
  const format = oneOf('format', options.format ?? (isatty(1) ? 'pretty' : 'json'), LOG_FORMATS);
  const sinks = list('sinks', options.sinks ?? [consoleSink()]);
  sinks.forEach(checkSink);
  return loggerOn(winstonDriver({ format, sinks }), options);
}

const KNOWN = {
  level: true,
  service: true,
  fields: true,
  redact: true,
  flushTimeout: true,
  flushOnSignals: true,
  logUncaught: true,
  format: true,
  sinks: true,
  driver: true,
} as const;

function checkSink(sink: LogSink, i: number): void {
  if (hasMethods(sink, 'open', 'write', 'flush', 'finish', 'close', 'stats')) return;
  throw loggingErrors.invalid_option(`sinks[${i}] is not a sink; a transport of winston's goes into transportSink().`);
}

function checkDriver(driver: LogDriver): LogDriver {
  if (hasMethods(driver, 'open', 'write', 'flush', 'finish', 'close', 'stats') && Array.isArray(driver.forms)) {
    return driver;
  }
  throw loggingErrors.invalid_option('driver is not a log driver, such as memoryDriver() of @ent/logging/memory.');
}
