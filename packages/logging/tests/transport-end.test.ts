import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, type Logger, transportSink, type TransportSinkOptions } from '@ent/logging';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import TransportStream from 'winston-transport';
import { outcomeOf, Program, upTo } from './fixtures/run.ts';

// Transports that keep their lines for a while, each in the way of one that many people use: small, without the library
// behind it.

type Info = Record<string | symbol, unknown>;
type Done = (error?: Error) => void;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ent-logging-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Takes lines at once and sends them when it is told to, some turns later. */
class Batching extends TransportStream {
  readonly sent: unknown[] = [];
  batch: unknown[] = [];
  isDown = false;

  override log(info: Info, done: Done): void {
    this.batch.push(info['message']);
    done();
  }

  async send(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    if (!this.isDown) this.sent.push(...this.batch.splice(0));
  }
}

/** As `winston-daily-rotate-file`. */
class FinishOnClose extends Batching {
  override close(): void {
    void this.send().then(() => this.emit('finish'));
  }
}

/** As `winston-syslog`, which waits for its queue. */
class ClosedEvent extends Batching {
  queue = this.batch;

  override close(): void {
    void this.send().then(() => this.emit('closed'));
  }
}

/** As `winston-loki`. */
class ClosePromise extends Batching {
  readonly #waiting: (() => void)[] = [];

  override close(): never {
    return this.send() as never;
  }

