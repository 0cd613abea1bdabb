import { channels } from './channels.ts';
import type { CacheDriver } from './driver.ts';
import { cacheErrors } from './errors.ts';
import { assertKnown } from './internal/checks.ts';
import { clear, listKeys } from './internal/clear.ts';
import { Core } from './internal/core.ts';
import { expiryOfRecord, increment } from './internal/counters.ts';
import { type KeySpace, several } from './internal/keys.ts';
import { getOrSetMany } from './internal/loads/get-or-set-many.ts';
import { getOrSet, NO_OPTIONS, takesAnyHit } from './internal/loads/get-or-set.ts';
import { planTtl } from './internal/loads/plan.ts';
import { type CacheWithParts, PARTS } from './internal/parts.ts';
import { isHit, View } from './internal/records/view.ts';
import { NO_OPTIONS as NO_WRITE_OPTIONS, Writes } from './internal/records/writes.ts';
import { fits } from './internal/schema.ts';
import type {
  CacheEntry,
  CacheOptions,
  Count,
  CounterOptions,
  EntryOptions,
  Factory,
  FactoryMany,
  LoadManyOptions,
  LoadOptions,
  ReadOptions,
  SetOptions,
  Ttl,
  WriteOptions,
} from './options.ts';

const READ_OPTIONS = { schema: true } as const;
const COUNTER_OPTIONS = { ttl: true, initial: true } as const;

/**
 * Makes a cache over a driver.
 *
 * @example
 * ```ts
 * import { createCache } from '@ent/cache';
 * import { memory } from '@ent/cache/memory';
 *
 * const cache = createCache({ driver: memory(), ttl: '5m' });
 * const user = await cache.getOrSet('user:1', async () => ({ name: 'Ada' }));
 * console.log(user.name);
 * await cache.close();
 * ```
 * @throws `cache.invalid_options`, `cache.invalid_ttl`; `cache.unsupported` when
 *   the driver cannot do what the options ask for
 */
export function createCache<D extends CacheDriver>(options: CacheOptions<D>): Cache<D> {
  const core = new Core(options);
  return new Cache<D>(core, core.root);
}

/**
 * A cache: the same on every backend. Made by {@link createCache} or `openCache`.
 *
 * Keys are non-empty well-formed strings; anything else is `cache.invalid_key`. A backend that fails is
 * `cache.unavailable`, `cache.timeout` or `cache.circuit_open`, unless `onError: 'miss'`.
 */
export class Cache<D extends CacheDriver = CacheDriver> implements CacheWithParts {
  readonly #core: Core<D>;
  readonly #keys: KeySpace;
  readonly #view: View;
  readonly #writes: Writes;

  /** @internal Use {@link createCache}. */
  constructor(core: Core<D>, keys: KeySpace) {
    this.#core = core;
    this.#keys = keys;
    this.#view = new View(core, keys);
    this.#writes = new Writes(core, this.#view);
  }

