import { createLogger, type LogFields } from '@ent/logging';
import { memoryDriver } from '@ent/logging/memory';
import { describe, expect, it } from 'vitest';

function logged(fields: unknown, ...messages: unknown[]) {
  const logger = createLogger({ driver: memoryDriver() });
  const message = messages.length === 0 ? 'x' : messages[0];
  logger.info(message as string, fields as LogFields);
  expect(logger.stats().dropped).toBe(0);
  expect(logger.driver.records).toHaveLength(1);
  return logger.driver.records[0]!;
}

const thrower = (): never => {
  throw new Error('from a getter');
};

describe('a call that logs never throws', () => {
  it('for a getter that does; the other fields stay', () => {
    const bad = Object.defineProperty({ before: 1, after: 2 }, 'bad', { get: thrower, enumerable: true });
    expect(logged(bad).fields).toEqual({ before: 1, after: 2, bad: '[unreadable]' });
    expect(logged({ deep: bad }).fields).toEqual({ deep: { before: 1, after: 2, bad: '[unreadable]' } });
  });

  it('for a toJSON that does, or that logs by itself', () => {
    expect(logged({ a: { toJSON: thrower }, b: 1 }).fields).toEqual({ a: '[unreadable]', b: 1 });
    const logger = createLogger({ driver: memoryDriver() });
    const chatty = {
      toJSON() {
        logger.info('inner', { a: 'inner', b: 'inner' });
        return 'outer';
      },
    };
    logger.child({ b: 1 }).info('outer', { a: chatty, b: 2 });
    expect(logger.driver.records.at(-1)?.fields).toEqual({ a: 'outer', b: 2 });
  });

  it('for cycles', () => {
    const cycle: Record<string, unknown> = { name: 'c' };
    cycle['self'] = cycle;
    cycle['list'] = [cycle];
    expect(logged({ cycle }).fields).toEqual({ cycle: { name: 'c', self: '[circular]', list: ['[circular]'] } });
  });

  it('for proxies whose every trap throws, wherever they stand', () => {
    const handler = new Proxy({}, { get: () => thrower });
    const evil = new Proxy(() => {}, handler) as unknown;
    const evilObject = new Proxy({}, handler);
    for (const value of [evil, evilObject]) {
      logged({ value, list: [value], err: value, n: 1 });
      logged(value);
      logged({ n: 1 }, value);
      const logger = createLogger({ driver: memoryDriver() });
      logger.child(value as LogFields).info('x');
      expect(logger.driver.records).toHaveLength(1);
    }
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    expect(logged({ revoked: revoked.proxy, n: 1 }).fields).toEqual({ revoked: '[unreadable]', n: 1 });
  });

  it('for errors whose members throw or lie', () => {
    const error = Object.defineProperties(new Error('x'), {
      message: { get: thrower },
      stack: { get: thrower },
      cause: { get: thrower },
      name: { value: 7 },
    });
    expect(logged({ err: error }).error).toEqual({ type: 'Error', message: '' });
    expect(logged({ n: 1 }, error).message).toBe('');
  });

  it('for anything in the place of message and fields', () => {
    const symbol = Symbol('s');
    expect(logged(null).fields).toEqual({});
    expect(logged(7).fields).toEqual({ value: 7 });
    expect(logged([1, 2]).fields).toEqual({ value: [1, 2] });
    expect(logged(undefined, undefined).message).toBe('undefined');
    expect(logged(undefined, symbol).message).toBe('Symbol(s)');
    expect(logged({ b: 2 }, { a: 1 })).toMatchObject({ message: '', fields: { a: 1, b: 2 } });
  });
});

describe('values', () => {
  it('are written as JSON can', () => {
    const { fields } = logged({
      big: 12345678901234567890n,
      nan: Number.NaN,
      infinite: -Infinity,
      zero: -0,
      none: null,
      gone: undefined,
      fn: () => 1,
      symbol: Symbol('s'),
      date: new Date(0),
      badDate: new Date(Number.NaN),
      map: new Map([['a', 1n]]),
      set: new Set([1, 2]),
      bytes: Buffer.from('secret'),
      url: new URL('http://h/p'),
      list: [undefined, () => 1, Symbol('s')],
      bare: Object.assign(Object.create(null), { a: 1 }) as object,
    });
    expect(fields).toEqual({
      big: '12345678901234567890',
      nan: null,
      infinite: null,
      zero: 0,
      none: null,
      date: '1970-01-01T00:00:00.000Z',
      badDate: null,
      map: { a: '1' },
      set: [1, 2],
      bytes: '[6 bytes]',
      url: 'http://h/p',
      list: [null, null, null],
      bare: { a: 1 },
    });
  });

  it.each(['', '"', '\\', '\n\r\t\u0000\u001f\u007f', '\u2028\u2029', '😀', '\ud800', '\udc00x', '__proto__', 'ÿ€'])(
    'and names and messages come back as they were: %j',
    (text) => {
      const long = text.repeat(100);
      const record = logged({ [`k${text}`]: text, long, nested: { [text]: text } }, text);
      expect(record.message).toBe(text.toWellFormed());
      expect(record.fields).toEqual({
        [`k${text}`.toWellFormed()]: text.toWellFormed(),
        long: long.toWellFormed(),
        nested: JSON.parse(`{${JSON.stringify(text.toWellFormed())}:${JSON.stringify(text.toWellFormed())}}`),
      });
    },
  );

  it('named __proto__ are data', () => {
    const fields = JSON.parse('{"__proto__":{"polluted":true}}') as LogFields;
    const record = logged(fields);
    expect(Object.keys(record.fields)).toEqual(['__proto__']);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

describe('sizes are bounded', () => {
  const size = (value: unknown): number => JSON.stringify(value).length;

  it('of texts, keys, errors and whole lines', () => {
    const huge = 'a'.repeat(10_000_000);
    expect(size(logged({ huge }, huge))).toBeLessThan(40_000);
    expect(size(logged({ [huge]: 1 }))).toBeLessThan(1000);
    expect(size(logged({ err: new Error(huge, { cause: new Error(huge) }) }))).toBeLessThan(80_000);
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`k${i}`, 'a'.repeat(16_000)]));
    expect(size(logged(many))).toBeLessThan(400_000);
    expect(logged(many).fields['log_truncated']).toBe(true);
    const some = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, 'a'.repeat(16_000)]));
    expect(size(logged(some))).toBeLessThan(400_000);
  });

  it('of trees, deep and wide', () => {
    let deep: object = {};
    for (let i = 0; i < 100_000; i++) deep = { deep };
    expect(size(logged({ deep }))).toBeLessThan(1000);
    const wide = Array.from({ length: 100_000 }, (_, i) => ({ i, list: Array.from({ length: 10 }, () => 'abc') }));
    expect(size(logged({ wide }))).toBeLessThan(100_000);
    expect(size(logged({ wide: Object.fromEntries(wide.entries()) }))).toBeLessThan(100_000);
    const bush = (depth: number): object =>
      depth === 0 ? {} : Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, bush(depth - 1)]));
    expect(size(logged({ bush: bush(4) }))).toBeLessThan(100_000);
  });
});