  flush(): Promise<void> {
    if (this.batch.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  override async send(): Promise<void> {
    await super.send();
    if (this.batch.length === 0) for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** As `winston-elasticsearch`, up to its habit of piping its source anew at each error. */
class EndFlushes extends Batching {
  source: { pipe: (to: unknown) => void } | null = null;

  constructor() {
    super();
    this.on('pipe', (source) => (this.source = source as never));
    this.on('error', () => (this.source as { pipe: (to: unknown) => void }).pipe(this));
  }

  flush(): Promise<void> {
    return this.send();
  }

  override end(): this {
    void this.send().then(() => {
      if (this.isDown) this.emit('warning', new Error('no connection'));
      setImmediate(() => super.end());
    });
    return this;
  }
}

/** With a callback, as Node.js itself has it. */
class CloseCallback extends Batching {
  override close(done: () => void = () => {}): void {
    void this.send().then(done);
  }
}

function loggerOn(transport: TransportStream, options: TransportSinkOptions = {}, flushTimeout = '30s'): Logger {
  return createLogger({ sinks: [transportSink(transport, options)], flushTimeout });
}

const shapes = [
  ['emits finish after close()', FinishOnClose],
  ['emits closed after close()', ClosedEvent],
  ['answers close() by a promise', ClosePromise],
  ['flushes at end()', EndFlushes],
  ['answers close() by a callback', CloseCallback],
] as const;

describe.each(shapes)('a transport that %s', (_name, Shape) => {
  it('is waited for by close()', async () => {
    const transport = new Shape();
    const logger = loggerOn(transport);
    for (let n = 0; n < 100; n++) logger.info(`line ${n}`);
    await logger.close();
    expect(transport.sent).toEqual(upTo(100).map((n) => `line ${n}`));
    expect(logger.stats()).toMatchObject({ dropped: 0, sinks: [{ written: 100, pending: 0 }] });
  });

  it('emits errors without ending the process, and goes on', async () => {
    const transport = new Shape();
    const logger = loggerOn(transport);
    transport.emit('error', new Error('connection lost'));
    transport.emit('error', new Error('connection lost'));
    logger.info('after');
    await logger.close();
    expect(transport.sent).toEqual(['after']);
  });
});

describe('what a transport took and did not deliver', () => {
  it.each([
    ['a batch that is kept after close()', ClosePromise],
    ['a queue that is not empty', ClosedEvent],
    ['a warning at the end', EndFlushes],
  ])('is counted: %s', async (_name, Shape) => {
    const transport = new Shape();
    transport.isDown = true;
    const logger = loggerOn(transport, {}, '50ms');
    for (let n = 0; n < 100; n++) logger.info(`line ${n}`);
    await logger.close();
    expect(logger.stats()).toMatchObject({
      dropped: 100,
      sinks: [{ written: 0, pending: 0, dropped: { timeout: 100 } }],
    });
  });

  it('is counted where the end never comes, and what was flushed before is not', async () => {
    class Stuck extends ClosePromise {
      override close(): never {
        return new Promise(() => {}) as never;
      }
    }
    const transport = new Stuck();
    const logger = loggerOn(transport, {}, '50ms');
    for (let n = 0; n < 10; n++) logger.info('x');
    const flushed = logger.flush('30s');
    await transport.send();
    expect(await flushed).toBe(true);
    for (let n = 0; n < 7; n++) logger.info('x');
    await logger.close();
    expect(logger.stats()).toMatchObject({ dropped: 7, sinks: [{ written: 10 }] });
  });

  it('makes flush() answer false', async () => {
    const transport = new ClosePromise();
    const logger = loggerOn(transport);
    logger.info('x');
    expect(await logger.flush(20)).toBe(false);
    await transport.send();
    expect(await logger.flush()).toBe(true);
    await logger.close();
  });

  it('makes flush() answer false where it rejects', async () => {
    class Rejecting extends Batching {
      flush(): Promise<void> {
        return Promise.reject(new Error('no connection'));
      }
    }
    const logger = loggerOn(new Rejecting());
    logger.info('x');
    expect(await logger.flush()).toBe(false);
    await logger.close();
  });
});

describe('a transport whose log()', () => {
  async function outcome(log: (info: Info, done: Done) => unknown): Promise<object> {
    const logger = loggerOn(new TransportStream({ log: log as never }));
    for (let n = 0; n < 10; n++) logger.info(`line ${n}`);
    await logger.flush();
    const [sink] = logger.stats().sinks;
    await logger.close();
    return sink as object;
  }

  it('rejects costs its own lines and not the process', async () => {
    const log = async ({ message }: Info, done: Done): Promise<void> => {
      await Promise.resolve();
      if (message === 'line 3') throw new Error('broken');
      done();
    };
    expect(await outcome(log)).toMatchObject({ written: 9, dropped: { sink_failed: 1 } });
  });

  it('throws costs its own lines, and the next ones are written', async () => {
    const log = ({ message }: Info, done: Done): void => {
      if (message === 'line 3') throw new Error('broken');
      done();
    };
    expect(await outcome(log)).toMatchObject({ written: 9, dropped: { sink_failed: 1 } });
  });

  it('answers twice does no harm', async () => {
    const log = (_info: Info, done: Done): void => {
      done();
      done();
      setImmediate(done);
    };
    expect(await outcome(log)).toMatchObject({ written: 10, pending: 0 });
  });
});

describe('winston’s own transports', () => {
  it.each(['file', 'stream'] as const)('%s: close() and then process.exit() lose no line', async (to) => {
    const path = join(folder, 'out.log');
    const program = new Program('transport-writer.ts', { to, path });
    expect(await program.says()).toMatchObject({ written: 1000, pending: 0 });
    expect(await program.ended).toBe(0);
    expect(outcomeOf(readFileSync(path, 'utf8'))).toEqual({ numbers: upTo(1000), lost: 0 });
  });

  it('a stream that fails does not end the process; its lines are counted, and told on standard error', async () => {
    const program = new Program('transport-writer.ts', { to: 'stream', path: join(folder, 'missing/out.log') });
    expect(await program.says()).toMatchObject({ written: 0, pending: 0, dropped: { timeout: 1000 } });
    expect(await program.ended).toBe(0);
    expect(outcomeOf('', await program.stderr)).toEqual({ numbers: [], lost: 1000 });
  });
});

describe('levels', () => {
  it('can have the names that a transport knows', async () => {
    const levels: unknown[] = [];
    const log = ((info: Info, done: Done) => {
      levels.push([info['level'], info[Symbol.for('level')]]);
      done();
    }) as never;
    const transport = new TransportStream({ level: 'err', log });
    const logger = loggerOn(transport, { levels: { critical: 'crit', error: 'err' } });
    for (const level of ['warning', 'error', 'critical'] as const) logger[level]('x');
    await logger.close();
    expect(levels).toEqual([
      ['err', 'err'],
      ['crit', 'crit'],
    ]);
  });
});

describe('what is no transport', () => {
  it.each([undefined, null, {}, 'console', () => {}])('%s is refused', (value) => {
    expect(() => transportSink(value as never)).toThrow(expect.objectContaining({ code: 'logging.invalid_option' }));
  });
});
