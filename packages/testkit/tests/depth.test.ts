import { describe, expect, it } from 'vitest';
import { chooseSeed, depth, randomOf } from '../src/depth.ts';

describe('depth', () => {
  it.each([
    [{}, 10],
    [{ ENT_TEST_DEPTH: '' }, 10],
    [{ ENT_TEST_DEPTH: 'ci' }, 10],
    [{ ENT_TEST_DEPTH: 'full' }, 1000],
  ])('with %j of 1000 and 10 is %d', (env, count) => {
    expect(depth(1000, 10, env)).toBe(count);
  });

  it('is refused when it is another word', () => {
    expect(() => depth(2, 1, { ENT_TEST_DEPTH: 'deep' })).toThrow('ENT_TEST_DEPTH takes "full" or "ci".');
  });
});

describe('a seed', () => {
  it('differs from run to run, unless it is given', () => {
    expect(new Set(Array.from({ length: 10 }, () => chooseSeed({}))).size).toBeGreaterThan(1);
    expect(chooseSeed({ ENT_TEST_SEED: '42' })).toBe(42);
  });

  it.each(['-1', '1.5', 'x', '2147483648'])('is not %s', (given) => {
    expect(() => chooseSeed({ ENT_TEST_SEED: given })).toThrow('ENT_TEST_SEED takes the number that a failed test has');
  });

  it('gives one sequence, from 0 to below 1', () => {
    const [one, again, other] = [7, 7, 8].map((seed) => Array.from({ length: 1000 }, randomOf(seed)));
    expect(again).toEqual(one);
    expect(other).not.toEqual(one);
    expect(Math.min(...one!)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...one!)).toBeLessThan(1);
    expect(Math.max(...one!) - Math.min(...one!)).toBeGreaterThan(0.9);
  });
});
