/** Records in memory, as data and as lines: for tests. */
import { refuseUnknown } from '@ent/internal';
import type { LogDriver, LogFeatures } from '../driver.ts';
import { loggingErrors } from '../errors.ts';
import { positiveInteger } from '../internal/check.ts';
import type { LogLevel } from '../levels.ts';

/** An error as it stands in a record. */
export interface MemoryError {
  readonly type: string;
  readonly message: string;
  readonly stack_trace?: string;
  readonly cause?: MemoryError;
  readonly [more: string]: unknown;
}

/** A line, read back: what a real sink would have got, after context, redaction and all. */
export interface MemoryRecord {
  readonly level: LogLevel;
  readonly message: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** The fields of logger, context and call, without the error. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly error?: MemoryError;
  readonly traceId?: string;
  readonly spanId?: string;
}

/** What the memory driver can do. */
export const memoryFeatures = { synchronousFinish: true } as const satisfies LogFeatures;

/** The driver that {@link memoryDriver} makes. */
export interface MemoryDriver extends LogDriver {
  /** What was logged, oldest first. */
  readonly records: readonly MemoryRecord[];
  /** Forgets all records. */
  clear(): void;
}

/** Options of {@link memoryDriver}. */
export interface MemoryDriverOptions {
  /** Records that are kept; the oldest go first, and count as dropped. Default 10,000. */
  readonly limit?: number | undefined;
}

/**
 * Keeps lines in memory, for tests.
 *
 * ```ts
 * import { createLogger } from '@ent/logging';
 * import { memoryDriver } from '@ent/logging/memory';
 *
 * const logger = createLogger({ driver: memoryDriver() });
 * logger.info('order placed', { orderId: 7 });
 * console.log(logger.driver.records[0]?.fields); // { orderId: 7 }
 * ```
 */
export function memoryDriver(options: MemoryDriverOptions = {}): MemoryDriver {
  refuseUnknown(options, { limit: true }, 'memoryDriver', loggingErrors.invalid_option);
  const limit = positiveInteger('memoryDriver: limit', options.limit ?? 10_000);
  const records: MemoryRecord[] = [];
  let written = 0;
  let dropped = 0;
  return {
    name: 'memory',
    features: memoryFeatures,
    records,
    forms: [{ format: 'plain', colors: false }],
    open() {},
    write(_level, line) {
      const { fields, ...head } = JSON.parse(line) as MemoryRecord & { fields: { error?: MemoryError } };
      const { error, ...rest } = fields;
      records.push({ ...head, fields: rest, ...(error === undefined ? {} : { error }) });
      written++;
      if (records.length <= limit) return;
      records.shift();
      dropped++;
    },
    clear() {
      records.length = 0;
    },
    flush: () => Promise.resolve(true),
    finish() {},
    close: () => Promise.resolve(),
    stats: () => [
      {
        name: 'memory',
        written: written - dropped,
        pending: 0,
        dropped: { buffer_full: dropped, sink_failed: 0, timeout: 0, closed: 0 },
      },
    ],
  };
}
