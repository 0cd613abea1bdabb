import { refuseUnknown, startTimer } from '@ent/internal';
import type TransportStream from 'winston-transport';
import type { DropReason, LineForm, LogHost } from '../driver.ts';
import { loggingErrors } from '../errors.ts';
import { aText, hasMethods, positiveInteger } from '../internal/check.ts';
import { LEVEL, MESSAGE } from '../internal/winston.ts';
import { LOG_LEVELS, type LogLevel } from '../levels.ts';
import type { LogFormat } from '../formats/formats.ts';
import { DEFAULT_MAX_BUFFER, toStandardError } from './descriptor-sink.ts';
import type { LogSink } from './sink.ts';
import { Fifo } from './fifo.ts';
import { Recent } from './recent.ts';
import { endTransport, flushTransport } from './transport-end.ts';
import { answerOnce, isBroken, pipeInto, type Transport, watchStreams } from './transport-parts.ts';

/** Options of {@link transportSink}. */
export interface TransportSinkOptions {
  /** The name in statistics and notices. Default `transport`. */
  readonly name?: string | undefined;
  /** Default `json`, whatever the format of the logger. */
  readonly format?: LogFormat | undefined;
  /** Characters of lines that the transport has not acknowledged before lines are dropped. Default 8 Mi. */
  readonly maxBuffer?: number | undefined;
  /**
   * Other names of levels, for a transport that knows its own only: `{ critical: 'crit' }` for `winston-syslog`, which
   * refuses every other name. Default: none.
   */
  readonly levels?: Partial<Readonly<Record<LogLevel, string | undefined>>> | undefined;
}

const KNOWN = { name: true, format: true, maxBuffer: true, levels: true } as const;
/** After this time, a line that the transport took is believed to be out. */
const UNSURE_MS = 5000;

/**
 * Any transport of winston's, such as `winston-loki`, as a sink: bounded, and without a way to hold up the others or to
 * end the process.
 *
 * The transport gets an object with `level`, `message` and the members of the JSON line, and the line itself under
 * winston's `MESSAGE` symbol. `flush` and `close` wait for the transport's own end: its `flush()`, `end()` and
 * `close()`, and the streams that it writes to. Lines that are not known to be out then are counted as dropped, and
 * told on standard error. `process.exit()` without `close()` loses what the transport still holds.
 */
export function transportSink(transport: TransportStream, options: TransportSinkOptions = {}): LogSink {
  refuseUnknown(options, KNOWN, 'transportSink', loggingErrors.invalid_option);
  if (!hasMethods(transport, 'write', 'end', 'on', 'emit')) {
    throw loggingErrors.invalid_option("transportSink takes a transport of winston's, which is a stream.");
  }
  return new TransportSink(transport, options);
}

class TransportSink implements LogSink {
  readonly name: string;
  readonly format: LogFormat;
  readonly colors = false;
  readonly #transport: Transport;
  readonly #maxBuffer: number;
  readonly #levelNames: Readonly<Record<LogLevel, string>>;
  readonly #dropped: Record<DropReason, number> = { buffer_full: 0, sink_failed: 0, timeout: 0, closed: 0 };
  readonly #waiters = new Set<() => void>();
  #host: LogHost | undefined;
  #form: LineForm | undefined;
  /** Lines that the transport has not acknowledged; the first one is with it. */
  readonly #queue = new Fifo<{ readonly line: string; readonly level: LogLevel }>();
  #buffered = 0;
  #isBusy = false;
  #written = 0;
  readonly #unsure = new Recent(UNSURE_MS);
  #untold = 0;
  #untoldReason: DropReason = 'buffer_full';
  #isClosed = false;

  constructor(transport: Transport, options: TransportSinkOptions) {
    this.name = aText('transportSink: name', options.name ?? 'transport');
    this.format = options.format ?? 'json';
    this.#transport = transport;
    this.#maxBuffer = positiveInteger('transportSink: maxBuffer', options.maxBuffer ?? DEFAULT_MAX_BUFFER);
    this.#levelNames = levelNames(options.levels ?? {});
  }

