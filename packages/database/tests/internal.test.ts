import { uuidv7 } from '@ent/database';
import { describe, expect, it } from 'vitest';

describe('uuidv7', () => {
  it('gives unique ids that sort by the order of their making, 20,000 in one millisecond included', () => {
    const now = Date.now();
    const ids = Array.from({ length: 20_000 }, () => uuidv7(now));
    expect(new Set(ids).size).toBe(20_000);
    expect([...ids].sort()).toEqual(ids);
  });

  it('holds its time, version and variant, also when the clock goes back', () => {
    const later = Date.now() + 60_000;
    const first = uuidv7(later);
    expect(first).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(Number.parseInt(first.replaceAll('-', '').slice(0, 12), 16)).toBe(later);
    expect(uuidv7(later - 50_000) > first).toBe(true);
  });
});
