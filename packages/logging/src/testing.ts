import assert from 'node:assert/strict';
import { withContext } from './context.ts';
import type { Logger } from './logger.ts';

/** A logger on the driver or sink under test, and a look at what came out at the other end. */
export interface LoggerUnderTest {
  readonly logger: Logger;
  /** Everything that was written so far, in its order: the lines, or the file. */
  read(): string | Promise<string>;
}

/** What a suite needs of a test runner: vitest, node:test, mocha and jest have it. */
export interface TestRunner {
  it(name: string, work: () => Promise<void>): unknown;
}

/** What {@link testLogDriver} needs to know about a driver or sink. */
export interface LogDriverHarness {
  /** A logger of its own for each test, at level `info`, with nothing written yet. The test closes it. */
  readonly create: () => LoggerUnderTest | Promise<LoggerUnderTest>;
  /** Whether `finish` writes what waits: `driver.features`, or `false` for a sink that needs the event loop for it. */
  readonly synchronousFinish: boolean;
}

const COUNT = 2000;

/**
 * The conformance suite of log drivers, and of sinks: what the portable logger and whoever runs it rely on.
 *
 * ```ts no-run
 * import { createLogger } from '@ent/logging';
 * import { memoryDriver } from '@ent/logging/memory';
 * import { testLogDriver } from '@ent/logging/testing';
 * import { it } from 'vitest';
 *
 * testLogDriver({ it }, {
 *   synchronousFinish: true,
 *   create: () => {
 *     const driver = memoryDriver();
 *     return { logger: createLogger({ driver }), read: () => JSON.stringify(driver.records) };
 *   },
 * });
 * ```
 */
export function testLogDriver(runner: TestRunner, harness: LogDriverHarness): void {
  const test = (name: string, run: (subject: LoggerUnderTest) => Promise<void>): void => {
    runner.it(name, async () => {
      const subject = await harness.create();
      try {
        await run(subject);
      } finally {
        await subject.logger.close();
      }
    });
  };

  test('writes every line once and in order, and flush waits for it', async (subject) => {
    for (let n = 0; n < COUNT; n++) log(subject.logger, n);
    assert.equal(await subject.logger.flush('30s'), true);
    assert.deepEqual(await numbersOf(subject), upTo(COUNT));
    assertCounts(subject.logger, COUNT);
  });

  test('writes lines over many turns of the event loop', async (subject) => {
    for (let n = 0; n < 200; n++) {
      log(subject.logger, n);
      if (n % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await subject.logger.flush('30s');
    assert.deepEqual(await numbersOf(subject), upTo(200));
  });

  test('keeps large lines and all of Unicode whole', async (subject) => {
    const text = `${'\u00e9\u20ac\u{1F600}'.repeat(5000)}\n\u2028"\\`;
    for (let n = 0; n < 50; n++)
      subject.logger.info(`line-${n}-end`, { text: text.slice(0, 10_000), tail: '\u{1F600}\n' });
    await subject.logger.flush('30s');
    assert.deepEqual(await numbersOf(subject), upTo(50));
    const written = await subject.read();
    assert.equal(written.split('\u00e9\u20ac\u{1F600}').length - 1, 50 * 2500, 'characters came out as they went in');
  });

  test('flush and close have nothing to wait for without lines', async (subject) => {
    assert.equal(await subject.logger.flush(), true);
    await subject.logger.close();
    await subject.logger.close();
    assert.equal(await subject.logger.flush(), true);
    assert.deepEqual(await numbersOf(subject), []);
  });

  test('close writes what waits', async (subject) => {
    for (let n = 0; n < COUNT; n++) log(subject.logger, n);
    await subject.logger.close();
    assert.deepEqual(await numbersOf(subject), upTo(COUNT));
  });

  test('a line after close does no harm, and is counted', async (subject) => {
    log(subject.logger, 0);
    await subject.logger.close();
    log(subject.logger, 1);
    subject.logger.child({ a: 1 }).error('line-2-end', new Error('late'));
    assert.deepEqual(await numbersOf(subject), [0]);
    assertCounts(subject.logger, 3);
    assert.equal(subject.logger.stats().dropped, 2);
  });

  test('each line of concurrent work has the context of its own work', async (subject) => {
    const work = (id: number): Promise<void> =>
      withContext({ requestId: `request-${id}.` }, async () => {
        for (let i = 0; i < 5; i++) {
          await new Promise((resolve) => setImmediate(resolve));
          subject.logger.info(`line-${id}-end`, { expected: `request-${id}.` });
        }
      });
    await Promise.all(upTo(50).map(work));
    await subject.logger.flush('30s');
    const written = await subject.read();
    for (const id of upTo(50)) {
      assert.equal(written.split(`request-${id}.`).length - 1, 10, 'each of five lines names its request twice');
    }
  });

  test('finish writes or counts every line without the event loop, and those that come after it', async (subject) => {
    for (let n = 0; n < COUNT; n++) log(subject.logger, n);
    subject.logger.driver.finish(30_000);
    const { dropped } = subject.logger.stats();
    const written = subject.read();
    log(subject.logger, COUNT);
    assertCounts(subject.logger, COUNT + 1);
    if (!harness.synchronousFinish) return;
    assert.equal(dropped, 0);
    assert.deepEqual(numbersIn(await written), upTo(COUNT));
    assert.deepEqual(await numbersOf(subject), upTo(COUNT + 1));
  });
}

function log(logger: Logger, n: number): void {
  logger.info(`line-${n}-end`, { n });
}

async function numbersOf(subject: LoggerUnderTest): Promise<number[]> {
  return numbersIn(await subject.read());
}

function numbersIn(text: string): number[] {
  return Array.from(text.matchAll(/line-(\d+)-end/g), (match) => Number(match[1]));
}

/** Every line is written, waits, or is counted as lost. */
function assertCounts(logger: Logger, lines: number): void {
  const { dropped, sinks } = logger.stats();
  const rest = sinks.reduce((sum, sink) => sum + sink.written + sink.pending, 0);
  assert.equal(rest + dropped, lines, 'written, waiting and dropped lines are all lines');
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n);
}
