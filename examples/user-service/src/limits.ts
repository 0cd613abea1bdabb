import { repositoryThrottleStore } from '@ent/auth/stores';
import type { Cache } from '@ent/cache';
import { type Database, defineEntity } from '@ent/database';
import type { RateLimiterOptions } from '@ent/middleware';
import {
  type MemcachedClient,
  memcachedRateLimitStore,
  type RedisScripts,
  redisRateLimitStore,
} from '@ent/middleware/stores';

/** How login attempts are stored: keys are hashed. */
const loginAttempts = defineEntity({
  name: 'login_attempts',
  fields: { id: 'string', arrival: 'string', expiresAt: 'date' },
});

/** Where guesses of passwords and codes are counted: beside the users, so that no outage of the cache forgets them. */
export const attemptsIn = (db: Database) => repositoryThrottleStore(db.repo(loginAttempts));

/**
 * Where calls are counted: in the cache that all instances share, else in this process. While that cache is away each
 * instance counts for itself.
 */
export function limitsIn({ driver }: Cache, prefix: string): Pick<RateLimiterOptions, 'store'> {
  if (driver.name === 'redis') return { store: redisRateLimitStore(driver.client as RedisScripts, { prefix }) };
  if (driver.name === 'memcached') {
    const [first] = driver.client as [MemcachedClient];
    return { store: memcachedRateLimitStore(first, { prefix }) };
  }
  return {};
}
