// Three processes load, read, set, delete, invalidate and clear the same few keys at once, on a backend that answers
// when it likes. Whatever happens: nobody is given a value from before a change that was over when the call began.
import { randomOf } from '@ent/testkit';
import { itInDepth } from '@ent/testkit/vitest';
import { describe, expect } from 'vitest';
import { type Cache, createCache } from '../src/cache.ts';
import type { CacheDriver } from '../src/driver.ts';
import { memory } from '../src/drivers/memory/index.ts';
import { Backend, bytesDriver } from './fixtures/bytes-driver.ts';

const KEYS = ['a', 'b'];
const OPERATIONS = { full: 5000, ci: 100, of: 'operations of each of 12 workers' };
const WORKERS = 12;

/** When a value was made: a number that grows with each load and change. */
interface Made {
  readonly at: number;
}

/** Of several that are set at once, any may stay; only what was loaded must not outlive a change. */
const SET: Made = { at: Number.MAX_SAFE_INTEGER };

let random = Math.random;
const below = (limit: number): number => Math.floor(random() * limit);
const pause = (limitMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, below(limitMs)));

/** Takes its time before and after what it does. */
function slow(driver: CacheDriver): CacheDriver {
  const slowly = <A extends unknown[], R>(work: (...args: A) => Promise<R>): ((...args: A) => Promise<R>) => {
    return async (...args) => {
      if (below(2) === 0) await pause(4);
      const answer = await work(...args);
      if (below(2) === 0) await pause(4);
      return answer;
    };
  };
  return { ...driver, get: slowly(driver.get), set: slowly(driver.set), delete: slowly(driver.delete) };
}

describe.each([
  ['three processes', false, 3, () => ({})],
  ['three processes with generations', true, 3, () => ({})],
  ['a process with a local tier', false, 1, () => ({ local: memory() })],
])('%s', (_name, generations, processes, options) => {
  itInDepth('are given nothing that was made before the last change', OPERATIONS, async ({ count, seed }) => {
    random = randomOf(seed);
    const backend = new Backend();
    const caches = Array.from({ length: processes }, () =>
      createCache({
        driver: slow(bytesDriver(backend)),
        prefix: 'p',
        timeout: '1m',
        ...(generations && { clear: 'generation' as const }),
        ...options(),
      }),
    );
    let clock = 0;
    const changed = new Map<string, number>(KEYS.map((key) => [key, 0]));
    const noted = (keys: readonly string[], at: number): void => {
      for (const key of keys) changed.set(key, Math.max(changed.get(key)!, at));
    };

    async function operate(cache: Cache): Promise<void> {
      const key = KEYS[below(KEYS.length)]!;
      const tags = [`of ${key}`];
      const kind = below(12);
      if (kind < 8) {
        const atLeast = changed.get(key)!;
        const load = async (): Promise<Made> => {
          const at = ++clock;
          await pause(8);
          return { at };
        };
        const made =
          kind < 5
            ? await cache.getOrSet(key, load, { tags, ...(below(2) === 0 && { grace: '1m', softTimeout: 2 }) })
            : kind < 7
              ? (await cache.getOrSetMany([key], async () => new Map([[key, await load()]]), { tags })).get(key)
              : await cache.get<Made>(key);
        if (made !== undefined) expect(made.at).toBeGreaterThanOrEqual(atLeast);
        return;
      }
      const at = ++clock;
      if (kind === 8) await cache.set(key, SET, { tags });
      else if (kind === 9) await cache.delete(key);
      else if (kind === 10) await cache.invalidateTags(tags);
      else await cache.clear();
      noted(kind === 11 ? KEYS : [key], at);
    }

    await Promise.all(
      Array.from({ length: WORKERS }, async (_, worker) => {
        for (let i = 0; i < count; i++) await operate(caches[worker % processes]!);
      }),
    );
    await Promise.all(caches.map((cache) => cache.close()));
  });
});
