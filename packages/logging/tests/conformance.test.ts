import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, fileSink, type LogDriver, transportSink } from '@ent/logging';
import { memoryDriver, memoryFeatures } from '@ent/logging/memory';
import { testLogDriver } from '@ent/logging/testing';
import { afterAll, describe, expect, it } from 'vitest';
import TransportStream from 'winston-transport';
import { filesIn } from './fixtures/run.ts';

const folders: string[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'ent-logging-'));
  folders.push(folder);
  return folder;
};
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

describe('the memory driver', () => {
  testLogDriver(
    { it },
    { synchronousFinish: memoryFeatures.synchronousFinish, create: () => onDriver(memoryDriver()) },
  );

  it('forgets the oldest lines beyond its limit, and counts them', () => {
    const logger = createLogger({ driver: memoryDriver({ limit: 10 }) });
    for (let n = 0; n < 25; n++) logger.info('x', { n });
    expect(logger.driver.records.map((record) => record.fields['n'])).toEqual([15, 16, 17, 18, 19, 20, 21, 22, 23, 24]);
    expect(logger.stats().dropped).toBe(15);
    logger.driver.clear();
    expect(logger.driver.records).toEqual([]);
  });
});

describe.each(['json', 'otel', 'pretty'] as const)('winston with a file (%s)', (format) => {
  testLogDriver(
    { it },
    {
      synchronousFinish: true,
      create: () => {
        const folder = newFolder();
        const logger = createLogger({ sinks: [fileSink({ path: join(folder, 'service.log'), format })] });
        return { logger, read: () => filesIn(folder).text };
      },
    },
  );
});

describe('winston with a rotating file', () => {
  testLogDriver(
    { it },
    {
      synchronousFinish: true,
      create: () => {
        const folder = newFolder();
        const path = join(folder, 'service.log');
        const logger = createLogger({ sinks: [fileSink({ path, maxBytes: 10_000, keep: 1000 })] });
        return { logger, read: () => filesIn(folder).text };
      },
    },
  );
});

describe('winston with a transport that answers later', () => {
  testLogDriver(
    { it },
    {
      synchronousFinish: false,
      create: () => {
        let text = '';
        const transport = new TransportStream({
          log(info: Record<symbol, string>, done: () => void) {
            setImmediate(() => {
              text += `${info[Symbol.for('message')]}\n`;
              done();
            });
          },
        });
        return { logger: createLogger({ sinks: [transportSink(transport)] }), read: () => text };
      },
    },
  );
});

function onDriver(driver: LogDriver & { records: readonly unknown[] }) {
  // As text that still has its own characters: an escape would hide a character that was damaged.
  return { logger: createLogger({ driver }), read: () => JSON.stringify(driver.records) };
}

describe('the suite itself', () => {
  const sound = memoryDriver;
  type Mutant = ReturnType<typeof memoryDriver>;

  /** The memory driver with one bug. */
  const mutants: Record<string, () => LogDriver & { records: readonly unknown[] }> = {
    'loses a line now and then': () => {
      let n = 0;
      return mutate((driver) => ({ write: (...call) => (n++ % 997 === 500 ? undefined : driver.write(...call)) }));
    },
    'writes a line twice': () => {
      let n = 0;
      return mutate((driver) => ({
        write(...call) {
          if (n++ === 100) driver.write(...call);
          driver.write(...call);
        },
      }));
    },
    'swaps lines': () => {
      let held: Parameters<Mutant['write']> | undefined;
      return mutate((driver) => ({
        write(...call) {
          if (held === undefined) held = call;
          else {
            driver.write(...call);
            driver.write(...held);
            held = undefined;
          }
        },
      }));
    },
    'flushes before it has written': () => {
      return mutate((driver) => ({ write: (...call) => void setTimeout(() => driver.write(...call), 50) }));
    },
    'forgets what waits at close': () => {
      const waiting: Parameters<Mutant['write']>[] = [];
      const flush = (driver: Mutant): void => waiting.splice(0).forEach((call) => driver.write(...call));
      return mutate((driver) => ({
        write: (...call) => void waiting.push(call),
        flush: async () => {
          flush(driver);
          return true;
        },
        finish: () => flush(driver),
      }));
    },
    'forgets what waits at the end of the process': () => {
      const waiting: Parameters<Mutant['write']>[] = [];
      const flush = (driver: Mutant): void => waiting.splice(0).forEach((call) => driver.write(...call));
      return mutate((driver) => ({
        write: (...call) => void waiting.push(call),
        flush: async () => {
          flush(driver);
          return true;
        },
        close: async () => flush(driver),
      }));
    },
    'takes no more lines after finish, and does not say so': () => {
      let finished = false;
      return mutate((driver) => ({
        write: (...call) => (finished ? undefined : driver.write(...call)),
        finish: () => void (finished = true),
      }));
    },
    'damages characters': () => {
      return mutate((driver) => ({
        write: (level, line, form) => driver.write(level, Buffer.from(line, 'latin1').toString(), form),
      }));
    },
    'counts wrong': () => mutate(() => ({ stats: () => [] })),
    'says that lines wait when none do': () => mutate(() => ({ flush: async () => false })),
  };

  function mutate(bug: (driver: Mutant) => Partial<LogDriver>): Mutant {
    const driver = sound();
    // The getter of the records must be that of the sound driver.
    return Object.assign(Object.create(driver) as Mutant, bug(driver));
  }

  async function failures(create: () => LogDriver & { records: readonly unknown[] }): Promise<string[]> {
    const tests: [string, () => Promise<void>][] = [];
    testLogDriver(
      { it: (...test) => void tests.push(test) },
      { synchronousFinish: true, create: () => onDriver(create()) },
    );
    const failed: string[] = [];
    for (const [name, run] of tests) await run().catch(() => failed.push(name));
    return failed;
  }

  it('passes a sound driver', async () => {
    expect(await failures(sound)).toEqual([]);
  });

  it.each(Object.keys(mutants))('catches a driver that %s', async (name) => {
    expect(await failures(mutants[name] as () => Mutant)).not.toEqual([]);
  });
});
