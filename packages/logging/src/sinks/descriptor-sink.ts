import { writeSync } from 'node:fs';
import type { LineForm, LogHost } from '../driver.ts';
import type { LogFormat } from '../formats/formats.ts';
import { LineWriter, type Target } from './line-writer.ts';
import type { LogSink } from './sink.ts';

/** What {@link descriptorSink} needs. */
export interface DescriptorSinkOptions {
  readonly name: string;
  readonly format: LogFormat | undefined;
  readonly colors: boolean;
  readonly maxBuffer: number;
  /** Opens what the lines go to, when the logger is made. */
  readonly open: () => Target;
}

/** Bytes that wait before lines are dropped. */
export const DEFAULT_MAX_BUFFER = 8 * 1024 * 1024;

/** The sink of a {@link LineWriter}. */
export function descriptorSink(options: DescriptorSinkOptions): LogSink {
  const { name, format, colors, maxBuffer } = options;
  let writer: LineWriter;
  return {
    name,
    ...(format === undefined ? {} : { format }),
    colors,
    open(host: LogHost, form: LineForm) {
      writer = new LineWriter(options.open(), {
        name,
        maxBuffer,
        notice: (count, reason) => host.notice(form, name, count, reason),
        onDropped: (count, reason) => host.dropped(name, count, reason),
        lastResort: toStandardError,
      });
    },
    write: (line) => writer.write(line),
    flush: (timeoutMs) => writer.flush(timeoutMs),
    finish: (timeoutMs) => writer.finish(timeoutMs),
    close: (timeoutMs) => writer.close(timeoutMs),
    stats: () => writer.stats(),
  };
}

/** For what the sink itself will not take any more. */
export function toStandardError(notice: string): void {
  try {
    writeSync(2, notice);
  } catch {
    // Nobody is left to tell; the numbers stay in stats() and went to the channel.
  }
}
