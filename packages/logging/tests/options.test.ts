import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { consoleSink, createLogger, fileSink, transportSink, withContext } from '@ent/logging';
import { memoryDriver } from '@ent/logging/memory';
import { describe, expect, it } from 'vitest';
import TransportStream from 'winston-transport';

// What JavaScript, or a setting that was read as text, can hand over.

const path = join(tmpdir(), 'ent-logging-never-written.log');
const transport = new TransportStream({ log: (_info: unknown, done: () => void) => done() });
const hostile = Object.create(null) as object;

function refused(work: (...args: never[]) => unknown, ...args: unknown[]): string {
  let told: unknown;
  try {
    (work as (...args: unknown[]) => unknown)(...args);
  } catch (error) {
    told = error;
  }
  expect(told).toMatchObject({ code: 'logging.invalid_option' });
  expect((told as Error).message).toMatch(/\.$/);
  return (told as Error).message;
}

describe('an unknown option is refused', () => {
  const logger = createLogger({ driver: memoryDriver() });
  it.each<[string, (...args: never[]) => unknown, unknown[], string]>([
    ['createLogger', createLogger, [{ levl: 'debug' }], '"levl" (did you mean level?)'],
    ['createLogger with a driver', createLogger, [{ driver: memoryDriver(), lvl: 'debug' }], 'did you mean level?'],
    ['service', createLogger, [{ service: { name: 'shop', verion: '1' } }], 'createLogger: service has no option'],
    ['consoleSink', consoleSink, [{ colours: true }], '"colours" (did you mean colors?)'],
    ['fileSink', fileSink, [{ path, maxByte: 5 }], '"maxByte" (did you mean maxBytes?)'],
    ['transportSink', transportSink, [transport, { maxBuffers: 5 }], 'did you mean maxBuffer?'],
    ['levels of transportSink', transportSink, [transport, { levels: { warn: 'warning' } }], 'transportSink: levels'],
    ['memoryDriver', memoryDriver, [{ limits: 5 }], 'did you mean limit?'],
    ['child', logger.child.bind(logger), [{}, { levle: 'debug' }], 'did you mean level?'],
  ])('%s', (_name, work, args, message) => expect(refused(work, ...args)).toContain(message));
});

describe('options that are no options', () => {
  it.each([[null], ['debug'], [[]], [5]])('createLogger(%j)', (options) => {
    expect(refused(createLogger, options)).toContain('takes its options as an object');
    refused(consoleSink, options);
    refused(fileSink, options);
    refused(memoryDriver, options);
    refused(transportSink, transport, options);
  });

  it('calls without arguments', () => {
    expect(refused(fileSink)).toBe('fileSink takes its options as an object; got undefined.');
    expect(refused(fileSink, {})).toBe('fileSink: path must be a text; got undefined.');
    expect(refused(transportSink)).toContain('takes a transport');
    expect(refused(withContext)).toContain('a function');
    const logger = createLogger({ driver: memoryDriver() });
    expect(refused(logger.setLevel.bind(logger))).toContain('got undefined');
    expect(() => (logger.child as () => unknown)()).not.toThrow();
  });
});

describe('a value of the wrong kind is refused', () => {
  it.each([
    ['level', 5n],
    ['level', hostile],
    ['level', 'hunter2'.repeat(100)],
    ['format', ['json']],
    ['service', 'shop'],
    ['service', {}],
    ['service', { name: 'shop', version: 7 }],
    ['fields', 'shop'],
    ['fields', ['shop']],
    ['redact', 'password'],
    ['redact', [5]],
    ['flushOnSignals', 'SIGTERM'],
    ['flushOnSignals', ['toString']],
    ['flushOnSignals', [hostile]],
    ['flushTimeout', 'soon'],
    ['logUncaught', 'false'],
    ['sinks', consoleSink()],
    ['sinks', [transport]],
    ['sinks', [undefined]],
    ['driver', {}],
    ['driver', null],
  ])('%s: %o', (name, value) => {
    expect(refused(createLogger, { [name]: value }).length).toBeLessThan(400);
  });

  it('of a sink, too', () => {
    refused(consoleSink, { stream: 'out' });
    refused(consoleSink, { colors: 'yes' });
    refused(consoleSink, { maxBuffer: hostile });
    refused(fileSink, { path: 5 });
    refused(fileSink, { path, daily: 'no' });
    refused(fileSink, { path, mode: '640' });
    refused(memoryDriver, { limit: 0 });
    refused(transportSink, transport, { name: 5 });
    refused(transportSink, transport, { levels: { critical: 5 } });
  });
});

describe('a flushTimeout beyond what a timer can hold', () => {
  it('waits as long as it says', async () => {
    let done: (() => void) | undefined;
    const slow = new TransportStream({ log: (_info: unknown, next: () => void) => (done = next) });
    const logger = createLogger({ sinks: [transportSink(slow)], flushTimeout: '30d' });
    logger.info('x');
    let flushed: boolean | undefined;
    const flush = logger.flush().then((isOut) => (flushed = isOut));
    // A timer of more than 2^31 ms fires at once.
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(flushed).toBeUndefined();
    done?.();
    await flush;
    expect(flushed).toBe(true);
    await logger.close();
  });
});
