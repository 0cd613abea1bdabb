import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, type DropOperation, type FileSinkOptions, fileSink, type RotateOperation } from '@ent/logging';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { filesIn, outcomeOf, Program, upTo } from './fixtures/run.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ent-logging-'));
  path = join(folder, 'service.log');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const fileLogger = (options: Partial<FileSinkOptions> = {}) =>
  createLogger({ sinks: [fileSink({ path, ...options })], format: 'pretty' });

describe('a file', () => {
  it('is made with its folder, for the owner and the group alone, and gets JSON whatever the terminal gets', async () => {
    path = join(folder, 'a', 'b', 'service.log');
    const logger = fileLogger();
    logger.info('hello', { n: 1 });
    await logger.flush();
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ message: 'hello', 'labels.n': 1 });
    expect(statSync(path).mode & 0o777).toBe(0o640);
    await logger.close();
  });

  it('is appended to', async () => {
    for (let n = 0; n < 3; n++) {
      const logger = fileLogger();
      logger.info('hello', { n });
      await logger.close();
    }
    expect(outcomeOf(readFileSync(path, 'utf8')).numbers).toEqual([0, 1, 2]);
  });

  it('that cannot be opened is told when the logger is made, with path and reason', () => {
    writeFileSync(join(folder, 'file'), '');
    path = join(folder, 'file', 'service.log');
    expect(() => fileLogger()).toThrow(
      expect.objectContaining({ code: 'logging.sink_unavailable', message: expect.stringContaining(path) as string }),
    );
  });

  it.each([{ maxBytes: 0 }, { maxBytes: Number.NaN }, { keep: -1 }, { keep: 1.5 }, { maxBuffer: 0 }])(
    'is refused with %j',
    (options) => {
      const [key] = Object.keys(options) as [string];
      expect(() => fileLogger(options)).toThrow(
        expect.objectContaining({ code: 'logging.invalid_option', message: expect.stringContaining(key) as string }),
      );
    },
  );

  it.each([0, 3_600_000])(
    'that somebody moves away is opened anew, with a wall clock set back by %i ms',
    async (ms) => {
      const logger = fileLogger();
      logger.info('x', { n: 0 });
      await logger.flush();
      const wall = Date.now;
      const back = vi.spyOn(Date, 'now').mockImplementation(() => wall() - ms);
      onTestFinished(() => back.mockRestore());
      renameSync(path, join(folder, 'moved.log'));
      let n = 1;
      await vi.waitFor(
        async () => {
          logger.info('x', { n: n++ });
          await logger.flush();
          expect(readdirSync(folder)).toContain('service.log');
        },
        { timeout: 60_000, interval: 20 },
      );
      await logger.close();
      const moved = outcomeOf(readFileSync(join(folder, 'moved.log'), 'utf8')).numbers;
      expect([...moved, ...outcomeOf(readFileSync(path, 'utf8')).numbers]).toEqual(upTo(n));
    },
  );
});

