import { describe, expect, it } from 'vitest';
import { demandHooks } from '../src/index.ts';

function told(middleware: unknown): string | undefined {
  try {
    demandHooks(middleware, ['before', 'done'], (message) => new RangeError(message));
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(RangeError);
    return (error as Error).message;
  }
}

describe('demandHooks', () => {
  it('takes a list of objects with one hook at least', () => {
    expect(told([])).toBeUndefined();
    expect(
      told([
        { name: 'a', before() {} },
        { done() {}, before: undefined },
      ]),
    ).toBeUndefined();
  });

  it.each([[undefined], [null], [{}], ['before'], [() => {}]])('refuses what is no list: %j', (middleware) => {
    expect(told(middleware)).toBe('The middlewares must be a list.');
  });

  it.each([
    [{ name: 'log', befor() {} }, 'The middleware "log"'],
    [{ name: 'log', before() {}, done: 1 }, 'The middleware "log"'],
    [{ name: 'log', before: null }, 'The middleware "log"'],
    [() => {}, 'A middleware'],
    [null, 'A middleware'],
    [{ name: 1 }, 'A middleware'],
  ])('refuses %j', (item, who) => {
    expect(told([{ done() {} }, item])).toBe(`${who} must be an object with one hook at least: before(), done().`);
  });
});
