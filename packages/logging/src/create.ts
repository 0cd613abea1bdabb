import { isatty } from 'node:tty';
import type { LogDriver } from './driver.ts';
import { type WinstonDriver, winstonDriver } from './drivers/winston.ts';
import { LOG_FORMATS } from './formats/formats.ts';
import { oneOf } from './internal/check.ts';
import { type Logger, loggerOn } from './logger.ts';
import type { CreateLoggerOptions } from './options.ts';
import { consoleSink } from './sinks/console.ts';

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
  if (options.driver !== undefined) return loggerOn(options.driver, options);
  const format = oneOf('format', options.format ?? (isatty(1) ? 'pretty' : 'json'), LOG_FORMATS);
  return loggerOn(winstonDriver({ format, sinks: options.sinks ?? [consoleSink()] }), options);
}
