import { resolve } from 'node:path';
import { refuseUnknown } from '@ent/internal';
import { loggingErrors } from '../errors.ts';
import { flag, positiveInteger, aText } from '../internal/check.ts';
import type { LogFormat } from '../formats/formats.ts';
import { DEFAULT_MAX_BUFFER, descriptorSink } from './descriptor-sink.ts';
import { RotatingFile } from './rotating-file.ts';
import type { LogSink } from './sink.ts';

/** Options of {@link fileSink}. */
export interface FileSinkOptions {
  /** The file that is written to. Its folder is made where it is missing. */
  readonly path: string;
  /** Default `json`, whatever the format of the logger. */
  readonly format?: LogFormat | undefined;
  /** Bytes after which the file is moved aside. A file is larger only where one line is. Default: no limit. */
  readonly maxBytes?: number | undefined;
  /** Whether a new day (UTC) starts a new file. Default `false`. */
  readonly daily?: boolean | undefined;
  /** Moved files that are kept; older ones are deleted. Default 10. */
  readonly keep?: number | undefined;
  /** Bytes that wait while the disk takes none before lines are dropped. Default 8 MiB. */
  readonly maxBuffer?: number | undefined;
  /** Permissions of new files. Default `0o640`: logs are nobody else's business. */
  readonly mode?: number | undefined;
}

const KNOWN = {
  path: true,
  format: true,
  maxBytes: true,
  daily: true,
  keep: true,
  maxBuffer: true,
  mode: true,
} as const;

/**
 * A file, rotated by size, by day, or by both: `service.log` is moved to `service.2026-11-25.1.log` and so on.
 *
 * Lines of one turn of the event loop are written at its end, so a process that is killed loses at most those. It does
 * not wait for the disk (`fsync`): lines survive the process, not a power cut. A file that somebody else moves away
 * (logrotate, a second process on the same path) is noticed within a second and opened anew.
 *
 * ```ts no-run
 * import { createLogger, fileSink } from '@ent/logging';
 *
 * const file = fileSink({ path: './logs/shop.log', maxBytes: 64 * 1024 * 1024, daily: true });
 * const logger = createLogger({ sinks: [file] });
 * logger.info('in a file');
 * await logger.close();
 * ```
 *
 * @throws logging.sink_unavailable when the logger is made and the file cannot be opened
 */
export function fileSink(options: FileSinkOptions): LogSink {
  refuseUnknown(options, KNOWN, 'fileSink', loggingErrors.invalid_option);
  const path = resolve(aText('fileSink: path', options.path));
  const { maxBytes, daily = false, keep = 10, mode = 0o640, maxBuffer = DEFAULT_MAX_BUFFER } = options;
  if (maxBytes !== undefined) positiveInteger('fileSink: maxBytes', maxBytes);
  positiveInteger('fileSink: keep', keep);
  positiveInteger('fileSink: mode', mode);
  flag('fileSink: daily', daily);
  return descriptorSink({
    name: `file:${path}`,
    format: options.format ?? 'json',
    colors: false,
    maxBuffer: positiveInteger('fileSink: maxBuffer', maxBuffer),
    open() {
      const file = new RotatingFile({ path, maxBytes: maxBytes ?? Number.POSITIVE_INFINITY, daily, keep, mode });
      try {
        file.open();
      } catch (cause) {
        const reason = (cause as NodeJS.ErrnoException).code ?? 'an error';
        throw loggingErrors.sink_unavailable(
          `fileSink: ${path} cannot be opened for writing (${reason}). Check the path and its permissions.`,
          { cause },
        );
      }
      return file;
    },
  });
}
