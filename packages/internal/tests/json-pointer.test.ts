import { describe, expect, it } from 'vitest';
import { jsonPointer } from '../src/index.ts';

describe('jsonPointer', () => {
  it.each([
    ['the whole', [], '#'],
    ['names and places', ['a', 0, 'b'], '#/a/0/b'],
    ['an empty name', [''], '#/'],
    ['its own characters', ['a/b~c', '~1'], '#/a~1b~0c/~01'],
    ['characters of URIs', ['a b', 'c%d', 'e#f', 'ü'], '#/a%20b/c%25d/e%23f/%C3%BC'],
    ['half a surrogate pair', ['\ud800'], '#/%EF%BF%BD'],
    ['a symbol', [Symbol('s')], '#/Symbol(s)'],
  ])('%s', (_name, path, pointer) => {
    expect(jsonPointer(path)).toBe(pointer);
  });
});