  open(host: LogHost, form: LineForm): void {
    this.#host = host;
    this.#form = form;
    // Without a listener the first network error would end the process. The lines it costs are counted by their
    // callbacks.
    this.#transport.on('error', () => {});
    watchStreams(this.#transport);
    answerOnce(this.#transport);
    pipeInto(this.#transport, this.#levelNames);
  }

  write(line: string, level: LogLevel): void {
    if (this.#isClosed || this.#transport.destroyed || isBroken(this.#transport)) {
      this.#drop(1, this.#isClosed ? 'closed' : 'sink_failed');
      return;
    }
    if (this.#buffered + line.length > this.#maxBuffer) {
      this.#drop(1, 'buffer_full');
      return;
    }
    if (this.#untoldReason === 'buffer_full') this.#tell((notice) => this.#send(notice, 'warning'));
    this.#send(line, level);
  }

  #send(line: string, level: LogLevel): void {
    this.#queue.push({ line, level });
    this.#buffered += line.length;
    this.#next();
  }

  /**
   * Gives the transport one line at a time. Lines that wait in the transport's own stream are
   * acknowledged as soon as they leave that, whatever became of them (winston-transport calls back
   * from `_writev` before the transport is done).
   */
  #next(): void {
    const { first } = this.#queue;
    if (first === undefined || this.#isBusy) return;
    this.#isBusy = true;
    const acknowledge = (error?: unknown): void => {
      // A second call for the line, or one for a line that was given up.
      if (this.#queue.first !== first) return;
      this.#queue.shift();
      this.#buffered -= first.line.length;
      this.#isBusy = false;
      if (error) this.#drop(1, 'sink_failed');
      else {
        this.#written++;
        this.#unsure.add();
      }
      if (this.#queue.size === 0) for (const done of this.#waiters) done();
      // Not at once: a transport that throws at each line would take us as deep as the queue is long.
      else queueMicrotask(() => this.#next());
    };
    try {
      this.#transport.write(infoOf(first.line, this.#levelNames[first.level]), acknowledge);
    } catch (error) {
      acknowledge(error);
    }
  }

  async flush(timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    if (!(await this.#drained(timeoutMs))) return false;
    const taken = this.#unsure.count;
    const isOut = await flushTransport(this.#transport, deadline - performance.now());
    if (isOut) this.#unsure.forget(taken);
    return isOut && this.#queue.size === 0;
  }

  /** Whether the transport took every line. */
  #drained(timeoutMs: number): Promise<boolean> {
    if (this.#queue.size === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#waiters.delete(done);
        resolve(this.#queue.size === 0);
      };
      const timer = startTimer(timeoutMs, done);
      this.#waiters.add(done);
    });
  }

  finish(): void {
    this.#giveUp();
  }

  async close(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    await this.#drained(timeoutMs);
    this.#giveUp();
    const isOut = await endTransport(this.#transport, Math.max(1, deadline - performance.now()));
    if (!isOut) {
      const lost = this.#unsure.count;
      this.#written -= lost;
      this.#drop(lost, 'timeout');
    }
    this.#tell(toStandardError);
  }

  #giveUp(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#drop(this.#queue.size, 'timeout');
    this.#queue.clear();
    for (const done of this.#waiters) done();
  }

  /** Makes a line about those that were lost since the last one. */
  #tell(take: (notice: string) => void): void {
    if (this.#untold === 0 || this.#host === undefined || this.#form === undefined) return;
    const notice = this.#host.notice(this.#form, this.name, this.#untold, this.#untoldReason);
    this.#untold = 0;
    take(notice);
  }

  #drop(count: number, reason: DropReason): void {
    if (count === 0) return;
    this.#dropped[reason] += count;
    this.#untold += count;
    this.#untoldReason = reason;
    this.#host?.dropped(this.name, count, reason);
  }

  stats() {
    return { name: this.name, written: this.#written, pending: this.#queue.size, dropped: { ...this.#dropped } };
  }
}

/** @throws logging.invalid_option */
function levelNames(names: NonNullable<TransportSinkOptions['levels']>): Readonly<Record<LogLevel, string>> {
  const known = { debug: true, info: true, warning: true, error: true, critical: true } as const;
  refuseUnknown(names, known, 'transportSink: levels', loggingErrors.invalid_option);
  return Object.fromEntries(
    LOG_LEVELS.map((level) => [level, aText(`transportSink: levels.${level}`, names[level] ?? level)]),
  ) as Record<LogLevel, string>;
}

function infoOf(line: string, level: string): object {
  const text = line.trimEnd();
  const members = membersOf(text);
  const message = members['message'] ?? members['body'] ?? text;
  return { ...members, level, message, [LEVEL]: level, [MESSAGE]: text };
}

function membersOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {}; // a pretty line
  }
}
