import winston from 'winston';
import TransportStream from 'winston-transport';
import type { LineForm, LogDriver, LogFeatures, LogHost, SinkStats } from '../driver.ts';
import { loggingErrors } from '../errors.ts';
import { LOG_FORMATS, type LogFormat } from '../formats/formats.ts';
import { oneOf } from '../internal/check.ts';
import { LEVEL, MESSAGE, WINSTON_LEVELS } from '../internal/winston.ts';
import type { LogLevel } from '../levels.ts';
import type { LogSink } from '../sinks/sink.ts';

/** A sink has one buffer and one end; two loggers would close each other's. */
const taken = new WeakSet<LogSink>();

/** Which form of the line an info carries. */
const FORM = Symbol('form');

interface Info {
  [LEVEL]: LogLevel;
  [MESSAGE]: string;
  [FORM]: number;
}

/** What the winston driver can do; a `transportSink` cannot finish without the event loop, and counts. */
const winstonFeatures = { synchronousFinish: true } as const satisfies LogFeatures;

/** The driver of `createLogger`. */
export interface WinstonDriver extends LogDriver {
  /**
   * winston's logger. Add further transports as a `transportSink`, not here: one that is stuck would stop all others.
   */
  readonly client: winston.Logger;
}

/** Options of {@link winstonDriver}. */
export interface WinstonDriverOptions {
  /** The format of sinks that do not name one. */
  readonly format: LogFormat;
  readonly sinks: readonly LogSink[];
}

/**
 * Lines through winston: one logger with an identity format and one transport that hands each line to the sinks.
 *
 * The line is complete before winston sees it, and the transport acknowledges at once; winston thus never holds a line
 * back. That avoids its traps: formats that run later, under backpressure, and read the context of another request; a
 * stuck transport that stops the others; lines in stream buffers that `process.exit()` loses.
 */
export function winstonDriver(options: WinstonDriverOptions): WinstonDriver {
  const { sinks } = options;
  const forms: LineForm[] = [];
  const sinksOf: LogSink[][] = [];
  const formOf = sinks.map((sink): LineForm => {
    const format = oneOf(`format of ${sink.name}`, sink.format ?? options.format, LOG_FORMATS);
    let index = forms.findIndex((form) => form.format === format && form.colors === sink.colors);
    if (index === -1) index = forms.push({ format, colors: sink.colors }) - 1;
    (sinksOf[index] ??= []).push(sink);
    return forms[index] as LineForm;
  });
  const client = winston.createLogger({
    level: 'debug',
    levels: { ...WINSTON_LEVELS },
    format: { transform: (info) => info },
    transports: sinks.length === 0 ? [] : [new AckTransport(sinksOf)],
    silent: sinks.length === 0,
  });
  return {
    name: 'winston',
    features: winstonFeatures,
    client,
    forms,
    open(host: LogHost) {
      sinks.forEach((sink, i) => {
        if (taken.has(sink)) {
          throw loggingErrors.invalid_option(`sinks: ${sink.name} belongs to another logger. Make a sink for each.`);
        }
        taken.add(sink);
        sink.open(host, formOf[i] as LineForm);
      });
    },
    write(level, line, form) {
      const info: Info = { [LEVEL]: level, [MESSAGE]: line, [FORM]: form };
      client.write(info);
    },
    async flush(timeoutMs) {
      const done = await Promise.all(sinks.map((sink) => sink.flush(timeoutMs)));
      return done.every(Boolean);
    },
    finish(timeoutMs) {
      const deadline = performance.now() + timeoutMs;
      for (const sink of sinks) sink.finish(Math.max(0, deadline - performance.now()));
    },
    async close(timeoutMs) {
      await Promise.all(sinks.map((sink) => sink.close(timeoutMs)));
      client.end();
    },
    stats: (): SinkStats[] => sinks.map((sink) => sink.stats()),
  };
}

class AckTransport extends TransportStream {
  readonly #sinksOf: readonly (readonly LogSink[])[];

  constructor(sinksOf: readonly (readonly LogSink[])[]) {
    super();
    this.#sinksOf = sinksOf;
  }

  override log(info: Info, done: () => void): void {
    const line = info[MESSAGE];
    for (const sink of this.#sinksOf[info[FORM]] ?? []) sink.write(line, info[LEVEL]);
    // What winston's own transport does for a line that it filters: this write is over, so the stream need not put off
    // its bookkeeping to the next tick. Without it each line costs a process.nextTick.
    (this as unknown as { _writableState: { sync: boolean } })._writableState.sync = false;
    done();
  }
}
