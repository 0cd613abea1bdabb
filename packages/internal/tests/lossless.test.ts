import { describe, expect, it } from 'vitest';
import { jsonKeeps, lossIn } from '../src/index.ts';

class User {}
class Names extends Array<string> {}

describe('lossIn', () => {
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;

  it.each([
    [{ a: [1, 'x', null, true, { b: undefined }] }, undefined],
    [Object.create(null), undefined],
    [{ at: new Date(0) }, ['an instance of Date', '#/at']],
    [[[new User()]], ['an instance of User', '#/0/0']],
    [new Names('a'), ['an instance of Names', '#']],
    [{ n: NaN }, ['NaN', '#/n']],
    [[undefined], ['undefined', '#/0']],
    [Object.assign([1], { length: 2 }), ['a hole in an array', '#/1']],
    [{ f: () => 1 }, ['a function', '#/f']],
    [Object.defineProperty({ a: 1 }, 'toJSON', { value: () => 2 }), ['an object with toJSON', '#']],
    [cycle, ['a reference to an enclosing object', '#/self']],
  ])('%#: JSON and what it would change', (value, expected) => {
    const loss = lossIn(value, jsonKeeps);
    expect(loss && [loss.what, loss.pointer]).toEqual(expected);
  });

  it('passes on what a getter throws', () => {
    const value = {
      get bad(): never {
        throw new TypeError('no');
      },
    };
    expect(() => lossIn(value, jsonKeeps)).toThrow('no');
  });
});
