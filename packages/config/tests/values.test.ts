import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { bytes, defineConfig, duration, secret, url } from '../src/index.ts';

/** What a schema makes of the text of a variable; the fault where it refuses it. */
function read(schema: z.ZodType, text: string): unknown {
  const config = defineConfig(z.object({ value: schema }), { dir: false, env: { VALUE: text } });
  try {
    return (config.load() as { value: unknown }).value;
  } catch (error) {
    return (error as Error).message.split('\n')[1]?.trim();
  }
}

function refused(expected: string): string {
  return `VALUE (environment): ${expected}`;
}

describe('text is read as', () => {
  it.each([
    ['80', 80],
    [' 80 ', 80],
    ['-1.5e3', -1500],
    ['0', 0],
    ['0x10', 16],
    ['80a', refused('expected a number')],
    [' ', refused('expected a number')],
    ['Infinity', refused('expected a number')],
    ['NaN', refused('expected a number')],
    ['1,5', refused('expected a number')],
  ])('a number: %j', (text, result) => {
    expect(read(z.number(), text)).toEqual(result);
    expect(read(z.number().optional(), text)).toEqual(result);
    expect(read(z.number().default(7).readonly(), text)).toEqual(result);
  });

  it('a number within bounds', () => {
    const port = z.number().int().min(1).max(65535);
    const fault = refused('expected an integer from 1 to 65535');
    expect(['1', '65535', '0', '65536', '1.5', 'x'].map((text) => read(port, text))).toEqual([
      1,
      65535,
      fault,
      fault,
      fault,
      fault,
    ]);
    expect(read(z.number().positive(), '0')).toBe(refused('expected a number above 0'));
    expect(read(z.int().gte(-3).lt(3), '3')).toBe(refused('expected an integer at least -3 and below 3'));
  });

  it('a bigint', () => {
    expect(read(z.bigint(), '9007199254740993')).toBe(9007199254740993n);
    expect(read(z.bigint(), '1.5')).toBe(refused('expected an integer'));
  });

  it.each([
    ...['true', '1', 'yes', 'on', 'y', 'enabled', 'TRUE', ' Yes '].map((text) => [text, true] as const),
    ...['false', '0', 'no', 'off', 'n', 'disabled', 'False'].map((text) => [text, false] as const),
    ...['maybe', '2', ' '].map((text) => [text, refused('expected true or false')] as const),
  ])('a boolean: %j', (text, result) => {
    expect(read(z.boolean(), text)).toBe(result);
    expect(read(z.coerce.boolean(), text.trim() === '' || typeof result === 'string' ? 'true' : text)).toBe(
      typeof result === 'string' ? true : result,
    );
    if (text === text.trim()) expect(read(z.stringbool(), text)).toBe(result);
  });

  it('a literal', () => {
    const schema = z.literal([1, true, 'auto']);
    expect(['1', 'true', 'auto', '2'].map((text) => read(schema, text))).toEqual([
      1,
      true,
      'auto',
      refused('expected one of 1, true, auto'),
    ]);
  });

  it('one of several words', () => {
    expect(read(z.enum(['debug', 'info']), 'info')).toBe('info');
    expect(read(z.enum(['debug', 'info']), 'INFO')).toBe(refused('expected one of debug, info'));
  });

  it.each([
    ['a, b,,c ', ['a', 'b', 'c']],
    ['a', ['a']],
    ['["a,b","c"]', ['a,b', 'c']],
    [',', []],
    ['[1', refused('expected a list, separated by commas, of: text')],
  ])('a list: %j', (text, result) => {
    expect(read(z.array(z.string()), text)).toEqual(result);
  });

  it('a list of numbers, whose faults name the item', () => {
    expect(read(z.array(z.number()), '1, 2')).toEqual([1, 2]);
    expect(read(z.array(z.number()), '1,x,3')).toBe(
      refused('item 2: expected a list, separated by commas, of: a number'),
    );
  });

  it('JSON, where the schema wants more than a scalar or a list', () => {
    const limits = z.record(z.string(), z.number());
    expect(read(limits, '{"a":1}')).toEqual({ a: 1 });
    expect(read(limits, '{"a":')).toBe(refused('expected JSON'));
    expect(read(limits, '{"a":"x"}')).toBe(refused('at a: expected a number'));
    expect(read(z.array(z.object({ x: z.number() })), '[{"x":1}]')).toEqual([{ x: 1 }]);
    expect(
      read(z.discriminatedUnion('t', [z.object({ t: z.literal('a') }), z.object({ t: z.literal('b') })]), '{"t":"b"}'),
    ).toEqual({ t: 'b' });
  });

  it('the first member of a union that takes it', () => {
    const auto = z.union([z.literal('auto'), z.number().int()]);
    expect(['auto', '4', '4.5', 'x'].map((text) => read(auto, text))).toEqual([
      'auto',
      4,
      refused('expected auto or an integer'),
      refused('expected auto or an integer'),
    ]);
    const flagOrMode = z.boolean().or(z.enum(['lax', 'strict']));
    expect(['true', 'off', 'lax'].map((text) => read(flagOrMode, text))).toEqual([true, false, 'lax']);
    expect(read(z.union([z.string(), z.number()]), '4')).toBe('4');
    expect(read(z.union([z.number(), z.string()]).default('x'), '4')).toBe(4);
    expect(read(z.array(auto), 'auto, 3')).toEqual(['auto', 3]);
    expect(read(z.union([z.object({ a: z.number() }), z.literal('none')]), '{"a":1}')).toEqual({ a: 1 });
    expect(read(z.nullable(z.union([z.bigint(), z.literal('no')])), '5')).toBe(5n);
  });

  it('one of several numbers', () => {
    enumOf(z.enum({ low: 1, high: 2 }));
    // What TypeScript makes of an enum of numbers has the names both ways.
    enumOf(z.enum({ low: 1, high: 2, 1: 'low', 2: 'high' } as never));
    function enumOf(levels: z.ZodType): void {
      expect(['1', '2', '3'].map((text) => read(levels, text))).toEqual([1, 2, refused('expected one of 1, 2')]);
    }
    expect(read(z.array(z.literal([1, 2])), '2,1')).toEqual([2, 1]);
    expect(read(z.array(z.enum({ a: 7 })), '7')).toEqual([7]);
  });

  it('a date, a set and a map', () => {
    expect(read(z.date(), '2026-01-02')).toEqual(new Date('2026-01-02'));
    expect(read(z.date(), '5')).toBe(refused('expected a date'));
    expect(read(z.set(z.number()), '1,2,2')).toEqual(new Set([1, 2]));
    expect(read(z.map(z.string(), z.number()), '{"a":1}')).toEqual(new Map([['a', 1]]));
  });

  it('JSON whose fault says what is expected at its place', () => {
    const servers = z.array(z.object({ port: z.number(), name: z.string() }));
    expect(read(servers, '[{"port":"x","name":"a"}]')).toBe(refused('at 0.port: expected a number'));
    const by = z.discriminatedUnion('t', [
      z.object({ t: z.literal('a'), n: z.number() }),
      z.object({ t: z.literal('b') }),
    ]);
    expect(read(by, '{"t":"a","n":"x"}')).toBe(refused('at n: expected a number'));
  });

  it('a text that a schema transforms', () => {
    expect(
      read(
        z.string().transform((text) => text.length),
        'four',
      ),
    ).toBe(4);
    expect(
      read(
        z.preprocess((text) => `${String(text)}!`, z.string()),
        'x',
      ),
    ).toBe('x!');
    expect(
      read(
        z.lazy(() => z.number()),
        '5',
      ),
    ).toBe(5);
    expect(read(z.union([z.literal('auto'), z.coerce.number()]), '5')).toBe(5);
  });

  it.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['1.5s', 1500],
    ['0s', 'refused'],
    ['-1s', 'refused'],
    ['5', 'refused'],
    ['5 minutes', 'refused'],
    ['m', 'refused'],
  ])('a duration: %j', (text, result) => {
    const fault = refused('expected a duration such as "250ms", "30s", "5m", "2h" or "7d"');
    expect(read(duration(), text)).toBe(result === 'refused' ? fault : result);
  });

  it('a duration that may be none', () => {
    const fault = refused('expected a duration such as "250ms", "30s", "5m", "2h" or "7d", or 0');
    const schema = duration({ zero: true });
    expect(['0', '0s', ' 0.0 ms ', '5s', '0x', '-0s', '-1s'].map((text) => read(schema, text))).toEqual([
      0,
      0,
      0,
      5000,
      fault,
      fault,
      fault,
    ]);
    expect(schema.parse(0)).toBe(0);
    expect(() => duration({ zero: 'yes' as never })).toThrow('duration: zero');
    expect(() => duration({ min: 0 } as never)).toThrow('min');
  });

  it.each([
    ['1024', 1024],
    ['512kB', 512_000],
    ['16MiB', 16 * 1024 * 1024],
    ['1.5 KiB', 1536],
    ['1gb', 1e9],
    ['2TiB', 2 * 1024 ** 4],
    ['0', 0],
    ['1.5', 'refused'],
    ['-1', 'refused'],
    ['1zb', 'refused'],
    ['MiB', 'refused'],
    ['9999999TiB', 'refused'],
    ['1constructor', 'refused'],
  ])('a size: %j', (text, result) => {
    const fault = refused('expected a size such as "512kB", "16MiB" or "1GiB", or a number of bytes');
    expect(read(bytes(), text)).toBe(result === 'refused' ? fault : result);
  });

  it('a URL, as it was given', () => {
    for (const text of ['memory:', 'sqlite:./data/x.db', 'postgres://u:p@h:5432/db?x=1', 'https://example.com'])
      expect(read(url(), text)).toBe(text);
    expect(read(url(), 'localhost')).toBe(refused('expected a URL'));
    for (const text of [
      'memcached://h1:11211,h2:11211',
      'mongodb://a,b/db?replicaSet=x',
      'mongodb://u:p@a:1,b:2/db',
      'postgres://a,b/db',
      'redis+cluster://a,b',
      'redis://[::1]:1,[::2]:2/0',
    ]) {
      expect(read(url(), text)).toBe(text);
      expect(read(url({ protocols: [text.slice(0, text.indexOf(':'))] }), text)).toBe(text);
    }
    for (const text of ['redis://a:1,b:x', 'redis://a:1,', 'redis://,a:1', 'redis://a b,c:1', 'http:a:1,b:2']) {
      if (URL.canParse(text)) continue;
      expect(read(url(), text)).toBe(refused('expected a URL'));
    }
    expect(read(url({ protocols: ['redis'] }), 'http://a:1,b:2')).toBe(
      refused('expected a URL that begins with redis:'),
    );
    const redis = url({ protocols: ['redis', 'rediss:'] });
    expect(read(redis, 'rediss://h')).toBe('rediss://h');
    expect(read(redis, 'http://h')).toBe(refused('expected a URL that begins with redis: or rediss:'));
    expect(read(z.url(), 'x')).toBe(refused('expected a URL'));
  });
});

