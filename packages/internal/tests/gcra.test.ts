import { describe, expect, it } from 'vitest';
import { gcra } from '../src/index.ts';

const NOW = 1_000_000;
const rule = { intervalMs: 100, burst: 5 };
const full = NOW + 500;

describe('gcra', () => {
  it.each([
    ['a new key', 0, NOW, 1, { allowed: true, remaining: 4, retryAfterMs: 0, resetMs: 100 }],
    ['a key that is free again', NOW - 1, NOW, 1, { allowed: true, remaining: 4, retryAfterMs: 0, resetMs: 100 }],
    ['the last unit', NOW + 400, NOW, 1, { allowed: true, remaining: 0, retryAfterMs: 0, resetMs: 500 }],
    ['one more than the burst', full, NOW, 1, { allowed: false, remaining: 0, retryAfterMs: 100, resetMs: 500 }],
    ['just before the interval', full, NOW + 99, 1, { allowed: false, remaining: 0, retryAfterMs: 1, resetMs: 401 }],
    ['exactly at the interval', full, NOW + 100, 1, { allowed: true, remaining: 0, retryAfterMs: 0, resetMs: 500 }],
    ['a part of the next unit', full, NOW + 250, 1, { allowed: true, remaining: 1, retryAfterMs: 0, resetMs: 350 }],
    ['several units', 0, NOW, 5, { allowed: true, remaining: 0, retryAfterMs: 0, resetMs: 500 }],
    ['more than are left', NOW + 300, NOW, 3, { allowed: false, remaining: 2, retryAfterMs: 100, resetMs: 300 }],
    ['more than ever are', 0, NOW, 6, { allowed: false, remaining: 5, retryAfterMs: 100, resetMs: 0 }],
    ['no units', full, NOW, 0, { allowed: true, remaining: 0, retryAfterMs: 0, resetMs: 500 }],
    ['a clock that went back', full, NOW - 200, 1, { allowed: false, remaining: 0, retryAfterMs: 300, resetMs: 700 }],
    ['a clock that begins', 0, 0, 1, { allowed: true, remaining: 4, retryAfterMs: 0, resetMs: 100 }],
  ])('%s', (_name, arrival, now, cost, decision) => {
    expect(gcra(arrival, now, cost, rule)).toEqual(decision);
  });

  it.each([
    ['of a process that just began', 10.123],
    ['of one that is up for weeks', 1e9 + 0.123],
    ['of the system', Date.UTC(2030, 0, 1)],
  ])('lets the burst through and no more, whatever its interval, by a clock %s', (_name, now) => {
    for (let burst = 1; burst <= 500; burst++) {
      const odd = { intervalMs: 60_000 / burst, burst };
      let arrival = 0;
      const left = Array.from({ length: burst }, () => {
        const { allowed, remaining, resetMs } = gcra(arrival, now, 1, odd);
        arrival = now + resetMs;
        return allowed ? remaining : 'refused';
      });
      expect(left).toEqual(Array.from({ length: burst }, (_, i) => burst - 1 - i));
      const { allowed, retryAfterMs } = gcra(arrival, now, 1, odd);
      expect(allowed).toBe(false);
      expect(gcra(arrival, now + retryAfterMs, 1, odd).allowed).toBe(true);
    }
  });
});
