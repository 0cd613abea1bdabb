import { Script } from '@ent/internal';
import { cacheErrors } from '../../errors.ts';
import { assertKnown } from '../../internal/checks.ts';
import type { Access } from './access.ts';
import { checkInteger, checkString, Structure, strings, sum } from './structure.ts';

/**
 * Adds to a field. ARGV: field, by. Answers the sum as text, or why not: node-redis rounds integer replies next to
 * 2^53, and sums are compared as doubles, exact up to there.
 */
const incrementField = new Script(`
local value = redis.call('HGET', KEYS[1], ARGV[1]) or '0'
if value ~= '0' and not string.match(value, '^%-?[1-9]%d*$') or #value > 17 then return 'other' end
local sum = tonumber(value) + tonumber(ARGV[2])
if sum > 9007199254740991 or sum < -9007199254740991 then return 'overflow' end
return string.format('%.0f', redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2]))`);

/**
 * A hash of Redis: values by field, under one key. Fields are strings of any content. Values go through the serializer
 * of the cache; a field whose bytes it cannot read counts as absent, as an entry of the cache does.
 *
 * @example
 * ```ts no-run
 * import { createCache } from '@ent/cache';
 * import { redis } from '@ent/cache/redis';
 * import { redisExtras } from '@ent/cache/redis-extras';
 *
 * const cache = createCache({ driver: redis({ url: 'redis://localhost:6379' }), prefix: 'app' });
 * const carts = redisExtras(cache).hash<{ items: number }>('carts');
 * await carts.set('ada', { items: 2 });
 * for await (const [user, cart] of carts.entries()) console.log(user, cart.items);
 * ```
 */
export class RedisHash<T = unknown> extends Structure {
  /** @internal Use `redisExtras(cache).hash(name)`. */
  constructor(access: Access, name: string) {
    super(access, 'hash', name);
  }

  /**
   * The value of a field, or undefined. Where undefined may be stored,
   * {@link has} and {@link getMany} tell the two apart.
   */
  async get(field: string): Promise<T | undefined> {
    return (await this.getMany([field])).get(field);
  }

  /** Whether a field is there, readable or not. */
  async has(field: string): Promise<boolean> {
    checkString(field, 'field');
    return this.run('has', async (redis) => (await redis.hExists(this.key, field)) === 1);
  }

  /** The values that are there, by field. */
  async getMany(fields: string | Iterable<string>): Promise<Map<string, T>> {
    const asked = [...new Set(strings(fields, 'field'))];
    const answers = await this.runMany('get', asked, (redis, some) => redis.hmGet(this.key, some));
    const found = new Map<string, T>();
    for (const [i, bytes] of answers.flat().entries()) this.#collect(found, asked[i]!, bytes);
    return found;
  }

  /** All fields in one answer. For those of a large hash one by one, see {@link entries}. */
  async getAll(): Promise<Map<string, T>> {
    const flat = await this.run('get', (redis) => redis.hGetAll(this.key));
    const found = new Map<string, T>();
    for (let i = 0; i < flat.length; i += 2) this.#collect(found, flat[i]!.toString(), flat[i + 1]!);
    return found;
  }

  /**
   * Stores the value of a field; with `when: 'absent'` only if the field is not there. Answers whether it was stored.
   *
   * @throws `cache.not_serializable`, `cache.value_too_large`
   */
  async set(field: string, value: T, options: { readonly when?: 'absent' | undefined } = {}): Promise<boolean> {
    assertKnown(options, { when: true }, 'hash.set');
    const { when } = options;
    checkString(field, 'field');
    const bytes = this.access.encode(value, this.key);
    return this.run('set', async (redis) => {
      if (when === 'absent') return (await redis.hSetNX(this.key, field, bytes)) === 1;
      await redis.hSet(this.key, field, bytes);
      return true;
    });
  }

  /** Stores several fields: 500 in one step, then the next. Errors as {@link set}, before anything is sent. */
  async setMany(entries: Iterable<readonly [field: string, value: T]>): Promise<void> {
    const encoded = [...new Map(entries)].map(([field, value]): [string, Buffer] => {
      return [checkString(field, 'field'), this.access.encode(value, this.key)];
    });
    await this.runMany('set', encoded, (redis, some) => redis.hSet(this.key, some.flat()));
  }

  /** Removes one field or several; answers how many were there. Without fields there is no hash. */
  async delete(fields: string | Iterable<string>): Promise<number> {
    const unwanted = strings(fields, 'field');
    return sum(await this.runMany('delete', unwanted, (redis, some) => redis.hDel(this.key, some)));
  }

  /**
   * Adds to the number in a field, which is 0 when it is absent, atomically; answers the sum.
   *
   * @throws `cache.not_a_counter` for another value, or a sum beyond 2^53 - 1; `cache.unsupported` where the serializer
   * of the cache does not write an integer as decimal digits, as the default does: only those can Redis add to
   */
  async increment(field: string, by = 1): Promise<number> {
    checkString(field, 'field');
    checkInteger(by, 'by');
    if (this.access.encode(-12, this.key).toString('latin1') !== '-12') {
      throw cacheErrors.unsupported(
        'hash.increment needs a serializer that writes integers as decimal digits, such as JSON.',
      );
    }
    const answer = await this.run('increment', (redis) => incrementField.run(redis, this.key, [field, String(by)]));
    const text = String(answer);
    if (text === 'other') throw cacheErrors.not_a_counter('The field holds something else than an integer.');
    if (text === 'overflow') throw cacheErrors.not_a_counter('The sum is beyond 2^53 - 1.');
    return Number(text);
  }

  /** How many fields there are, readable or not. */
  size(): Promise<number> {
    return this.run('size', (redis) => redis.hLen(this.key));
  }

  /**
   * The fields with their values, read bit by bit. Those that are there all the time come, one that is added or removed
   * meanwhile may come or not, and a field may come twice.
   */
  async *entries(): AsyncIterableIterator<[field: string, value: T]> {
    for await (const { entries } of this.scan((redis, cursor) => redis.hScan(this.key, cursor, { COUNT: 100 }))) {
      for (const { field, value } of entries) {
        const read = this.access.decode(value, this.key);
        if (read !== undefined) yield [field.toString(), read.value as T];
      }
    }
  }

  /** {@link entries} without their values; also fields whose value cannot be read. */
  async *keys(): AsyncIterableIterator<string> {
    for await (const { entries } of this.scan((redis, cursor) => redis.hScan(this.key, cursor, { COUNT: 100 }))) {
      for (const { field } of entries) yield field.toString();
    }
  }

  #collect(found: Map<string, T>, field: string, bytes: Buffer | null): void {
    const read = bytes === null ? undefined : this.access.decode(bytes, this.key);
    if (read !== undefined) found.set(field, read.value as T);
  }
}
