import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, fileSink, type Logger, transportSink, withContext } from '@ent/logging';
import { bytesPerRound } from '@ent/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import TransportStream from 'winston-transport';

const folder = mkdtempSync(join(tmpdir(), 'ent-logging-heap-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A logger that lives as long as its process. */
function longLived(): Logger {
  const transport = new TransportStream({ log: (_info: unknown, done: () => void) => setImmediate(done) });
  const files = fileSink({ path: join(folder, 'service.log'), maxBytes: 1_000_000, keep: 1 });
  return createLogger({ sinks: [files, transportSink(transport)], flushTimeout: '60s' });
}

describe('a logger leaves nothing behind', () => {
  it.each<[string, number, (logger: Logger, round: number) => unknown]>([
    ['lines', 20_000, (logger, n) => logger.info('x', { n })],
    ['names made of data', 20_000, (logger, n) => logger.info('x', { [`name${n}`]: n })],
    ['errors with causes', 5000, (logger, n) => logger.error('x', new Error(`e${n}`, { cause: new Error('c') }))],
    ['children and contexts', 20_000, (logger, n) => withContext({ n }, () => logger.child({ n }).info('x'))],
    ['flushes', 3000, (logger, n) => (logger.info('x', { n }), logger.flush())],
    ['flushes that time out', 1000, (logger, n) => (logger.info('x', { n }), logger.flush(1))],
  ])('of %s', async (_name, rounds, work) => {
    const logger = longLived();
    const bytes = await bytesPerRound(rounds, async (n) => {
      await work(logger, n);
      if (n % 50 === 49) await logger.flush();
    });
    await logger.close();
    // One reaction to a promise that lives on takes some hundreds.
    expect(bytes).toBeLessThan(100);
    expect(logger.stats().dropped).toBe(0);
  });

  it('of itself, once it is closed', async () => {
    const bytes = await bytesPerRound(200, async () => {
      const logger = longLived();
      logger.info('x');
      await logger.close();
    });
    expect(bytes).toBeLessThan(2000);
  });
});
