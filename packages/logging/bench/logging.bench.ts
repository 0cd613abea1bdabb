// One JSON line of a child logger with two fields of its own and two of the call, to one and the
// same file with the same buffering: what a logger costs is then all that differs. A logger does not
// wait, so the time of the processor is measured.
import { AsyncLocalStorage } from 'node:async_hooks';
import { closeSync, openSync, writeSync } from 'node:fs';
import pino from 'pino';
import winston from 'winston';
import TransportStream from 'winston-transport';
import { bench } from '../../../scripts/bench.ts';
import { createLogger, fileSink, withContext } from '../src/index.ts';
import { lineSink } from '../tests/fixtures/line-sink.ts';

const MESSAGE = Symbol.for('message');
const BLOCK = 65_536;
const requests = new AsyncLocalStorage<{ requestId: string }>();

/** Blocks of 64 KiB, written synchronously: what @ent/logging does by itself, for the others. */
class BufferedFile {
  lines = 0;
  #text = '';
  readonly #fd = openSync('/dev/null', 'w');
  readonly #block = Buffer.allocUnsafeSlow(4 * BLOCK);

  write(line: string): void {
    this.lines++;
    this.#text += line;
    if (this.#text.length >= BLOCK) this.flush();
  }

  flush(): void {
    const text = this.#text;
    this.#text = '';
    for (let at = 0, end = this.#block.write(text); at < end; ) at += writeSync(this.#fd, this.#block, at, end - at);
  }

  close(): void {
    this.flush();
    closeSync(this.#fd);
  }
}

class BenchTransport extends TransportStream {
  readonly #file: BufferedFile;

  constructor(file: BufferedFile) {
    super();
    this.#file = file;
  }

  override log(info: Record<symbol, string>, done: () => void): void {
    this.#file.write(`${info[MESSAGE]}\n`);
    done();
  }
}

const bound = { module: 'orders', shard: 3 };
const order = { orderId: 'a1b2c3d4', count: 7 };

const counted: { name: string; calls: number; file: BufferedFile }[] = [];

/** Work whose lines are counted on both sides: here and in the file. */
function counting(name: string, make: (file: BufferedFile) => () => void, lines = 1): () => void {
  const count = { name, calls: 0, file: new BufferedFile() };
  counted.push(count);
  const log = make(count.file);
  return () => {
    count.calls += lines;
    log();
  };
}

const LINES = 5;
const inStore = (work: () => void): void => requests.run({ requestId: 'r-1' }, work);
const inContext = (work: () => void): void => withContext({ requestId: 'r-1' }, work);

/** A request: its context, and some lines. */
function request(run: (work: () => void) => void, log: () => void): () => void {
  const lines = (): void => {
    for (let i = 0; i < LINES; i++) log();
  };
  return () => run(lines);
}

await bench('a JSON line of a child logger', {
  isolate: true,
  clock: 'cpu',
  raw: counting('winston', (file) => {
    const { combine, json, timestamp } = winston.format;
    const transports = [new BenchTransport(file)];
    const logger = winston.createLogger({ format: combine(timestamp(), json()), transports }).child(bound);
    return () => logger.info('order placed', { ...order });
  }),
  subjects: {
    pino: counting('pino', (file) => {
      const logger = pino({}, file).child(bound);
      return () => logger.info({ ...order }, 'order placed');
    }),
    '@ent': counting('@ent', (file) => {
      const logger = createLogger({ format: 'json', sinks: [lineSink((line) => file.write(line))] }).child(bound);
      return () => logger.info('order placed', { ...order });
    }),
  },
});

await bench(`a request context with ${LINES} JSON lines`, {
  isolate: true,
  clock: 'cpu',
  raw: counting(
    'winston',
    (file) => {
      const { combine, json, timestamp } = winston.format;
      const context = winston.format((info) => Object.assign(info, requests.getStore()))();
      const transports = [new BenchTransport(file)];
      const logger = winston.createLogger({ format: combine(context, timestamp(), json()), transports }).child(bound);
      return request(inStore, () => logger.info('order placed', { ...order }));
    },
    LINES,
  ),
  subjects: {
    pino: counting(
      'pino',
      (file) => {
        const logger = pino({ mixin: () => requests.getStore() ?? {} }, file).child(bound);
        return request(inStore, () => logger.info({ ...order }, 'order placed'));
      },
      LINES,
    ),
    '@ent': counting(
      '@ent',
      (file) => {
        const logger = createLogger({ format: 'json', sinks: [lineSink((line) => file.write(line))] }).child(bound);
        return request(inContext, () => logger.info('order placed', { ...order }));
      },
      LINES,
    ),
  },
});

const toFile = createLogger({ sinks: [fileSink({ path: '/dev/null' })] });
const toFileChild = toFile.child(bound);
const sonic = pino({}, pino.destination({ dest: '/dev/null', sync: true, minLength: 4096 })).child(bound);

await bench('the same line, each with its own file (pino: sonic-boom, 4 KiB)', {
  clock: 'cpu',
  raw: () => sonic.info({ ...order }, 'order placed'),
  subjects: { '@ent': () => toFileChild.info('order placed', { ...order }) },
});

const quiet = createLogger({ format: 'json' }).child(bound);
const quietPino = pino().child(bound);
const quietWinston = winston.createLogger({ transports: [new winston.transports.Console()] }).child(bound);

await bench('a disabled level', {
  clock: 'cpu',
  raw: () => quietWinston.debug('order placed'),
  subjects: { pino: () => quietPino.debug('order placed'), '@ent': () => quiet.debug('order placed') },
  perTurn: 1_000_000,
});

// A fast logger that loses lines would be no news.
for (const { name, calls, file } of counted) {
  file.close();
  if (file.lines !== calls) throw new Error(`${name}: ${calls} calls, ${file.lines} lines`);
}
await toFile.close();
if (toFile.stats().dropped > 0) throw new Error(`${toFile.stats().dropped} lines were dropped`);
