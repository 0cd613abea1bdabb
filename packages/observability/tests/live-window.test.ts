import { describe, expect, it } from 'vitest';
import { MOST_ROWS, Table } from '../src/internal/live/table.ts';
import { Window } from '../src/internal/live/window.ts';

const SPAN = { slots: 4, slotMs: 1000 };

function clock(): { now: () => number; pass: (ms: number) => void } {
  let time = 10_000;
  return { now: () => time, pass: (ms) => void (time += ms) };
}

describe('a window', () => {
  it('tells rates, failures and durations of what has happened in it', () => {
    const { now, pass } = clock();
    const window = new Window(SPAN, now);
    for (let i = 1; i <= 100; i++) window.add(i, i > 90);
    pass(2000);
    const { perSecond, errorRatio, p50, p95, p99 } = window.summary();
    expect({ perSecond, errorRatio }).toEqual({ perSecond: 50, errorRatio: 0.1 });
    for (const [told, is] of [
      [p50, 50],
      [p95, 95],
      [p99, 99],
    ]) {
      expect(told).toBeGreaterThan(is! / 1.2);
      expect(told).toBeLessThan(is! * 1.2);
    }
  });

  it('forgets what is older, slot by slot, and uses the slots again', () => {
    const { now, pass } = clock();
    const window = new Window(SPAN, now);
    window.add(1, false, 8);
    pass(3000);
    window.add(100, true, 8);
    expect(window.summary()).toMatchObject({ errorRatio: 0.5 });
    pass(1000);
    expect(window.summary()).toMatchObject({ perSecond: 8 / 3, errorRatio: 1 });
    expect(window.summary().p50).toBeGreaterThan(80);
    pass(3000);
    expect(window.isEmpty).toBe(true);
    expect(window.summary()).toEqual({ perSecond: 0, errorRatio: 0, p50: null, p95: null, p99: null });
    // In the same place of the ring as the first.
    window.add(1, false);
    expect(window.summary().p99).toBeLessThan(2);
  });

  it.each([0, -1, Number.NaN, 0.01, 1e9, Infinity])('takes a duration of %s', (durationMs) => {
    const window = new Window(SPAN, clock().now);
    window.add(durationMs, false);
    expect(window.summary().p99).toBeGreaterThan(0);
    expect(window.summary().p99).toBeLessThan(200_000);
  });

  it('draws each slot that is over, and a gap where it did not count yet', () => {
    const { now, pass } = clock();
    const window = new Window(SPAN, now);
    window.add(1, true, 4);
    pass(2000);
    window.add(1, false, 2);
    const four = {
      perSecond: 4,
      errorsPerSecond: 4,
      p50: expect.any(Number) as number,
      p99: expect.any(Number) as number,
    };
    const none = { perSecond: 0, errorsPerSecond: 0, p50: null, p99: null };
    expect(window.points()).toEqual([null, four, none]);
  });
});

describe('a table', () => {
  it('has the busiest first, and nothing that was idle', () => {
    const { now, pass } = clock();
    const table = new Table(SPAN, now);
    table.add('old', 1, false);
    pass(5000);
    table.add('few', 1, false);
    table.add('many', 1, true, 5);
    expect(table.rows().map(({ name, errorRatio }) => [name, errorRatio])).toEqual([
      ['many', 1],
      ['few', 0],
    ]);
  });

  it('counts what comes after a bounded number of names together, until one is idle', () => {
    const { now, pass } = clock();
    const table = new Table(SPAN, now);
    for (let i = 0; i < MOST_ROWS * 2; i++) table.add(`made up ${i}`, 1, false);
    const [first, ...others] = table.rows();
    expect(first).toMatchObject({ name: '_OTHER', perSecond: MOST_ROWS });
    expect(others).toHaveLength(MOST_ROWS);
    pass(10_000);
    table.add('new', 1, false);
    expect(table.rows().map(({ name }) => name)).toEqual(['new']);
  });
});