describe('defaults', () => {
  it('of durations and sizes are written as values or, with prefault, as text', () => {
    const schema = z.object({ a: duration().default(5000), b: duration().prefault('5s'), c: bytes().prefault('1KiB') });
    expect(defineConfig(schema, { dir: false, env: {} }).load()).toEqual({ a: 5000, b: 5000, c: 1024 });
  });
});

describe('the words for what is expected', () => {
  it.each([
    [z.string().min(8), 'text of at least 8 characters'],
    [z.string().min(2).max(4), 'text of 2 to 4 characters'],
    [z.string().max(4), 'text of at most 4 characters'],
    [z.string().min(1), 'text'],
    [z.string().regex(/^[a-z]+$/), 'text that matches /^[a-z]+$/'],
    [z.email(), 'an email address'],
    [z.uuid(), 'a UUID'],
    [z.ipv4(), 'an IPv4 address'],
    [z.iso.datetime(), 'an ISO 8601 date and time'],
    [z.union([z.number(), z.literal('auto')]), 'a number or auto'],
    [z.literal('only'), 'only'],
    [z.stringbool().default(true), 'true or false'],
    [z.string().meta({ expected: 'a colour' }).optional(), 'a colour'],
    [secret(z.string().min(8)), 'text of at least 8 characters'],
    [z.custom(() => true), 'a valid value'],
  ])('%#: %s', (schema, expected) => {
    expect(defineConfig(z.object({ value: schema })).variables[0]?.expected).toBe(expected);
  });
});
