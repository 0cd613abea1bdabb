import { ValidationError } from '@ent/errors';
import { createLogger, LOG_LEVELS, type LogFields, type LogFormat, type LogSink, withContext } from '@ent/logging';
import { describe, expect, it } from 'vitest';
import { lineSink } from './fixtures/line-sink.ts';

/** A sink that keeps the lines. */
function lines(options: { format?: LogFormat; colors?: boolean } = {}): LogSink & { readonly lines: string[] } {
  const kept: string[] = [];
  return { ...lineSink((line) => kept.push(line)), ...options, lines: kept };
}

const service = { name: 'shop', version: '1.2.3', environment: 'test', instance: 'shop-7' };

function logged(format: LogFormat, act: (logger: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] {
  const sink = lines();
  const logger = createLogger({ level: 'debug', format, service, sinks: [sink] });
  act(logger);
  for (const line of sink.lines) {
    expect(line.endsWith('\n')).toBe(true);
    expectUniqueNames(line);
  }
  return sink.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Elasticsearch refuses a document in which a name stands twice; JSON.parse does not. */
function expectUniqueNames(line: string): void {
  const value = JSON.parse(line) as object;
  expect(JSON.stringify(value).length).toBe(line.trimEnd().length);
}

describe('ecs', () => {
  it('is json by another name', () => {
    const act = (logger: ReturnType<typeof createLogger>): void => logger.info('x', { a: 1 });
    const [json] = logged('json', act);
    const [ecs] = logged('ecs', act);
    expect({ ...json, '@timestamp': 0 }).toEqual({ ...ecs, '@timestamp': 0 });
  });

  it('has the fields of the Elastic Common Schema', () => {
    const before = Date.now();
    const [record] = logged('ecs', (logger) => {
      withContext({ requestId: 'r-1', userId: 'u-1' }, () => {
        logger.child({ logger: 'orders' }).warning('slow', { orderId: 7, 'http.response.status_code': 200, ok: true });
      });
    });
    expect(record).toEqual({
      '@timestamp': expect.any(String) as string,
      'log.level': 'warning',
      message: 'slow',
      'ecs.version': '8.11.0',
      'service.name': 'shop',
      'service.version': '1.2.3',
      'service.environment': 'test',
      'service.node.name': 'shop-7',
      'event.dataset': 'shop',
      'log.logger': 'orders',
      'http.request.id': 'r-1',
      'user.id': 'u-1',
      'labels.orderId': 7,
      'http.response.status_code': 200,
      'labels.ok': true,
    });
    const time = Date.parse(record?.['@timestamp'] as string);
    expect(new Date(time).toISOString()).toBe(record?.['@timestamp']);
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(Date.now());
  });

  it('has errors with type, message, stack_trace and cause', () => {
    const error = new TypeError('outer', { cause: new ValidationError('inner') });
    const [record] = logged('ecs', (logger) => logger.error('failed', { err: error }));
    expect(record?.['error']).toMatchObject({
      type: 'TypeError',
      message: 'outer',
      stack_trace: error.stack,
      cause: { type: 'ValidationError', message: 'inner', code: 'validation', status: 422 },
    });
  });

  it('keeps names that would clash with its own below labels, and makes impossible ones possible', () => {
    const fields: LogFields = {
      message: 'mine',
      '@timestamp': 'mine',
      'log.level': 'mine',
      'service.name': 'mine',
      'trace.id': 'mine',
      'error.type': 'mine',
      host: 'mine',
      'two words': 1,
      '': 2,
      '.a': 3,
      'b..c': 4,
    };
    const [record] = logged('ecs', (logger) => logger.info('x', fields));
    expect(record).toMatchObject({
      message: 'x',
      'log.level': 'info',
      'service.name': 'shop',
      'labels.message': 'mine',
      'labels.@timestamp': 'mine',
      'labels.log.level': 'mine',
      'labels.service.name': 'mine',
      'labels.trace.id': 'mine',
      'labels.error.type': 'mine',
      'labels.host': 'mine',
      'labels.two_words': 1,
      'labels._': 2,
      'labels._a': 3,
      'labels.b__c': 4,
    });
  });

  it.each<[string, LogFields, LogFields, LogFields]>([
    ['context and child', { requestId: 'no' }, { requestId: 'yes' }, {}],
    ['context and call', { requestId: 'no' }, {}, { requestId: 'yes' }],
    ['child and call', {}, { requestId: 'no' }, { requestId: 'yes' }],
    ['all three', { requestId: 'no' }, { requestId: 'no' }, { requestId: 'yes' }],
    ['child and call, by two names', {}, { requestId: 'no' }, { 'http.request.id': 'yes' }],
    ['one call, by two names', {}, {}, { requestId: 'no', 'http.request.id': 'yes' }],
    ['one child, by two names', {}, { requestId: 'yes', 'http.request.id': 'yes' }, {}],
  ])('has each name once where it comes from %s', (_, context, own, call) => {
    for (const format of ['ecs', 'otel'] as const) {
      const [record] = logged(format, (logger) => withContext(context, () => logger.child(own).info('x', call)));
      expect(JSON.stringify(record)).toContain('"http.request.id":"yes"');
    }
  });

  it('has each name once where a toJSON logs by itself', () => {
    logged('ecs', (logger) => {
      const child = logger.child({ a: 1 });
      const chatty = {
        toJSON() {
          child.info('inner', { b: 'inner' });
          return 'outer';
        },
      };
      child.info('outer', { first: chatty, a: 2 });
      child.info('outer', { b: 1, second: chatty, a: 2 });
    });
  });

  it('has each name once where there are more names than the table of names holds', () => {
    logged('ecs', (logger) => {
      const child = logger.child({ a: 1 });
      for (let i = 0; i < 4100; i++) withContext({ b: 1 }, () => child.info('x', { [`name${i}`]: i, a: 2, b: 2 }));
    });
  });

  it('has one error where context, child and call have one', () => {
    const [record] = logged('ecs', (logger) => {
      withContext({ err: new Error('context') }, () => {
        logger.child({ error: new Error('child') }).info('x', { err: new Error('call') });
      });
    });
    expect(record).toMatchObject({ error: { message: 'call' } });
  });
});

describe('otel', () => {
  it('has the members of the log data model', () => {
    const [record] = logged('otel', (logger) => {
      withContext({ requestId: 'r-1' }, () => logger.child({ a: 1 }).critical('down', { b: { c: 2 } }));
    });
    expect(record).toEqual({
      timestamp: expect.any(String) as string,
      severity_text: 'CRITICAL',
      severity_number: 21,
      body: 'down',
      resource: {
        'service.name': 'shop',
        'service.version': '1.2.3',
        'deployment.environment.name': 'test',
        'service.instance.id': 'shop-7',
      },
      attributes: { a: 1, 'http.request.id': 'r-1', b: { c: 2 } },
    });
  });

  it('has a severity number for each level', () => {
    const records = logged('otel', (logger) => {
      for (const level of LOG_LEVELS) logger[level]('x');
    });
    expect(records.map((record) => record['severity_number'])).toEqual([5, 9, 13, 17, 21]);
    expect(records.map((record) => record['attributes'])).toEqual([{}, {}, {}, {}, {}]);
  });

  it('has errors as exception attributes, with the stacks of the whole chain', () => {
    const cause = new RangeError('inner');
    const [record] = logged('otel', (logger) =>
      logger.error('failed', { err: new Error('outer', { cause }), 'exception.type': 'mine' }),
    );
    expect(record?.['attributes']).toMatchObject({
      'exception.type': 'Error',
      'exception.message': 'outer',
      'exception.stacktrace': expect.stringMatching(
        /^Error: outer\n {4}at [^]+\nCaused by: RangeError: inner\n {4}at /,
      ) as string,
      'field.exception.type': 'mine',
    });
  });
});

describe('pretty', () => {
  function pretty(act: (logger: ReturnType<typeof createLogger>) => void, colors = false): string {
    const sink = lines({ format: 'pretty', colors });
    act(createLogger({ level: 'debug', sinks: [sink], service }));
    return sink.lines.join('');
  }

  it('is a line to read', () => {
    const text = pretty((logger) => {
      withContext({ requestId: 'r-1' }, () =>
        logger.child({ a: 1 }).info('order placed', { what: 'two words', b: [1] }),
      );
    });
    expect(text).toMatch(/^\d\d:\d\d:\d\d\.\d{3} INFO {5}order placed requestId=r-1 a=1 what="two words" b=\[1\]\n$/);
  });

  it('has errors with their causes below', () => {
    const text = pretty((logger) => logger.error('failed', new Error('outer', { cause: new Error('inner') })));
    expect(text).toMatch(/ERROR {4}failed\n {4}Error: outer\n {8}at [^]+\n {4}Caused by: Error: inner\n {8}at /);
  });

  it('uses colours only where they are wanted', () => {
    const act = (logger: ReturnType<typeof createLogger>): void => logger.critical('x', { a: 'b' });
    expect(pretty(act)).not.toContain('\u001b');
    expect(pretty(act, true)).toContain('\u001b[1;37;41mCRITICAL\u001b[0m x');
  });

  it('ASVS 16.4.1: no text passes for another record or moves the cursor', () => {
    const evil = 'x\n12:00:00.000 INFO     forged\r\u001b[2J\u009b2J\u202e\u2028';
    const text = pretty((logger) => {
      logger.info(evil, { [evil]: evil, err: new Error(evil) });
      logger.info('next');
    });
    expect(text.split('\n').filter((line) => line !== '' && !line.startsWith(' '))).toHaveLength(2);
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u202e]/);
  });

  it('redacts as the others do', () => {
    const text = pretty((logger) => logger.info('x', { password: 'hush', headers: { authorization: 'hush' }, ok: 1 }));
    expect(text).toContain('password=[redacted] headers={"authorization":"[redacted]"} ok=1');
  });
});

