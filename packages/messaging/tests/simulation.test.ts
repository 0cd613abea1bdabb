import { describe, expect, it } from 'vitest';
import { everything, losesNothing, simulate } from './simulated.ts';

describe('a broker where everything goes wrong now and then', () => {
  losesNothing(false);

  it('goes wrong in the same way for the same seed', async () => {
    const [one, again, other] = [
      await simulate(7, everything),
      await simulate(7, everything),
      await simulate(8, everything),
    ];
    expect(again.trace).toEqual(one.trace);
    expect(other.trace).not.toEqual(one.trace);
  });

  it('without faults of its own delivers each message once', async () => {
    const { handled, dead } = await simulate(3, {});
    const all = [...handled.values()];
    expect(all.every((times) => times === 1)).toBe(true);
    expect(all.length + dead.length).toBe(60);
  });
});
