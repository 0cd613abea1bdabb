import { describe, expect, it } from 'vitest';
import { type Codec, json, v8 } from '../src/index.ts';
import { msgpack } from '../src/codecs/msgpack.ts';

const codecs: Codec[] = [json, msgpack, v8];
const roundTrip = (codec: Codec, value: unknown): unknown => codec.decode(codec.encode(value));

class User {
  name = 'Ada';
}
class Timestamp extends Date {}
const cyclic: Record<string, unknown> = {};
cyclic['self'] = { cyclic };
const deep = (levels: number): unknown => {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = [value];
  return value;
};

/** Memory that another thread has now. */
function handedOver(): ArrayBuffer {
  const buffer = new ArrayBuffer(4);
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
}

const plain: [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['false', false],
  ['an empty string', ''],
  ['emoji and controls', '🦊\u0000\u2028é'],
  ['integers around 2^53', [2 ** 53 - 1, -(2 ** 53), 2 ** 53 + 2]],
  ['floats', [0.1, 1e300, 5e-324, Number.MAX_VALUE]],
  ['arrays in objects', { a: [{ b: [] }, {}], 'key with "quotes" ~/': 1 }],
  ['names of Object.prototype as keys', { constructor: 1, toString: 2, hasOwnProperty: 3 }],
  ['an object without a prototype', Object.assign(Object.create(null), { a: 1 })],
  ['300 levels', deep(300)],
];

describe.each(codecs)('$name', (codec) => {
  it.each(plain)('keeps %s', (_name, value) => {
    expect(roundTrip(codec, value)).toEqual(value);
  });

  it('reads a property that is undefined back as absent or undefined', () => {
    expect((roundTrip(codec, { a: undefined, b: 1 }) as { a?: unknown }).a).toBeUndefined();
  });

  it.each([
    ['a function', { list: [() => 1] }, '#/list/0'],
    ['a symbol', { s: Symbol('x') }, '#/s'],
    ['a property named by a symbol', { a: { [Symbol('x')]: 1 } }, '#/a'],
    ['an object that says how to print itself', { a: { toJSON: () => 1 } }, '#/a/toJSON'],
    ['a class instance', { users: [new User()] }, '#/users/0'],
    ['a subclass of a built-in', { at: new Timestamp() }, '#/at'],
    ['a promise', { 'a/b~c': Promise.resolve() }, '#/a~1b~0c'],
    ['a function below any name', { '50 %': () => 1 }, '#/50%20%25'],
    ['a proxy of a class instance', { p: new Proxy(new User(), {}) }, '#/p'],
    ['1001 levels', deep(1001), '#/0'],
  ])('refuses %s with its pointer', (_name, value, pointer) => {
    expect(() => codec.encode(value)).toThrow(
      expect.objectContaining({
        code: 'serialization.not_lossless',
        message: expect.stringContaining(`at ${pointer}`),
      }),
    );
  });

  it('never puts a value into the message', () => {
    const secret = 'hunter2';
    try {
      codec.encode({ password: secret, bad: () => secret });
      expect.unreachable();
    } catch (error) {
      expect(String(error)).not.toContain(secret);
    }
  });
});

describe('what differs', () => {
  /** Kept, or refused by our own error: a library's would not say where. */
  const kept = (codec: Codec, value: unknown): boolean => {
    try {
      codec.encode(value);
      return true;
    } catch (error) {
      expect(error).toMatchObject({ code: 'serialization.not_lossless' });
      return false;
    }
  };
  it.each<[string, unknown, string[]]>([
    ['a date', new Date(1e12), ['msgpack', 'v8']],
    ['a date before 1970', new Date(-5), ['msgpack', 'v8']],
    ['an invalid date', new Date(Number.NaN), ['v8']],
    ['NaN and infinities', [Number.NaN, Infinity, -Infinity], ['msgpack', 'v8']],
    ['undefined in an array', [undefined], ['msgpack', 'v8']],
    ['small and 64-bit bigints', [5n, -(2n ** 63n), 2n ** 64n - 1n], ['msgpack', 'v8']],
    ['a bigint of 65 bits', 2n ** 64n, ['v8']],
    ['binary', Buffer.from([0, 255]), ['msgpack', 'v8']],
    ['a typed array', new Float64Array([1.5]), ['v8']],
    ['a map', new Map([['a', new Map()]]), ['v8']],
    ['a set', new Set([1]), ['v8']],
    ['a regular expression', /x/gi, ['v8']],
    ['a cycle', cyclic, ['v8']],
    ['a lone surrogate', '\ud800', ['json', 'v8']],
    ['a hole in an array', Object.assign([1, 2], { length: 3 }), ['v8']],
    ['an array with a property', Object.assign([1, 2], { extra: 3 }), ['v8']],
    ['what match() answers', 'abc'.match(/b/), ['v8']],
    ['a subclass of Array', class extends Array {}.from([1]), []],
    ['a symbol of an array', Object.assign([1], { [Symbol('x')]: 1 }), []],
    ['Object.groupBy', Object.groupBy([1, 2], (n) => (n > 1 ? 'more' : 'one')), ['json', 'msgpack', 'v8']],
    ['a proxy of plain data', { a: new Proxy({ b: [1] }, {}) }, ['json', 'msgpack']],
    ['a proxy of an array', new Proxy([1], {}), ['json', 'msgpack']],
    ['a date with a property', Object.assign(new Date(0), { x: 1 }), []],
    ['a map with a property', Object.assign(new Map(), { x: 1 }), []],
    ['a regular expression in use', Object.assign(/a/g, { lastIndex: 2 }), []],
    ['shared memory', new SharedArrayBuffer(4), []],
    ['a view of shared memory', new Uint16Array(new SharedArrayBuffer(4)), []],
    ['memory that was handed over', handedOver(), []],
    ['a view of memory', new DataView(new ArrayBuffer(4)), ['v8']],
    ['boxed texts', Object('text'), ['v8']],
    ['boxed symbols', Object(Symbol('x')), []],
    [
      '65,536 names',
      Object.fromEntries(Array.from({ length: 65_536 }, (_, i) => [`k${i}`, i])),
      ['json', 'msgpack', 'v8'],
    ],
    ['a hidden toJSON', Object.defineProperty({ a: 1 }, 'toJSON', { value: () => 2 }), ['msgpack', 'v8']],
    ['an own __proto__', JSON.parse('{"__proto__":{"polluted":true}}'), ['json', 'v8']],
  ])('%s', (_name, value, keepers) => {
    expect(codecs.filter((codec) => kept(codec, value)).map((codec) => codec.name)).toEqual(keepers);
    for (const codec of codecs) {
      if (keepers.includes(codec.name)) expect(roundTrip(codec, value)).toEqual(value);
    }
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('finds what cannot be kept in the properties of an array', () => {
    expect(() => v8.encode([Object.assign([1], { f: () => 1 })])).toThrow('a function at #/0/f');
  });

  it('finds what cannot be kept inside maps and sets too', () => {
    expect(() => v8.encode({ m: new Map([['k', new User()]]) })).toThrow(/an instance of User at #\/m\/k/);
    expect(() => v8.encode(new Set([new User()]))).toThrow(/an instance of User/);
  });
});
