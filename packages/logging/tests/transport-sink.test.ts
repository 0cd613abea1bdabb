import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, fileSink, type LogFields, transportSink } from '@ent/logging';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import TransportStream from 'winston-transport';
import { outcomeOf, upTo } from './fixtures/run.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ent-logging-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

type Info = Record<string | symbol, unknown>;

describe('a transport of winston’s', () => {
  it('gets level, message, the members of the line, and the line', async () => {
    const infos: Info[] = [];
    const transport = new TransportStream({ log: (info: Info, done) => (infos.push(info), done()) });
    const logger = createLogger({ sinks: [transportSink(transport)] });
    logger.warning('hello', { n: 1 });
    await logger.flush();
    expect(infos).toMatchObject([{ level: 'warning', message: 'hello', 'labels.n': 1 }]);
    const line = infos[0]?.[Symbol.for('message')] as string;
    expect(JSON.parse(line)).toMatchObject({ 'log.level': 'warning', message: 'hello' });
    expect(infos[0]?.[Symbol.for('level')]).toBe('warning');
    await logger.close();
  });

  it.each(['otel', 'pretty'] as const)('gets the message in the %s format too', async (format) => {
    const infos: Info[] = [];
    const transport = new TransportStream({ log: (info: Info, done) => (infos.push(info), done()) });
    const logger = createLogger({ sinks: [transportSink(transport, { format })] });
    logger.error('hello');
    await logger.close();
    expect(infos[0]).toMatchObject({ level: 'error', message: expect.stringContaining('hello') as string });
  });

  it('that has a level of its own gets no line below it', async () => {
    const messages: unknown[] = [];
    const transport = new TransportStream({
      level: 'error',
      log: (info: Info, done) => (messages.push(info['message']), done()),
    });
    const logger = createLogger({ level: 'debug', sinks: [transportSink(transport)] });
    for (const level of ['debug', 'warning', 'error', 'critical'] as const) logger[level](level);
    await logger.close();
    expect(messages).toEqual(['error', 'critical']);
  });

  it('that is stuck holds up no other sink, and costs no more than its buffer', async () => {
    const path = join(folder, 'service.log');
    let received = 0;
    const stuck = new TransportStream({ log: () => received++ });
    const logger = createLogger({
      sinks: [transportSink(stuck, { name: 'stuck', maxBuffer: 50_000 }), fileSink({ path })],
      flushTimeout: 50,
    });
    for (let n = 0; n < 1000; n++) logger.info('x', { n });
    expect(await logger.flush()).toBe(false);
    expect(outcomeOf(readFileSync(path, 'utf8'))).toEqual({ numbers: upTo(1000), lost: 0 });
    const [sink] = logger.stats().sinks;
    expect(sink!.pending + sink!.dropped.buffer_full).toBe(1000);
    expect(sink!.pending).toBeLessThan(500);
    await logger.close();
    expect(received).toBe(1);
    expect(logger.stats().dropped).toBe(1000);
  });

  it('tells of the lines it lost once it takes lines again', async () => {
    const infos: Info[] = [];
    const waiting: (() => void)[] = [];
    const transport = new TransportStream({ log: (info: Info, done) => (infos.push(info), waiting.push(done)) });
    const logger = createLogger({ sinks: [transportSink(transport, { maxBuffer: 1000 })] });
    for (let n = 0; n < 100; n++) logger.info('x', { n });
    const { dropped } = logger.stats();
    expect(dropped).toBeGreaterThan(50);
    const answer = setInterval(() => waiting.splice(0).forEach((done) => done()), 1);
    expect(await logger.flush()).toBe(true);
    logger.info('after');
    expect(await logger.flush()).toBe(true);
    clearInterval(answer);
    expect(infos.at(-2)).toMatchObject({ 'labels.dropped': dropped, 'labels.reason': 'buffer_full' });
    expect(infos.at(-1)).toMatchObject({ message: 'after' });
  });

  it('that collects lines can send the last ones when it is closed', async () => {
    const sent: unknown[] = [];
    class Collecting extends TransportStream {
      readonly #batch: unknown[] = [];

      override log(info: Info, done: () => void): void {
        this.#batch.push(info['message']);
        done();
      }

      override _final(done: () => void): void {
        setImmediate(() => {
          sent.push(...this.#batch);
          done();
        });
      }
    }
    const logger = createLogger({ sinks: [transportSink(new Collecting())] });
    logger.info('a');
    logger.info('b');
    await logger.close();
    expect(sent).toEqual(['a', 'b']);
  });

  it('that answers after it was given up changes no number any more', async () => {
    let answer: (() => void) | undefined;
    const transport = new TransportStream({ log: (_info: Info, done) => (answer = done) });
    const logger = createLogger({ sinks: [transportSink(transport)], flushTimeout: 1 });
    logger.info('x');
    logger.info('y');
    await logger.close();
    answer?.();
    await new Promise((resolve) => setImmediate(resolve));
    expect(logger.stats()).toMatchObject({ dropped: 2, sinks: [{ written: 0, pending: 0 }] });
  });

  it.each<[string, (info: Info, done: (error?: Error) => void) => void]>([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['answers with an error', (_info, done) => done(new Error('broken'))],
  ])('that %s does no harm to the process or to the others', async (_, broken) => {
    const path = join(folder, 'service.log');
    const transport = new TransportStream({ log: broken });
    const logger = createLogger({ sinks: [transportSink(transport), fileSink({ path })], flushTimeout: 50 });
    for (let n = 0; n < 500; n++) logger.info('x', { n });
    await logger.flush();
    await logger.close();
    expect(outcomeOf(readFileSync(path, 'utf8'))).toEqual({ numbers: upTo(500), lost: 0 });
    const [sink] = logger.stats().sinks;
    expect(sink).toMatchObject({ written: 0, pending: 0 });
    expect(logger.stats().dropped).toBe(500);
  });

  it('that emits errors does not end the process', async () => {
    const transport = new TransportStream({ log: (_info: LogFields, done) => done() });
    const logger = createLogger({ sinks: [transportSink(transport)] });
    transport.emit('error', new Error('connection lost'));
    logger.info('x');
    expect(await logger.flush()).toBe(true);
    await logger.close();
  });
});
