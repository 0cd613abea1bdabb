import { fstatSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { isMainThread } from 'node:worker_threads';
import { refuseUnknown } from '@ent/internal';
import { loggingErrors } from '../errors.ts';
import { flag, oneOf, positiveInteger } from '../internal/check.ts';
import type { LogFormat } from '../formats/formats.ts';
import { DEFAULT_MAX_BUFFER, descriptorSink } from './descriptor-sink.ts';
import type { Target } from './line-writer.ts';
import type { LogSink } from './sink.ts';

/** Options of {@link consoleSink}. */
export interface ConsoleSinkOptions {
  /** Default `stdout`. */
  readonly stream?: 'stdout' | 'stderr' | undefined;
  /** Default: the format of the logger. */
  readonly format?: LogFormat | undefined;
  /**
   * Whether `pretty` uses colours. Default: on a terminal, unless `NO_COLOR` is set
   * (https://no-color.org); elsewhere only with `FORCE_COLOR`.
   */
  readonly colors?: boolean | undefined;
  /** Bytes that wait for a slow reader before lines are dropped. Default 8 MiB. */
  readonly maxBuffer?: number | undefined;
}

/** POSIX: a write of up to this many bytes to a pipe is atomic, so the lines of several processes do not mix. */
const PIPE_BUF = 4096;

/**
 * Standard output or standard error.
 *
 * Lines go to the file descriptor itself with synchronous writes, and not through `process.stdout`, which keeps what a
 * pipe does not take in the memory of the process and loses it at `process.exit()`. A pipe whose reader is slow does
 * not hold up the process: up to `maxBuffer` bytes wait, further lines are dropped, counted and told of.
 *
 * ```ts
 * import { consoleSink, createLogger } from '@ent/logging';
 *
 * const logger = createLogger({ sinks: [consoleSink({ stream: 'stderr', format: 'pretty' })] });
 * logger.info('for a person');
 * await logger.close();
 * ```
 */
export function consoleSink(options: ConsoleSinkOptions = {}): LogSink {
  refuseUnknown(
    options,
    { stream: true, format: true, colors: true, maxBuffer: true },
    'consoleSink',
    loggingErrors.invalid_option,
  );
  const fd = oneOf('consoleSink: stream', options.stream ?? 'stdout', ['stdout', 'stderr']) === 'stderr' ? 2 : 1;
  return descriptorSink({
    name: fd === 1 ? 'stdout' : 'stderr',
    format: options.format,
    colors: flag('consoleSink: colors', options.colors ?? wantsColors(fd)),
    maxBuffer: positiveInteger('consoleSink: maxBuffer', options.maxBuffer ?? DEFAULT_MAX_BUFFER),
    open: () => new StandardStream(fd),
  });
}

class StandardStream implements Target {
  readonly slice: number;
  readonly isEmpty = true;
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
    this.slice = prepare(fd);
  }

  room(): number {
    return Number.POSITIVE_INFINITY;
  }

  roll(): void {}

  write(bytes: Buffer, offset: number, length: number): number {
    return writeSync(this.#fd, bytes, offset, length);
  }

  recover(code: string): boolean {
    // A full disk can empty again; a reader that went away does not come back.
    return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EIO';
  }

  close(): void {}
}

/** Makes a pipe say EAGAIN rather than stop the process, and answers how much to write at once. */
function prepare(fd: number): number {
  try {
    const stat = fstatSync(fd);
    if (stat.isFile()) return 65_536;
    // Node sets O_NONBLOCK on a pipe when it makes the stream for it (as for any `console.log`), and undoes it at exit.
    if (isMainThread && process.platform !== 'win32' && (stat.isFIFO() || stat.isSocket())) {
      void (fd === 1 ? process.stdout : process.stderr);
    }
  } catch {
    // A closed descriptor: the first write says so.
  }
  return PIPE_BUF;
}

function wantsColors(fd: number): boolean {
  const { NO_COLOR, FORCE_COLOR } = process.env;
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false;
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '') return FORCE_COLOR !== '0';
  return isatty(fd);
}
