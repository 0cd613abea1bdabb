import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { memory } from '../src/drivers/memory/index.ts';
import { createCache } from '../src/index.ts';

describe('a refresh that nobody waits for', () => {
  it('runs its factory outside of the transaction or request that began it', async () => {
    // As @ent/database keeps its transaction.
    const transaction = new AsyncLocalStorage<string>();
    const cache = createCache({ driver: memory() });
    const seen: unknown[] = [];
    const load = (value: number) =>
      cache.getOrSet(
        'k',
        () => {
          seen.push(transaction.getStore());
          return value;
        },
        { ttl: 10_000, eagerRefresh: 0.000_1 },
      );
    expect(await transaction.run('first', () => load(1))).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await transaction.run('second', () => load(2))).toBe(1);
    await expect.poll(() => seen.length).toBe(2);
    // Who waits for a load has it in its own.
    expect(seen).toEqual(['first', undefined]);
    await cache.close();
  });
});
