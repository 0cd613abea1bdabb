import { describe, expect, it } from 'vitest';
import { cents, money, totalOf } from '../src/money.ts';
import { isUnderWay, MACHINE, type OrderEvent, type OrderState, STATES } from '../src/orders/machine.ts';

const ways = (state: OrderState): [OrderEvent, OrderState][] =>
  Object.entries(MACHINE[state]) as [OrderEvent, OrderState][];

describe('the machine', () => {
  it('has an end for every order, wherever it is', () => {
    const ends = new Set(STATES.filter((state) => !isUnderWay(state)));
    for (let grown = 0; grown !== ends.size; ) {
      grown = ends.size;
      for (const state of STATES) if (ways(state).some(([, to]) => ends.has(to))) ends.add(state);
    }
    expect([...ends].sort()).toEqual([...STATES].sort());
  });

  it('comes back to nowhere: no order goes round in circles', () => {
    const reach = (state: OrderState, before: readonly OrderState[]): void => {
      expect(before).not.toContain(state);
      for (const [, to] of ways(state)) reach(to, [...before, state]);
    };
    reach('placed', []);
  });

  it('gives money back before stock, and takes stock before money', () => {
    const paths = (state: OrderState): OrderState[][] =>
      ways(state).length === 0 ? [[state]] : ways(state).flatMap(([, to]) => paths(to).map((path) => [state, ...path]));
    for (const path of paths('placed')) {
      const at = (state: OrderState): number => path.indexOf(state);
      if (at('confirmed') >= 0) expect(at('reserved')).toBeLessThan(at('confirmed'));
      if (at('refunding') >= 0) expect(at('releasing')).toBe(at('refunding') + 1);
      // Who may have paid is never set free without a refund.
      if (at('confirmed') >= 0 && path.at(-1) === 'cancelled') expect(at('refunding')).toBeGreaterThan(at('confirmed'));
    }
  });
});

describe('money', () => {
  it('is exact where a float is not', () => {
    expect(
      totalOf([
        { price: '0.1', quantity: 1 },
        { price: '0.20', quantity: 1 },
      ]),
    ).toBe('0.30');
    expect(totalOf(Array.from({ length: 1000 }, () => ({ price: '90071992547409.93', quantity: 1000 })))).toBe(
      '90071992547409930000.00',
    );
  });

  it.each([
    ['12.30', 1230n],
    ['12.3', 1230n],
    ['12', 1200n],
    ['0.05', 5n],
    ['-0.05', -5n],
    ['-12.30', -1230n],
  ] as const)('%s is %d cents, and back', (amount, inCents) => {
    expect(cents(amount)).toBe(inCents);
    expect(cents(money(inCents))).toBe(inCents);
  });

  it.each(['', '1.', '.5', '1.005', '1e3', '0x10', ' 1', '1,00', 'NaN'])('%j is no amount', (text) => {
    expect(() => cents(text)).toThrow(/is no amount/);
  });
});
