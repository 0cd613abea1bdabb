import { describe, expect, it } from 'vitest';
import { memoryStores, memoryThrottleStore } from '../src/stores.ts';
import { testAuthStores, testThrottleStore } from '../src/testing.ts';

describe('memory stores', () => {
  testAuthStores({ it }, { make: () => memoryStores() });
});

describe('the memory store of attempts', () => {
  testThrottleStore({ it }, { make: () => memoryThrottleStore() });

  it('is bounded, and a flood of new keys does not wash away one that is near its limit', async () => {
    const store = memoryThrottleStore({ maxKeys: 100 });
    const rule = { burst: 10, intervalMs: 1000 };
    for (let n = 0; n < 10; n++) await store.take('victim', rule, 0);
    for (let n = 0; n < 10_000; n++) await store.take(`flood ${n}`, rule, 0);
    expect((await store.take('victim', rule, 0)).ok).toBe(false);
    expect((await store.take('flood 9999', rule, 0)).ok).toBe(true);
  });

  it('refuses a bound that is none', () => {
    expect(() => memoryThrottleStore({ maxKeys: 0 })).toThrow('maxKeys');
  });
});
