import type { Cache } from '@ent/cache';
import type { User } from './user.ts';

// Long enough to take the load off the database, short enough that an
// invalidation that is lost after all heals by itself.
const TTL_MS = 60_000;

/** A change that the cache has perhaps not been told of. */
interface Doubt {
  /** Of `performance.now()`. */
  readonly since: number;
}

/**
 * Reads users through the cache.
 *
 * A change does not fail with a cache that is away. But what the cache kept is old when it comes
 * back: until it has taken the invalidation, this instance asks the database for that user, and
 * `settle` goes on telling the cache, for the others.
 */
export function createCachedUsers(cache: Cache, load: (id: string) => Promise<User>) {
  const doubts = new Map<string, Doubt>();
  const keyOf = (id: string): string => `user:${id}`;

  const invalidate = async (id: string, doubt: Doubt): Promise<void> => {
    await cache.delete(keyOf(id));
    // A change that came in between has a doubt of its own.
    if (doubts.get(id) === doubt) doubts.delete(id);
  };

  const get = (id: string): Promise<User> =>
    doubts.has(id) ? load(id) : cache.getOrSet(keyOf(id), () => load(id), { ttl: TTL_MS });

  /** For after each change of a user. Never fails. */
  const changed = async (id: string): Promise<void> => {
    const doubt = { since: performance.now() };
    doubts.set(id, doubt);
    // The change has happened, whatever the cache says.
    await invalidate(id, doubt).catch(() => {});
  };

  /** Tells the cache what it has not been told yet, and fails when it still cannot. */
  const settle = async (): Promise<void> => {
    for (const [id, doubt] of doubts) {
      // What was cached before the change has expired by then: nothing grows without end in a long outage.
      if (performance.now() - doubt.since > 2 * TTL_MS) doubts.delete(id);
      else await invalidate(id, doubt);
    }
  };

  return { get, changed, settle };
}
