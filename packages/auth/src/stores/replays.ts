import { kindOf, refuseUnknown } from '@ent/internal';
import type { ReplayStore } from '../driver.ts';
import { authErrors } from '../errors.ts';
import { demandMethods } from '../internal/demand.ts';

/** Options of {@link memoryReplayStore}. */
export interface MemoryReplayOptions {
  /** How many are remembered at most. When there are more, new ones are refused. Default 100,000, about 20 MB. */
  readonly maxEntries?: number | undefined;
}

/**
 * What was used once, in this process: for tests, and for services of one process. It never forgets one to make room
 * for another: when it is full, it throws.
 *
 * @example
 * ```ts
 * import { memoryReplayStore } from '@ent/auth/stores';
 *
 * const replays = memoryReplayStore();
 * console.log(await replays.add('a', 60_000), await replays.add('a', 60_000)); // true false
 * ```
 */
export function memoryReplayStore(options: MemoryReplayOptions = {}): ReplayStore {
  refuseUnknown(options, { maxEntries: true }, 'memoryReplayStore', authErrors.configuration);
  const { maxEntries = 100_000 } = options;
  if (!Number.isSafeInteger(maxEntries) || maxEntries < 1) {
    throw authErrors.configuration(`"maxEntries" must be a whole number of at least 1; got ${String(maxEntries)}.`);
  }
  /** The ends, by `performance.now()`: a step of the wall clock must not make one good again. */
  const ends = new Map<string, number>();
  /** When the next one ends, as of the last look at all of them. */
  let soonest = 0;
  /** Those that have ended lie between those that have not, where their times differ. */
  const sweep = (time: number): void => {
    soonest = Infinity;
    for (const [id, end] of ends) {
      if (end <= time) ends.delete(id);
      else soonest = Math.min(soonest, end);
    }
  };
  return {
    async add(id, ttlMs) {
      const time = performance.now();
      // Those that were added first end first, as far as their times are the same. Else they go when it is full.
      for (const [known, end] of ends) {
        if (end > time) break;
        ends.delete(known);
      }
      const end = ends.get(id);
      if (end !== undefined && end > time) return false;
      ends.delete(id);
      if (ends.size >= maxEntries && soonest <= time) sweep(time);
      if (ends.size >= maxEntries) throw new Error(`It is full: ${maxEntries} are remembered.`);
      ends.set(id, time + ttlMs);
      soonest = Math.min(soonest, time + ttlMs);
      return true;
    },
  };
}

/** What {@link cacheReplayStore} needs of a cache: a counter that `Cache` of `@ent/cache` has. */
export interface CountingCache {
  /** Adds to a counter, atomically, and answers the sum; one that is absent lives for `ttl` milliseconds. */
  increment(key: string, by: number, options: { readonly ttl: number }): Promise<number>;
}

/**
 * What was used once, in a cache that all processes share. While the cache is away nothing can be said, so that what is
 * asked about is refused (503).
 *
 * @example
 * ```ts
 * import { cacheReplayStore } from '@ent/auth/stores';
 * import { createCache } from '@ent/cache';
 * import { memory } from '@ent/cache/memory'; // in a service: redis({ url })
 *
 * const cache = createCache({ driver: memory() });
 * const replays = cacheReplayStore(cache.namespace('replays'));
 * console.log(await replays.add('a', 60_000), await replays.add('a', 60_000)); // true false
 * await cache.close();
 * ```
 */
export function cacheReplayStore(cache: CountingCache): ReplayStore {
  demandMethods(cache, ['increment'], 'cacheReplayStore: the cache');
  return {
    async add(id, ttlMs) {
      const count: unknown = await cache.increment(id, 1, { ttl: ttlMs });
      if (typeof count !== 'number') throw new Error(`The cache gave ${kindOf(count)} in place of a count.`);
      return count === 1;
    },
  };
}
