import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  consoleSink,
  createLogger,
  type CreateLoggerOptions,
  type DropOperation,
  type LogFormat,
  type RecordOperation,
} from '@ent/logging';
import { memoryDriver } from '@ent/logging/memory';
import { describe, expect, it } from 'vitest';

describe('the life of a logger', () => {
  it('leaves no listener behind, and a hundred loggers need no more than one', async () => {
    const count = (): number => process.listenerCount('exit') + process.listenerCount('SIGUSR2');
    const before = count();
    const options: CreateLoggerOptions = { flushOnSignals: ['SIGUSR2'], logUncaught: true };
    const loggers = Array.from({ length: 9 }, () => createLogger({ driver: memoryDriver(), ...options }));
    for (let i = 0; i < 100; i++) loggers.push(createLogger({ driver: memoryDriver() }));
    expect(count()).toBe(before + 2);
    expect(process.listenerCount('uncaughtExceptionMonitor')).toBe(9);
    await Promise.all(loggers.map((logger) => logger.close()));
    expect(count()).toBe(before);
    expect(process.listenerCount('uncaughtExceptionMonitor')).toBe(0);
  });

  it('ends for all children with the close of any of them', async () => {
    const logger = createLogger({ driver: memoryDriver() });
    const child = logger.child({ a: 1 });
    await child.close();
    logger.info('late');
    child.error('late');
    expect(logger.driver.records).toEqual([]);
    expect(logger.stats().dropped).toBe(2);
  });

  it('counts what a driver that throws did not take', () => {
    const driver = memoryDriver();
    driver.write = () => {
      throw new Error('broken');
    };
    const logger = createLogger({ driver });
    logger.info('x');
    expect(logger.stats().dropped).toBe(1);
  });

  it('shows the library below', async () => {
    const logger = createLogger({ sinks: [] });
    expect(logger.child({}).driver.client.transports).toEqual([]);
    await logger.close();
  });
});

describe('options', () => {
  it.each<[string, object]>([
    ['format', { format: 'xml' }],
    ['format', { sinks: [consoleSink({ format: 'xml' as LogFormat })] }],
    ['level', { level: 'verbose' }],
    ['flushTimeout', { flushTimeout: 'soon' }],
    ['redact', { redact: ['a..b'] }],
    ['flushOnSignals', { flushOnSignals: ['SIGTERM', 'SIGKILL'] }],
    ['flushOnSignals', { flushOnSignals: ['SIGNOPE'] }],
  ])('with a wrong %s are refused by name: %j', (name, options) => {
    const make = (): unknown => createLogger({ sinks: [], ...options });
    expect(make).toThrow(
      expect.objectContaining({
        code: 'logging.invalid_option',
        message: expect.stringMatching(new RegExp(`^${name}\\b`)) as string,
      }),
    );
  });

  it('with a sink that another logger has are refused', async () => {
    const sink = consoleSink();
    const logger = createLogger({ sinks: [sink] });
    expect(() => createLogger({ sinks: [sink] })).toThrow(expect.objectContaining({ code: 'logging.invalid_option' }));
    await logger.close();
  });

  it('of the console are checked', () => {
    expect(() => consoleSink({ maxBuffer: -1 })).toThrow(expect.objectContaining({ code: 'logging.invalid_option' }));
  });

  it('a failed start leaves no listener behind', () => {
    const before = process.listenerCount('exit');
    expect(() => createLogger({ sinks: [], flushTimeout: -1 })).toThrow();
    expect(process.listenerCount('exit')).toBe(before);
  });
});

describe('flush', () => {
  it('rejects a time that is none', async () => {
    const logger = createLogger({ driver: memoryDriver() });
    await expect(logger.flush('soon')).rejects.toMatchObject({ code: 'logging.invalid_option' });
  });
});

describe('the channels', () => {
  it('tell of each line and of each one that is lost', async () => {
    const events: unknown[] = [];
    const listener = (event: unknown): void => void events.push(event);
    subscribe('ent:logging:record', listener);
    subscribe('ent:logging:dropped', listener);
    const logger = createLogger({ driver: memoryDriver() });
    try {
      logger.debug('disabled');
      logger.info('x');
      logger.error('y');
      await logger.close();
      logger.info('late');
    } finally {
      unsubscribe('ent:logging:record', listener);
      unsubscribe('ent:logging:dropped', listener);
    }
    expect(events).toEqual([
      { level: 'info' } satisfies RecordOperation,
      { level: 'error' } satisfies RecordOperation,
      { sink: 'logger', count: 1, reason: 'closed' } satisfies DropOperation,
    ]);
  });
});