describe('errors that stand for several, in each format', () => {
  const text = (format: LogFormat, err: unknown): string => {
    const sink = lines({ format });
    createLogger({ sinks: [sink] }).error('failed', { err });
    return sink.lines.join('');
  };
  const formats: LogFormat[] = ['ecs', 'otel', 'pretty'];

  async function disposed(): Promise<unknown> {
    try {
      await using transaction = { [Symbol.asyncDispose]: () => Promise.reject(new Error('rollback failed')) };
      void transaction;
      throw new Error('insert failed', { cause: new Error('disk full') });
    } catch (error) {
      return error;
    }
  }

  it.each(formats)('%s: a SuppressedError tells both, and what is underneath', async (format) => {
    const told = text(format, await disposed());
    expect(told).toMatch(/rollback failed[^]*insert failed[^]*disk full/);
    if (format !== 'ecs') expect(told).toMatch(/Thrown by the disposal: Error: rollback[^]*Suppressed: Error: insert/);
  });

  it.each(formats)('%s: the members of an AggregateError and their causes', (format) => {
    const member = new AggregateError([new Error('refused by ::1')], 'inner', { cause: new Error('no route') });
    const told = text(format, new Error('outer', { cause: new AggregateError([member], 'all failed') }));
    expect(told).toMatch(/outer[^]*all failed/);
    for (const part of ['inner', 'refused by ::1', 'no route']) expect(told).toContain(part);
  });

  it.each(formats)('%s: a thrown object tells its error', (format) => {
    expect(text(format, { error: 'no such host' })).toContain('no such host');
    const cause = { error: new Error('no such host'), token: 'hunter2' };
    expect(text(format, new Error('outer', { cause }))).toContain('no such host');
    expect(text(format, new Error('outer', { cause }))).not.toContain('hunter2');
    expect(text(format, { reason: 'x', at: 'y' })).toContain(
      'An object without a message, with the members reason, at.',
    );
  });

  it.each(formats)('%s: a line is bounded, however many errors there are', (format) => {
    const tree = (depth: number): Error => {
      const message = `node ${'x'.repeat(20_000)}`;
      const members = Array.from({ length: depth === 0 ? 0 : 10 }, () => tree(depth - 1));
      return new AggregateError(members, message, { cause: depth === 0 ? undefined : tree(depth - 1) });
    };
    expect(text(format, tree(4)).length).toBeLessThan(262_144);
  });
});

describe('several sinks', () => {
  it('get each line once, each in its own format', () => {
    const [a, b, c] = [lines(), lines({ format: 'otel' }), lines({ format: 'json' })];
    const logger = createLogger({ format: 'json', sinks: [a, b, c] }).child({ k: 'v' });
    withContext({ requestId: 'r' }, () => {
      for (let n = 0; n < 3; n++) logger.info('x', { n });
    });
    expect(a.lines).toHaveLength(3);
    expect(a.lines).toEqual(c.lines);
    expect(a.lines.map((line) => JSON.parse(line) as object)).toMatchObject([{ message: 'x' }, {}, { 'labels.n': 2 }]);
    expect(b.lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { body: 'x' },
      {},
      { attributes: { n: 2 } },
    ]);
  });

  it('can be none', async () => {
    const logger = createLogger({ sinks: [] });
    logger.info('x');
    expect(await logger.flush()).toBe(true);
    await logger.close();
  });
});
