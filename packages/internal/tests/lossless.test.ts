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
    [Object.assign([1, 2], { extra: 3 }), ['a property of an array', '#/extra']],
    ['a-b'.match(/(?<first>a)/), ['a property of an array', '#/index']],
    ['a-b'.match(/b/), ['a property of an array', '#/index']],
    [{ at: [0, Object.assign([], { '0x': 1 })] }, ['a property of an array', '#/at/1/0x']],
    [Object.assign([1], { [Symbol('s')]: 1 }), ['a property named by a symbol', '#']],
    [Array.from({ length: 3 }), ['undefined', '#/0']],
    [new Array(2 ** 32 - 1), ['a hole in an array', '#/0']],
    [Object.groupBy([1, 2], (n) => (n % 2 === 0 ? 'even' : 'odd')), undefined],
    [new Proxy({ a: 1 }, {}), undefined],
    [Object.defineProperty({ a: 1 }, 'hidden', { value: 2 }), undefined],
    [cycle, ['a reference to an enclosing object', '#/self']],
  ])('%#: JSON and what it would change', (value, expected) => {
    const loss = lossIn(value, jsonKeeps);
    expect(loss && [loss.what, loss.pointer]).toEqual(expected);
  });

  it('looks into loose arrays where they are kept, and at no index that is not there', () => {
    const keeps = { ...jsonKeeps, looseArrays: true, undefined: true };
    const sparse = Object.assign(new Array(2 ** 32 - 1), { 7: 1, extra: [1] });
    expect(lossIn(sparse, keeps)).toBeUndefined();
    expect(lossIn(Object.assign(sparse, { extra: [new User()] }), keeps)?.pointer).toBe('#/extra/0');
  });

  it('tells a Proxy where none is kept, at any depth', () => {
    const keeps = { ...jsonKeeps, proxies: false };
    expect(lossIn({ a: [new Proxy({}, {})] }, keeps)).toEqual({ what: 'a Proxy', pointer: '#/a/0' });
    expect(lossIn(new Proxy([], {}), keeps)?.what).toBe('a Proxy');
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
