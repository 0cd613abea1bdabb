// When statements of PostgreSQL are prepared, and what is done about those that are gone.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Names } from '../src/drivers/postgres/names.ts';

const statement = { sql: 'select 1', kind: 'rows', returnsRows: true, recurs: true } as const;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Whether a statement that comes again and again has a name. */
function has(names: Names): boolean {
  names.of(statement);
  return names.of(statement) !== undefined;
}

it('a statement that is gone once has a name again after a minute, on other connections', () => {
  const names = new Names(true);
  expect(has(names)).toBe(true);
  for (let round = 1; round <= 3; round += 1) {
    names.stale('26000');
    expect([has(names), names.generation]).toEqual([false, round]);
    vi.advanceTimersByTime(59_000);
    expect(has(names)).toBe(false);
    vi.advanceTimersByTime(2_000);
    expect(has(names)).toBe(true);
  }
});

it('one whose columns have changed has it at once', () => {
  const names = new Names(true);
  names.stale('0A000');
  expect([has(names), names.generation]).toEqual([true, 1]);
});

it('who wants none has none, nor does who meets a pooler', () => {
  const names = new Names(true);
  names.disable();
  for (const each of [names, new Names(false)]) {
    each.stale('26000');
    vi.advanceTimersByTime(61_000);
    expect(has(each)).toBe(false);
  }
});