  /** @internal What the extras of a driver are built on. */
  get [PARTS](): CacheWithParts[typeof PARTS] {
    return { core: this.#core, keys: this.#keys };
  }

  /** The driver; its `client` is the native client. */
  get driver(): D {
    return this.#core.driver;
  }

  /**
   * A cache of its own inside this one: same backend and settings, other keys. Names may hold
   * anything; two different paths of names never meet.
   */
  namespace(name: string): Cache<D> {
    return new Cache(this.#core, this.#keys.child(name));
  }

  /**
   * A key as the backend has it, under the prefix and the namespace: for what is done with {@link driver}`.client`.
   * A driver may shorten a long one, as that of Memcached does.
   *
   * @throws `cache.invalid_key`
   */
  backendKey(key: string): string {
    return this.#keys.encode(key);
  }

  /** Connects, so that a wrong address shows now and not at the first read. Optional and idempotent. */
  connect(): Promise<void> {
    return this.#core.connect();
  }

  /** Fails when the backend does not answer. For health checks. */
  ping(): Promise<void> {
    return this.#core.ping();
  }

  /** Ends the cache and all its namespaces. A client that you handed to the driver stays open. Idempotent. */
  close(): Promise<void> {
    return this.#core.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * The value, or undefined for a miss. Where undefined may be stored,
   * {@link entry} and {@link getMany} tell the two apart.
   */
  async get<T = unknown>(key: string, options?: ReadOptions<T>): Promise<T | undefined> {
    const here = options === undefined && this.#view.isNear ? this.#view.atHand(key) : undefined;
    if (here !== undefined) return here.value as T;
    if (options !== undefined) assertKnown(options, READ_OPTIONS, 'get');
    const record = await this.#view.read(key);
    if (record === undefined) return undefined;
    if (options?.schema === undefined) return record.value as T;
    return (await fits(options.schema, record.value))?.value;
  }

  /** The value with its version and expiry, or undefined for a miss. */
  async entry<T = unknown>(key: string, options?: ReadOptions<T>): Promise<CacheEntry<T> | undefined> {
    if (options !== undefined) assertKnown(options, READ_OPTIONS, 'entry');
    const found = await this.#view.findVersioned(key);
    if (!isHit(found)) return undefined;
    const { record, version } = found;
    const fit = await fits(options?.schema, record.value);
    if (fit === undefined) return undefined;
    return { value: fit.value, version, expiresAt: await expiryOfRecord(this.#core, this.#keys.encode(key), record) };
  }

  /** Whether the key has a value. It may be gone by the time you act on it. */
  async has(key: string): Promise<boolean> {
    return (await this.#view.read(key)) !== undefined;
  }

  /** The values that are there, by key, in one round trip. A miss has no key in the map. */
  async getMany<T = unknown>(keys: Iterable<string>, options?: ReadOptions<T>): Promise<Map<string, T>> {
    if (options !== undefined) assertKnown(options, READ_OPTIONS, 'getMany');
    const asked = several(keys);
    const records = await this.#view.readMany(asked);
    const values = new Map<string, T>();
    for (let i = 0; i < asked.length; i++) {
      const record = records[i];
      if (record === undefined) continue;
      if (options?.schema === undefined) {
        values.set(asked[i]!, record.value as T);
      } else {
        const fit = await fits(options.schema, record.value);
        if (fit) values.set(asked[i]!, fit.value);
      }
    }
    return values;
  }

  /**
   * Stores a value, also null and undefined. Answers whether it was stored: false only when `when` said no, or
   * when the backend is out and `onError` is `miss`.
   *
   * @throws `cache.invalid_ttl`; `cache.not_serializable`; `cache.value_too_large`; `cache.unsupported`
   */
  async set(key: string, value: unknown, options: SetOptions = NO_WRITE_OPTIONS): Promise<boolean> {
    return this.#writes.set(key, value, options);
  }

  /**
   * Stores several values in one round trip, under one TTL where an entry names none of its own. The last of equal keys
   * counts.
   *
   * @example
   * ```ts
   * import { createCache } from '@ent/cache';
   * import { memory } from '@ent/cache/memory';
   *
   * const cache = createCache({ driver: memory() });
   * await cache.setMany([['a', 1], ['b', 2, { ttl: '1s' }]], { ttl: '1h' });
   * ```
   * @throws errors as {@link set}
   */
  async setMany(
    entries: Iterable<readonly [key: string, value: unknown, options?: EntryOptions | undefined]>,
    options: WriteOptions = {},
  ): Promise<void> {
    await this.#writes.setMany(entries, options);
  }

  /**
   * Stores a value if the key still has the version that {@link entry} told; answers whether it did.
   *
   * @throws errors as {@link set}; an outage rejects, also with `onError: 'miss'`
   */
  async compareAndSet(key: string, version: string, value: unknown, options: WriteOptions = {}): Promise<boolean> {
    return this.#writes.compareAndSet(key, version, value, options);
  }

  /**
   * Removes a key; answers whether something was there. Once it resolves, no `getOrSet` whose
   * factory began earlier stores its value, in any process. An outage rejects, also with
   * `onError: 'miss'`: who deletes has changed something.
   */
  async delete(key: string): Promise<boolean> {
    return (await this.#remove([key]))[0]!;
  }

  /** Removes several keys in one round trip; answers those that were there. As {@link delete}. */
  async deleteMany(keys: Iterable<string>): Promise<Set<string>> {
    const asked = [...new Set(several(keys))];
    if (asked.length === 0) return new Set();
    const removed = await this.#remove(asked);
    return new Set(asked.filter((_, i) => removed[i]));
  }

  async #remove(keys: readonly string[]): Promise<boolean[]> {
    const physical = keys.map((key) => this.#keys.encode(key));
    const { loader, store } = this.#core;
    return this.#core.traced(channels.delete, physical.length, () => {
      return loader.changes.run(physical, () => store.remove(physical));
    });
  }

  /**
   * The value, which is removed in the same step: of several callers, in all processes, one gets it. A value that does
   * not fit the schema is removed too. Undefined for a miss. As {@link delete}.
   *
   * @throws `cache.unsupported`
   */
  async getAndDelete<T = unknown>(key: string, options?: ReadOptions<T>): Promise<T | undefined> {
    if (options !== undefined) assertKnown(options, READ_OPTIONS, 'getAndDelete');
    const record = await this.#writes.take(key);
    return record && (await fits(options?.schema, record.value))?.value;
  }

  /**
   * Adds to a counter, atomically over all processes, and answers the sum. An absent counter is created, with a TTL
   * that later calls do not extend. Any stored safe integer counts.
   *
   * @throws `cache.not_a_counter` for another value, or a sum beyond 2^53 - 1;
   *   `cache.unsupported`; an outage rejects in any case
   */
  async increment(key: string, by = 1, options: CounterOptions = {}): Promise<number> {
    return (await this.incrementWithTtl(key, by, options)).count;
  }

  /** {@link increment}, which also answers what is left of the TTL, from the same step: when a limit is over. */
  async incrementWithTtl(key: string, by = 1, options: CounterOptions = {}): Promise<Count> {
    const physical = this.#keys.encode(key);
    this.#core.requires('conditional', 'increment');
    assertKnown(options, COUNTER_OPTIONS, 'increment');
    const { initial = 0 } = options;
    if (!Number.isSafeInteger(by) || !Number.isSafeInteger(initial)) {
      throw cacheErrors.invalid_argument('increment takes safe integers.');
    }
    const addition = { key: physical, by, initial, ttlMs: planTtl(options, this.#core.ttlMs) };
    return this.#core.traced(channels.set, 1, async () => {
      return this.#core.loader.changes.run([physical], () => increment(this.#core, this.#view, addition), true);
    });
  }

  /** {@link increment} by `-by`. Goes below zero. */
  decrement(key: string, by = 1, options: CounterOptions = {}): Promise<number> {
    return this.increment(key, -by, options);
  }

  /**
   * Milliseconds that the value is still fresh, null for forever, undefined for a miss.
   *
   * @throws `cache.unsupported` for plain entries of Memcached
   */
  async ttl(key: string): Promise<number | null | undefined> {
    if (this.#core.hidesExpiry) {
      throw cacheErrors.unsupported(`${this.#core.driver.name} does not tell the TTL of plain entries.`);
    }
    const found = await this.entry(key);
    if (found === undefined || found.expiresAt === null) return found && null;
    return Math.max(0, found.expiresAt - Date.now());
  }

  /**
   * Gives a value a new TTL from now on, and leaves the value alone; answers whether it was there.
   *
   * @throws `cache.invalid_ttl`; `cache.unsupported`; an outage rejects in any case
   */
  async touch(key: string, ttl: Ttl): Promise<boolean> {
    return this.#writes.touch(key, ttl);
  }

  /**
   * The keys of this namespace, not of those below it; where the driver can list them. Keys that
   * are written or expire meanwhile may be missing or listed, a key may come twice, and keys whose
   * value is stale or being loaded are listed too.
   *
   * @throws `cache.unsupported`
   */
  keys(options: { readonly prefix?: string | undefined } = {}): AsyncIterable<string> {
    assertKnown(options, { prefix: true }, 'keys');
    this.#core.requires('enumerate', 'keys');
    return listKeys(this.#core, this.#view, options.prefix ?? '');
  }

  /**
   * Removes all keys of this namespace and of those below it, and nothing else; see the option `clear`. As
   * {@link delete}, loads that began earlier store nothing.
   *
   * @throws `cache.unsupported`; `cache.invalid_options` at the root of a shared backend when there is no `prefix`
   */
  clear(): Promise<void> {
    return this.#core.traced(channels.delete, 0, () => clear(this.#core, this.#keys, this.#view));
  }

  /**
   * Makes each entry of this namespace that has one of the tags a miss, also as a stale value, whatever its age and
   * without looking for them. Loads that began earlier store nothing that counts. An outage rejects in any case.
   *
   * @throws `cache.unsupported`
   */
  async invalidateTags(tags: readonly string[]): Promise<void> {
    this.#core.requiresTags();
    await this.#core.traced(channels.delete, 0, async () => {
      await this.#core.loader.changes.runWhere(
        (physical, versions) => this.#view.tags.concern(physical, versions, tags),
        (physical) => this.#keys.decode(physical) !== undefined,
        () => this.#view.tags.invalidate(tags),
      );
    });
  }

  /**
   * The stored value; else what the factory makes, which is stored. Concurrent callers of one key share one run of the
   * factory, in all processes that share the backend. An error of the factory reaches the callers of its process, and
   * is not stored; with `grace`, a stale value is answered instead.
   *
   * @example
   * ```ts
   * import { createCache } from '@ent/cache';
   * import { memory } from '@ent/cache/memory';
   *
   * const cache = createCache({ driver: memory() });
   * const rate = await cache.getOrSet('eur-usd', async () => 1.08, { ttl: '1m', grace: '1h' });
   * console.log(rate);
   * ```
   * @throws what the factory throws; `cache.load_timeout`; the `reason` of the signal; errors as {@link set}
   */
  async getOrSet<T>(key: string, factory: Factory<T>, options: LoadOptions<T> = NO_OPTIONS): Promise<T> {
    const record = takesAnyHit(options) ? this.#view.atHand(key) : undefined;
    if (record !== undefined) return record.value as T;
    return getOrSet({ core: this.#core, view: this.#view, options }, key, factory);
  }

  /**
   * {@link getOrSet} for several keys: one read for all, and one run of the factory for those that are missing and that
   * nobody else is loading. Keys that the factory leaves out are missing in the answer.
   */
  async getOrSetMany<T>(
    keys: Iterable<string>,
    factory: FactoryMany<T>,
    options: LoadManyOptions<T> = {},
  ): Promise<Map<string, T>> {
    return getOrSetMany({ core: this.#core, view: this.#view, options }, [...new Set(several(keys))], factory);
  }
}
