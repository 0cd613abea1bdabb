import {
  consoleSink,
  createLogger,
  fileSink,
  type CreateLoggerOptions,
  getContext,
  type Logger,
  type LogFields,
  type LogFormat,
  type LogLevel,
  type WinstonDriver,
  withContext,
} from '@ent/logging';
import { type MemoryDriver, memoryDriver, type MemoryRecord } from '@ent/logging/memory';
import { describe, expectTypeOf, it } from 'vitest';

describe('createLogger', () => {
  it('types the driver', () => {
    expectTypeOf(createLogger()).toEqualTypeOf<Logger<WinstonDriver>>();
    expectTypeOf(createLogger({ sinks: [consoleSink()] }).driver.client.level).toEqualTypeOf<string>();
    expectTypeOf(createLogger({ driver: memoryDriver() })).toEqualTypeOf<Logger<MemoryDriver>>();
    expectTypeOf(createLogger({ driver: memoryDriver() }).driver.records).toEqualTypeOf<readonly MemoryRecord[]>();
    expectTypeOf(createLogger({} as CreateLoggerOptions)).toExtend<Logger>();
    expectTypeOf<Logger<WinstonDriver>>().toExtend<Logger>();
  });

  it('takes settings as they come', () => {
    const settings = { level: 'info' as LogLevel, format: 'json' as LogFormat };
    expectTypeOf(createLogger(settings)).toExtend<Logger>();
    const missing: { level?: LogLevel; format?: LogFormat; text?: string; yes?: boolean; size?: number } = {};
    createLogger({
      level: missing.level,
      format: missing.format,
      service: { name: 'shop', version: missing.text, environment: missing.text, instance: missing.text },
      fields: undefined,
      redact: undefined,
      flushTimeout: missing.text,
      flushOnSignals: undefined,
      logUncaught: missing.yes,
      sinks: [
        consoleSink({ stream: undefined, format: missing.format, colors: missing.yes, maxBuffer: missing.size }),
        fileSink({ path: 'x', maxBytes: missing.size, daily: missing.yes, keep: missing.size, mode: missing.size }),
      ],
    });
    createLogger({ level: missing.level, driver: memoryDriver({ limit: missing.size }) });
    createLogger().child({}, { level: missing.level });
    // @ts-expect-error -- winston's names are not ours
    createLogger({ level: 'warn' });
    // @ts-expect-error -- no such format
    createLogger({ format: 'xml' });
  });
});

describe('a logger', () => {
  const logger = createLogger();

  it('takes what a catch clause has', () => {
    try {
      logger.info('x');
    } catch (error) {
      logger.error('failed', { err: error });
    }
    logger.error(new Error('x'), { a: 1 });
    logger.error('x', new Error('x'));
    // @ts-expect-error -- a message is a text
    logger.info(42);
  });

  it('takes interfaces and class instances as fields', () => {
    interface Order {
      id: number;
    }
    const order: Order = { id: 1 };
    logger.info('x', { order, ...order });
    expectTypeOf(logger.child({ order })).toEqualTypeOf<Logger<WinstonDriver>>();
  });

  it('changes its level by name', () => {
    logger.setLevel('critical');
    // @ts-expect-error -- no such level
    logger.setLevel('silent');
    expectTypeOf(logger.level).toEqualTypeOf<LogLevel>();
  });
});

describe('withContext', () => {
  it('gives what the work gives', () => {
    expectTypeOf(withContext({ a: 1 }, () => 7)).toEqualTypeOf<number>();
    expectTypeOf(withContext({ a: 1 }, async () => 'x')).toEqualTypeOf<Promise<string>>();
    expectTypeOf(getContext()).toEqualTypeOf<LogFields | undefined>();
  });
});
