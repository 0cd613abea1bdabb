import { currentContextRecord, durationOption, refuseUnknown } from '@ent/internal';
import { droppedChannel, recordChannel } from '../channels.ts';
import type { DropReason, LineForm, LogDriver, LogHost, SinkStats } from '../driver.ts';
import { loggingErrors } from '../errors.ts';
import type { Bound, Encoder, LogEntry } from '../formats/encoder.ts';
import { makeEncoder } from '../formats/make-encoder.ts';
import { LOG_LEVELS, type LogLevel } from '../levels.ts';
import type { LogFields, LoggerOptions, ServiceInfo } from '../options.ts';
import { flag, handledSignal, list, aText } from './check.ts';
import { atExit } from './exit.ts';
import { Redactor } from './redact.ts';
import { isError, snapshot } from './safe.ts';
import { activeSpan } from './trace.ts';

const WARNING = LOG_LEVELS.indexOf('warning');

/** What a logger and its children share: from the call to the driver. */
export class Pipeline implements LogHost {
  readonly driver: LogDriver;
  readonly root: Bound;
  readonly #encoders: readonly Encoder[];
  readonly #flushTimeoutMs: number;
  readonly #release: () => void;
  readonly #logUncaught: ((error: unknown) => void) | undefined;
  /** Lines that did not get as far as the driver. */
  #refused = 0;
  #closing: Promise<void> | undefined;

  constructor(driver: LogDriver, options: LoggerOptions) {
    const redactor = new Redactor(list('redact', options.redact ?? []));
    this.driver = driver;
    this.root = bind(snapshot(checkFields(options.fields ?? {})), {});
    this.#flushTimeoutMs = durationOption(options.flushTimeout ?? '5s', 'flushTimeout', loggingErrors.invalid_option);
    const signals = list('flushOnSignals', options.flushOnSignals ?? []).map(handledSignal);
    const logsUncaught = flag('logUncaught', options.logUncaught ?? false);
    if (options.service !== undefined) checkService(options.service);
    this.#encoders = driver.forms.map((form) => makeEncoder(form, redactor, options.service));
    driver.open(this);
    const finish = (): void => driver.finish(this.#flushTimeoutMs);
    this.#release = atExit({ finish, signals });
    if (logsUncaught) {
      this.#logUncaught = (error) =>
        this.write(LOG_LEVELS.indexOf('critical'), this.root, 'uncaught exception', { err: error });
      process.on('uncaughtExceptionMonitor', this.#logUncaught);
    }
  }

  /** Never throws: whoever logs has something else to do. */
  write(level: number, bound: Bound, message: unknown, fields: unknown): void {
    if (this.#closing !== undefined) {
      this.#refuse('closed');
      return;
    }
    try {
      const time = Date.now();
      const entry: LogEntry = {
        level,
        time,
        message: typeof message === 'string' ? message : textOf(message),
        bound,
        // Captured here and now: whatever runs later may run in the context of somebody else.
        context: currentContextRecord(),
        span: activeSpan(time),
        fields: typeof message === 'string' && isUsual(fields) ? fields : fieldsOf(message, fields),
      };
      const name = LOG_LEVELS[level] as LogLevel;
      for (let i = 0; i < this.#encoders.length; i++) {
        this.driver.write(name, lineOf(this.#encoders[i] as Encoder, entry), i);
      }
      if (recordChannel.hasSubscribers) recordChannel.publish({ level: name });
    } catch {
      this.#refuse('sink_failed');
    }
  }

  async flush(timeout: number | string | undefined): Promise<boolean> {
    const ms =
      timeout === undefined ? this.#flushTimeoutMs : durationOption(timeout, 'timeout', loggingErrors.invalid_option);
    if (this.#closing === undefined) return this.driver.flush(ms);
    await this.#closing;
    return true;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.driver.close(this.#flushTimeoutMs);
    this.#release();
    if (this.#logUncaught !== undefined) process.off('uncaughtExceptionMonitor', this.#logUncaught);
  }

  stats(): { dropped: number; sinks: readonly SinkStats[] } {
    const sinks = this.driver.stats();
    let dropped = this.#refused;
    for (const sink of sinks) for (const count of Object.values(sink.dropped)) dropped += count;
    return { dropped, sinks };
  }

  notice(form: LineForm, sink: string, count: number, reason: DropReason): string {
    const encoder = this.#encoders[this.driver.forms.indexOf(form)] as Encoder;
    const fields = { logger: '@ent/logging', sink, dropped: count, reason };
    const message = count === 1 ? '1 log line was lost' : `${count} log lines were lost`;
    return lineOf(encoder, {
      level: WARNING,
      time: Date.now(),
      message,
      bound: this.root,
      context: undefined,
      span: undefined,
      fields,
    });
  }

  dropped(sink: string, count: number, reason: DropReason): void {
    if (droppedChannel.hasSubscribers) droppedChannel.publish({ sink, count, reason });
  }

  #refuse(reason: DropReason): void {
    this.#refused++;
    this.dropped('logger', 1, reason);
  }
}

function checkFields(fields: LogFields): LogFields {
  if (typeof fields === 'object' && !Array.isArray(fields)) return fields;
  throw loggingErrors.invalid_option('fields must be an object.');
}

function checkService(service: ServiceInfo): void {
  const known = { name: true, version: true, environment: true, instance: true } as const;
  refuseUnknown(service, known, 'createLogger: service', loggingErrors.invalid_option);
  aText('service.name', service.name);
  for (const name of ['version', 'environment', 'instance'] as const) {
    const value = service[name];
    if (value !== undefined) aText(`service.${name}`, value);
  }
}

/** The fields of a logger: those of its root and its own. */
export function bind(root: LogFields, own: LogFields): Bound {
  return { root, own, fields: { ...root, ...own }, memo: undefined };
}

function lineOf(encoder: Encoder, entry: LogEntry): string {
  try {
    return encoder.encode(entry);
  } catch {
    return encoder.encodeSafely(entry);
  }
}

function textOf(message: unknown): string {
  try {
    const text = isError(message) ? message.message : typeof message === 'object' && message !== null ? '' : message;
    return String(text);
  } catch {
    return '';
  }
}

function fieldsOf(message: unknown, fields: unknown): LogFields | undefined {
  const more = recordOf(fields);
  if (typeof message === 'string') return more;
  // logger.error(error): the line is about it. Some other object in the place of the message is fields.
  if (isError(message)) return { ...snapshot(more ?? {}), err: message };
  return typeof message === 'object' && message !== null ? { ...snapshot(message), ...snapshot(more ?? {}) } : more;
}

/** What nearly all calls give, told apart from everything else at little cost. */
function isUsual(fields: unknown): fields is LogFields | undefined {
  if (typeof fields !== 'object') return fields === undefined;
  try {
    return fields !== null && Object.getPrototypeOf(fields) === Object.prototype;
  } catch {
    return false;
  }
}

function recordOf(fields: unknown): LogFields | undefined {
  if (isUsual(fields)) return fields;
  if (fields === null) return undefined;
  if (typeof fields !== 'object' || Array.isArray(fields)) return { value: fields };
  // Own fields only: the encoders also see inherited ones.
  return isError(fields) ? { err: fields } : snapshot(fields);
}
