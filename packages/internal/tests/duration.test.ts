import { describe, expect, it } from 'vitest';
import { toMilliseconds } from '../src/index.ts';

describe('toMilliseconds', () => {
  it.each([
    [1500, 1500],
    ['250ms', 250],
    ['1.5s', 1500],
    ['5m', 300_000],
    ['2h', 7_200_000],
    [' 7d ', 604_800_000],
  ])('reads %j as %d ms', (duration, ms) => {
    expect(toMilliseconds(duration)).toBe(ms);
  });

  it.each([0, -1, Number.NaN, Infinity, '', '5', '0s', '-5m', '5 minutes', '1e3s', null, undefined, {}])(
    'refuses %j and names what it was for',
    (duration) => {
      expect(() => toMilliseconds(duration as string, 'ttl')).toThrow(/^ttl must be a positive number/);
    },
  );
});
