import { cacheErrors } from '../../errors.ts';
import type { Access } from './access.ts';
import { checkInteger, Structure } from './structure.ts';

/**
 * A list of Redis: values in an order, cheap at both ends. Values go through the serializer of the cache.
 *
 * There is no call that waits for an element (BLPOP and the like): it would hold up everything else on the connection.
 * For work that must not be lost use `@ent/messaging`: what was taken from a list is gone when its taker dies.
 *
 * @example
 * ```ts no-run
 * import { createCache } from '@ent/cache';
 * import { redis } from '@ent/cache/redis';
 * import { redisExtras } from '@ent/cache/redis-extras';
 *
 * const cache = createCache({ driver: redis({ url: 'redis://localhost:6379' }), prefix: 'app' });
 * const recent = redisExtras(cache).list<string>('recent');
 * await recent.unshift('newest');
 * await recent.trim(0, 99); // keeps the first hundred
 * console.log(await recent.range(0, 9));
 * ```
 */
export class RedisList<T = unknown> extends Structure {
  /** @internal Use `redisExtras(cache).list(name)`. */
  constructor(access: Access, name: string) {
    super(access, 'list', name);
  }

  /**
   * Appends values in one step; answers the new length.
   *
   * @throws `cache.not_serializable`, `cache.value_too_large`
   */
  async push(...values: T[]): Promise<number> {
    const encoded = values.map((value) => this.access.encode(value, this.key));
    return encoded.length === 0 ? this.size() : this.run('push', (redis) => redis.rPush(this.key, encoded));
  }

  /**
   * Puts values in front in one step, the first of them first, as `unshift` of an array does;
   * answers the new length. Errors as {@link push}.
   */
  async unshift(...values: T[]): Promise<number> {
    const encoded = values.map((value) => this.access.encode(value, this.key)).reverse();
    return encoded.length === 0 ? this.size() : this.run('unshift', (redis) => redis.lPush(this.key, encoded));
  }

  /**
   * Takes the last value; undefined from an empty list.
   *
   * @throws `cache.driver_failed` when the serializer cannot read it; it is taken
   *   all the same, and does not stand in the way
   */
  async pop(): Promise<T | undefined> {
    return this.#read(await this.run('pop', (redis) => redis.rPop(this.key)));
  }

  /** Takes the first value; undefined from an empty list. Errors as {@link pop}. */
  async shift(): Promise<T | undefined> {
    return this.#read(await this.run('shift', (redis) => redis.lPop(this.key)));
  }

  /**
   * The value at an index, from the end when it is negative; undefined where there is none.
   *
   * @throws `cache.driver_failed`
   */
  async at(index: number): Promise<T | undefined> {
    checkInteger(index, 'index');
    return this.#read(await this.run('at', (redis) => redis.lIndex(this.key, index)));
  }

  /**
   * The values from one index to another, both included, as in Redis; negative ones count from the end. Default: all.
   *
   * @throws `cache.driver_failed`
   */
  async range(start = 0, stop = -1): Promise<T[]> {
    checkInteger(start, 'start');
    checkInteger(stop, 'stop');
    const all = await this.run('range', (redis) => redis.lRange(this.key, start, stop));
    return all.map((bytes) => this.#read(bytes) as T);
  }

  /** Removes all but the values from one index to another, both included; negative ones count from the end. */
  async trim(start: number, stop: number): Promise<void> {
    checkInteger(start, 'start');
    checkInteger(stop, 'stop');
    await this.run('trim', (redis) => redis.lTrim(this.key, start, stop));
  }

  /** How many values there are. */
  size(): Promise<number> {
    return this.run('size', (redis) => redis.lLen(this.key));
  }

  #read(bytes: Buffer | null): T | undefined {
    if (bytes === null) return undefined;
    const read = this.access.decode(bytes, this.key);
    if (read === undefined)
      throw cacheErrors.driver_failed('A list holds bytes that the serializer cannot read; somebody else wrote them.');
    return read.value as T;
  }
}
