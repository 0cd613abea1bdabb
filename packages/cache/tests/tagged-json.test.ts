import { describe, expect, it } from 'vitest';
import { taggedJson } from '../src/internal/records/tagged-json.ts';

const written = (value: unknown): string => Buffer.from(taggedJson.serialize(value, '')).toString();
const read = (text: string): unknown => taggedJson.deserialize(Buffer.from(text), '');

// The bytes are read by other deployments and other languages: they stand in docs/design.md.
describe('the default serializer', () => {
  it('writes plain data as JSON, whatever its names are', () => {
    expect(written({ a: [1, 'x', null, true], gone: undefined })).toBe('{"a":[1,"x",null,true]}');
    expect(written({ $date: 'no date' })).toBe('{"$date":"no date"}');
    expect(written('!')).toBe('"!"');
    expect(written(undefined)).toBe('');
  });

  it.each([
    [new Date('2026-01-31T09:00:00Z'), '!{"$date":"2026-01-31T09:00:00.000Z"}'],
    [new Date(Number.NaN), '!{"$date":null}'],
    [{ n: -(2n ** 63n) }, '!{"n":{"$bigint":"-9223372036854775808"}}'],
    [[Number.NaN, Number.NEGATIVE_INFINITY], '![{"$number":"NaN"},{"$number":"-Infinity"}]'],
    [new Uint8Array([0, 255]), '!{"$bytes":"AP8="}'],
    [Buffer.from([0, 255]), '!{"$buffer":"AP8="}'],
    [new Map([['a', new Set([1n])]]), '!{"$map":[["a",{"$set":[{"$bigint":"1"}]}]]}'],
    [
      [1n, { $date: 'x' }, { $$a: 1 }, { $date: 'x', b: 1 }],
      '![{"$bigint":"1"},{"$$date":"x"},{"$$$a":1},{"$date":"x","b":1}]',
    ],
  ])('%#: writes and reads what JSON lacks', (value, text) => {
    expect(written(value)).toBe(text);
    expect(read(text)).toStrictEqual(value);
  });

  it('takes an unknown tag, or a text that is none, for unreadable', () => {
    for (const text of ['!{"$later":1}', '!{"$bigint":"x"}', '!', '!{', '{']) expect(() => read(text)).toThrow(Error);
  });
});