describe('rotation', () => {
  it('keeps no more files than it should, the youngest', async () => {
    const logger = fileLogger({ maxBytes: 1000, keep: 3 });
    for (let n = 0; n < 200; n++) logger.info('x', { n });
    await logger.close();
    const { names, text } = filesIn(folder);
    expect(names).toHaveLength(4);
    const { numbers } = outcomeOf(text);
    expect(numbers).toEqual(upTo(200).slice(-numbers.length));
  });

  it('leaves alone what only looks similar', async () => {
    const others = ['service.log.1', 'service.2026-01-01.log', 'service.old.log', 'other.2026-01-01.1.log'];
    for (const name of others) writeFileSync(join(folder, name), 'mine');
    const logger = fileLogger({ maxBytes: 500, keep: 1 });
    for (let n = 0; n < 50; n++) logger.info('x', { n });
    await logger.close();
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(others));
  });

  it('writes a line that is larger than a file should be, alone and whole', async () => {
    const logger = fileLogger({ maxBytes: 1000 });
    logger.info('x', { n: 0 });
    logger.info('x', { n: 1, big: 'b'.repeat(5000) });
    logger.info('x', { n: 2 });
    await logger.close();
    const { names, text } = filesIn(folder);
    expect(names).toHaveLength(3);
    expect(outcomeOf(text).numbers).toEqual([0, 1, 2]);
  });

  it('never parts a record of several lines', async () => {
    const logger = fileLogger({ maxBytes: 2000, format: 'pretty', keep: 100 });
    for (let n = 0; n < 30; n++) logger.error('failed', new Error('with a stack'));
    await logger.close();
    const { names } = filesIn(folder);
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) expect(readFileSync(join(folder, name), 'utf8')).toMatch(/^\d\d:\d\d:\d\d/);
  });

  it('starts a new file with a new day, and names the old one after its own day', async () => {
    writeFileSync(path, '{"labels.n":0}\n');
    const yesterday = new Date(Date.now() - 86_400_000);
    utimesSync(path, yesterday, yesterday);
    const logger = fileLogger({ daily: true });
    logger.info('x', { n: 1 });
    await logger.close();
    const day = yesterday.toISOString().slice(0, 10);
    expect(readFileSync(join(folder, `service.${day}.1.log`), 'utf8')).toBe('{"labels.n":0}\n');
    expect(outcomeOf(readFileSync(path, 'utf8')).numbers).toEqual([1]);
  });

  it('is published, and whoever listens may log', async () => {
    const events: RotateOperation[] = [];
    const logger = fileLogger({ maxBytes: 1000, keep: 100 });
    const listener = (event: unknown): void => {
      events.push(event as RotateOperation);
      logger.info('rotated', { to: (event as RotateOperation).rotatedTo });
    };
    subscribe('ent:logging:rotated', listener);
    try {
      for (let n = 0; n < 100; n++) logger.info('x', { n });
      await logger.close();
    } finally {
      unsubscribe('ent:logging:rotated', listener);
    }
    expect(events.length).toBeGreaterThan(2);
    expect(events.every((event) => event.path === path)).toBe(true);
    const { names, text } = filesIn(folder);
    expect(names).toEqual([...events.map((event) => event.rotatedTo.slice(folder.length + 1)), 'service.log']);
    expect(outcomeOf(text).numbers).toEqual(upTo(100));
  });

  it('that is not allowed lets the file grow instead', async () => {
    const logger = fileLogger({ maxBytes: 1000 });
    // Root may do everything; there the folder is no obstacle, and the lines are all there in any case.
    chmodSync(folder, 0o555);
    try {
      for (let n = 0; n < 50; n++) logger.info('x', { n });
      await logger.flush();
    } finally {
      chmodSync(folder, 0o755);
    }
    await logger.close();
    expect(outcomeOf(filesIn(folder).text)).toEqual({ numbers: upTo(50), lost: 0 });
  });

  it('by several processes on one file loses nothing', async () => {
    const options = { to: 'file', lines: 5000, end: 'exit', burst: 50, path, maxBytes: 20_000, keep: 10_000 };
    const programs = Array.from({ length: 3 }, () => new Program('writer.ts', options));
    await Promise.all(
      programs.map(async (program) => {
        await program.says();
        program.child.send('go on');
        await program.ended;
      }),
    );
    const { numbers, lost } = outcomeOf(filesIn(folder).text);
    expect(lost).toBe(0);
    expect(numbers.toSorted((a, b) => a - b)).toEqual(upTo(5000).flatMap((n) => [n, n, n]));
  });
});

describe.runIf(process.platform === 'linux')('a disk that is full', () => {
  it('costs what does not fit in the buffer; the rest waits, and all is counted', async () => {
    const dropped: DropOperation[] = [];
    const listener = (event: unknown): void => void dropped.push(event as DropOperation);
    subscribe('ent:logging:dropped', listener);
    try {
      const logger = createLogger({ sinks: [fileSink({ path: '/dev/full', maxBuffer: 10_000 })], flushTimeout: 50 });
      for (let n = 0; n < 1000; n++) logger.info('x', { n });
      expect(await logger.flush(20)).toBe(false);
      const [before] = logger.stats().sinks;
      expect(before).toMatchObject({ written: 0 });
      expect(before!.pending + before!.dropped.buffer_full).toBe(1000);
      await logger.close();
      expect(logger.stats().dropped).toBe(1000);
    } finally {
      unsubscribe('ent:logging:dropped', listener);
    }
    expect(dropped.reduce((sum, event) => sum + event.count, 0)).toBe(1000);
    expect(new Set(dropped.map((event) => event.reason))).toEqual(new Set(['buffer_full', 'timeout']));
  });
});
