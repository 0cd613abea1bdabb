/**
 * What Redis has beyond a cache: hashes, lists, sets, sorted sets, topics and locks, for a cache over the redis driver.
 * They use the client, the serializer, the deadline and the circuit breaker of that cache, and keys of their own in its
 * namespace: they never meet its entries, and its `clear` leaves them alone.
 */
import type { CacheWithParts } from '../../internal/parts.ts';
import { Access } from './access.ts';
import { RedisHash } from './hash.ts';
import { RedisList } from './list.ts';
import { type LockOptions, RedisLock } from './lock.ts';
import { RedisSet } from './set.ts';
import { RedisSortedSet } from './sorted-set.ts';
import { Subscriber } from './subscriber.ts';
import { RedisTopic } from './topic.ts';

export type { HeldLock } from './held-lock.ts';
export type { RedisHash } from './hash.ts';
export type { RedisList } from './list.ts';
export type { LockOptions, RedisLock } from './lock.ts';
export type { RedisSet } from './set.ts';
export type {
  AddOptions,
  OrderOptions,
  RedisSortedSet,
  ScoredMember,
  ScoreRange,
  ScoreRangeOptions,
} from './sorted-set.ts';
export type { Structure } from './structure.ts';
export type { RedisTopic, SubscribeOptions, Subscription } from './topic.ts';

/**
 * The structures of Redis in the namespace of a cache. Made by
 * {@link redisExtras}. Names are non-empty strings of any content.
 */
export class RedisExtras {
  readonly #access: Access;
  readonly #subscriber: Subscriber;

  /** @internal Use {@link redisExtras}. */
  constructor(access: Access) {
    this.#access = access;
    this.#subscriber = new Subscriber(access);
  }

  /** Values by field. */
  hash<T = unknown>(name: string): RedisHash<T> {
    return new RedisHash<T>(this.#access, name);
  }

  /** Values in an order, with two ends. */
  list<T = unknown>(name: string): RedisList<T> {
    return new RedisList<T>(this.#access, name);
  }

  /** Different strings. */
  set(name: string): RedisSet {
    return new RedisSet(this.#access, name);
  }

  /** Different strings, ordered by a score each. */
  sortedSet(name: string): RedisSortedSet {
    return new RedisSortedSet(this.#access, name);
  }

  /** Messages to all who listen. The subscriptions of one `RedisExtras` share a connection. */
  topic<T = unknown>(name: string): RedisTopic<T> {
    return new RedisTopic<T>(this.#access, this.#subscriber, name);
  }

  /** One holder at a time among all processes. */
  lock(name: string, options: LockOptions = {}): RedisLock {
    return new RedisLock(this.#access, name, options);
  }
}

/**
 * The structures of Redis in the namespace of a cache over the redis driver.
 *
 * @example
 * ```ts no-run
 * import { createCache } from '@ent/cache';
 * import { redis } from '@ent/cache/redis';
 * import { redisExtras } from '@ent/cache/redis-extras';
 *
 * const cache = createCache({ driver: redis({ url: 'redis://localhost:6379' }), prefix: 'app' });
 * const scores = redisExtras(cache).sortedSet('scores');
 * await scores.add('ada', 42);
 * ```
 * @throws `cache.unsupported` for another driver
 */
export function redisExtras(cache: CacheWithParts): RedisExtras {
  return new RedisExtras(new Access(cache));
}
