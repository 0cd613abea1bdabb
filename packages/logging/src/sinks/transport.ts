import type TransportStream from 'winston-transport';
import type { DropReason, LineForm, LogHost } from '../driver.ts';
import { positiveInteger } from '../internal/check.ts';
import { LEVEL, MESSAGE, WINSTON_LEVELS } from '../internal/winston.ts';
import type { LogLevel } from '../levels.ts';
import type { LogFormat } from '../formats/formats.ts';
import { DEFAULT_MAX_BUFFER } from './descriptor-sink.ts';
import type { LogSink } from './sink.ts';

/** Options of {@link transportSink}. */
export interface TransportSinkOptions {
  /** The name in statistics and notices. Default `transport`. */
  readonly name?: string;
  /** Default `json`, whatever the format of the logger. */
  readonly format?: LogFormat;
  /** Characters of lines that the transport has not acknowledged before lines are dropped. Default 8 Mi. */
  readonly maxBuffer?: number;
}

/**
 * Any transport of winston's, such as `winston-loki`, as a sink: bounded, and without a way to hold up the others.
 *
 * The transport gets an object with `level`, `message` and the members of the JSON line, and the
 * line itself under winston's `MESSAGE` symbol. What it has not acknowledged when the process
 * ends cannot be saved, and is counted as dropped.
 */
export function transportSink(transport: TransportStream, options: TransportSinkOptions = {}): LogSink {
  return new TransportSink(transport, options);
}

class TransportSink implements LogSink {
  readonly name: string;
  readonly format: LogFormat;
  readonly colors = false;
  readonly #transport: TransportStream;
  readonly #maxBuffer: number;
  readonly #dropped: Record<DropReason, number> = { buffer_full: 0, sink_failed: 0, timeout: 0, closed: 0 };
  readonly #waiters = new Set<() => void>();
  #host: LogHost | undefined;
  #form: LineForm | undefined;
  /** Lines that the transport has not acknowledged; the first one is with it. */
  readonly #queue: { readonly line: string; readonly level: LogLevel }[] = [];
  #buffered = 0;
  #isBusy = false;
  #written = 0;
  #untold = 0;
  #isClosed = false;

  constructor(transport: TransportStream, options: TransportSinkOptions) {
    this.name = options.name ?? 'transport';
    this.format = options.format ?? 'json';
    this.#transport = transport;
    this.#maxBuffer = positiveInteger('transportSink: maxBuffer', options.maxBuffer ?? DEFAULT_MAX_BUFFER);
  }

  open(host: LogHost, form: LineForm): void {
    this.#host = host;
    this.#form = form;
    // What winston sets when it pipes into a transport: a transport with a level of its own needs it to compare.
    Object.assign(this.#transport, { levels: WINSTON_LEVELS });
    // Without a listener the first network error would end the process. The
    // lines it costs are counted by their callbacks.
    this.#transport.on('error', () => {});
  }

  write(line: string, level: LogLevel): void {
    if (this.#isClosed || this.#transport.destroyed) {
      this.#drop(1, this.#isClosed ? 'closed' : 'sink_failed');
      return;
    }
    if (this.#buffered + line.length > this.#maxBuffer) {
      this.#drop(1, 'buffer_full');
      this.#untold++;
      return;
    }
    if (this.#untold > 0 && this.#host !== undefined && this.#form !== undefined) {
      const notice = this.#host.notice(this.#form, this.name, this.#untold, 'buffer_full');
      this.#untold = 0;
      this.#send(notice, 'warning');
    }
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
    const first = this.#queue[0];
    if (first === undefined || this.#isBusy) return;
    this.#isBusy = true;
    const acknowledge = (error?: unknown): void => {
      // A second call for the line, or one for a line that was given up.
      if (this.#queue[0] !== first) return;
      this.#queue.shift();
      this.#buffered -= first.line.length;
      this.#isBusy = false;
      if (error) this.#drop(1, 'sink_failed');
      else this.#written++;
      if (this.#queue.length === 0) for (const done of this.#waiters) done();
      // Not at once: a transport that throws at each line would take us as deep as the queue is long.
      else queueMicrotask(() => this.#next());
    };
    try {
      this.#transport.write(infoOf(first.line, first.level), acknowledge);
    } catch (error) {
      acknowledge(error);
    }
  }

  flush(timeoutMs: number): Promise<boolean> {
    if (this.#queue.length === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(done);
        resolve(this.#queue.length === 0);
      };
      const timer = setTimeout(done, timeoutMs);
      this.#waiters.add(done);
    });
  }

  finish(): void {
    this.#giveUp();
  }

  async close(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    await this.flush(timeoutMs);
    this.#giveUp();
    // A transport that collects lines sends the last ones at its end.
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(1, deadline - performance.now()));
      this.#transport.end(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    this.#transport.close?.();
  }

  #giveUp(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#drop(this.#queue.length, 'timeout');
    this.#queue.length = 0;
    for (const done of this.#waiters) done();
  }

  #drop(count: number, reason: DropReason): void {
    if (count === 0) return;
    this.#dropped[reason] += count;
    this.#host?.dropped(this.name, count, reason);
  }

  stats() {
    return { name: this.name, written: this.#written, pending: this.#queue.length, dropped: { ...this.#dropped } };
  }
}

function infoOf(line: string, level: LogLevel): object {
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
