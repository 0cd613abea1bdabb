import { cacheChannels, type CacheGetEvent } from './channels.ts';
import type { CacheDriver, StoredRecord } from './driver.ts';
import { Core } from './internal/core.ts';
import type { KeySpace } from './internal/keys.ts';
import { planLoad, planTtl } from './internal/plan.ts';
import { draft } from './internal/record.ts';
import { fits } from './internal/schema.ts';
import { isFresh } from './internal/store.ts';
import { expiryOf } from './internal/ttl.ts';
import type {
  CacheEntry,
  CacheOptions,
  Factory,
  LoadOptions,
  ReadOptions,
  SetOptions,
  WriteOptions,
} from './options.ts';

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
 * @throws `cache.invalid_options`, `cache.invalid_ttl`
 */
export function createCache<D extends CacheDriver>(options: CacheOptions<D>): Cache<D> {
  const core = new Core(options);
  return new Cache<D>(core, core.root);
}

/**
 * A cache: the same on every backend. Made by {@link createCache} or `openCache`.
 *
 * Keys are non-empty well-formed strings; anything else is `cache.invalid_key`. A backend that fails is `cache.unavailable`,
 * `cache.timeout` or `cache.circuit_open`, unless `onError: 'miss'`.
 */
export class Cache<D extends CacheDriver = CacheDriver> {
  readonly #core: Core<D>;
  readonly #keys: KeySpace;
  readonly #peek: ((key: string) => StoredRecord | undefined) | undefined;

  /** @internal Use {@link createCache}. */
  constructor(core: Core<D>, keys: KeySpace) {
    this.#core = core;
    this.#keys = keys;
    this.#peek = core.driver.peek?.bind(core.driver);
  }

  /** The driver; its `client` is the native client. */
  get driver(): D {
    return this.#core.driver;
  }

  /**
   * A cache of its own inside this one: same backend and settings, other keys. Names may hold anything; two different paths of
   * names never meet.
   */
  namespace(name: string): Cache<D> {
    return new Cache(this.#core, this.#keys.child(name));
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

  /** The value, or undefined for a miss. Where undefined may be stored, {@link entry} and {@link getMany} tell the two apart. */
  async get<T = unknown>(key: string, options?: ReadOptions<T>): Promise<T | undefined> {
    const reading = this.#read(this.#keys.encode(key));
    const record = reading instanceof Promise ? await reading : reading; // an await costs as much as a hit in memory
    if (record === undefined) return undefined;
    if (options?.schema === undefined) return record.value as T;
    return (await fits(options.schema, record.value))?.value;
  }

  /** The value with its expiry, or undefined for a miss. */
  async entry<T = unknown>(key: string, options?: ReadOptions<T>): Promise<CacheEntry<T> | undefined> {
    const record = await this.#read(this.#keys.encode(key));
    if (record === undefined) return undefined;
    const { freshUntil } = record;
    const expiresAt = freshUntil === Number.POSITIVE_INFINITY ? null : freshUntil;
    if (options?.schema === undefined) return { value: record.value as T, expiresAt };
    const fit = await fits(options.schema, record.value);
    return fit && { value: fit.value, expiresAt };
  }

  /** Whether the key has a value. It may be gone by the time you act on it. */
  async has(key: string): Promise<boolean> {
    return (await this.#read(this.#keys.encode(key))) !== undefined;
  }

  /** The values that are there, by key, in one round trip. A miss has no key in the map. */
  async getMany<T = unknown>(keys: Iterable<string>, options?: ReadOptions<T>): Promise<Map<string, T>> {
    const asked = [...new Set(keys)];
    const records = await this.#readMany(asked.map((key) => this.#keys.encode(key)));
    const found = new Map<string, T>();
    for (const [i, key] of asked.entries()) {
      const record = records[i];
      if (record === undefined) continue;
      const fit =
        options?.schema === undefined ? { value: record.value as T } : await fits(options.schema, record.value);
      if (fit) found.set(key, fit.value);
    }
    return found;
  }

  /**
   * Stores a value, also null and undefined. Answers whether it was stored: false only when `when` said no, or when the backend
   * is out and `onError` is `miss`.
   *
   * @throws `cache.invalid_ttl`; `cache.not_serializable`; `cache.value_too_large`
   */
  async set(key: string, value: unknown, options: SetOptions = {}): Promise<boolean> {
    const physical = this.#keys.encode(key);
    const { when } = options;
    if (when !== undefined) this.#core.requires('conditional', `set with when: '${when}'`);
    const record = draft(value, expiryOf(planTtl(options, this.#core.ttlMs), Date.now()));
    return this.#core.traced(cacheChannels.set, 1, async () => {
      await this.#core.loader.cancel(physical);
      const [written] = await this.#core.store.fill([{ key: physical, record, ...(when && { when }) }]);
      return written === true;
    });
  }

  /** Stores several values under one TTL, in one round trip. The last of equal keys counts. Errors as {@link set}. */
  async setMany(entries: Iterable<readonly [key: string, value: unknown]>, options: WriteOptions = {}): Promise<void> {
    const expiresAt = expiryOf(planTtl(options, this.#core.ttlMs), Date.now());
    const records = new Map([...entries].map(([key, value]) => [this.#keys.encode(key), draft(value, expiresAt)]));
    if (records.size === 0) return;
    await this.#core.traced(cacheChannels.set, records.size, async () => {
      await Promise.all([...records.keys()].map((physical) => this.#core.loader.cancel(physical)));
      await this.#core.store.fill([...records].map(([physical, record]) => ({ key: physical, record })));
    });
  }

  /**
   * Removes a key; answers whether it was there. Once it resolves, no `getOrSet` whose factory began earlier stores its value.
   * An outage rejects, also with `onError: 'miss'`: who deletes has changed something.
   */
  async delete(key: string): Promise<boolean> {
    return (await this.deleteMany([key])) === 1;
  }

  /** Removes several keys in one round trip; answers how many were there. As {@link delete}. */
  async deleteMany(keys: Iterable<string>): Promise<number> {
    const physical = [...new Set(keys)].map((key) => this.#keys.encode(key));
    if (physical.length === 0) return 0;
    return this.#core.traced(cacheChannels.delete, physical.length, async () => {
      await Promise.all(physical.map((key) => this.#core.loader.cancel(key)));
      const removed = await this.#core.store.remove(physical);
      return removed.filter(Boolean).length;
    });
  }

  /**
   * The stored value; else what the factory makes, which is stored. Concurrent callers of one key share one run of the factory.
   * An error of the factory reaches all of them, and is not stored; with `grace`, a stale value is answered instead.
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
  async getOrSet<T>(key: string, factory: Factory<T>, options: LoadOptions<T> = {}): Promise<T> {
    const physical = this.#keys.encode(key);
    const reading = this.#record(physical);
    const record = reading instanceof Promise ? await reading : reading;
    if (record !== undefined && isFresh(record)) {
      if (options.schema === undefined) return record.value as T;
      const fit = await fits(options.schema, record.value);
      if (fit) return fit.value;
    }
    const plan = planLoad(options, this.#core.ttlMs);
    const stale = record?.hasValue === true && plan.graceMs > 0 && !isFresh(record) ? record : undefined;
    return this.#core.loader.load<T>({ physical, key, factory, plan, stale }, options.signal);
  }

  /** What readers may see of a key. */
  #read(physical: string): Promise<StoredRecord | undefined> | StoredRecord | undefined {
    if (this.#peek !== undefined && !cacheChannels.get.hasSubscribers) {
      this.#core.assertOpen('get');
      const record = this.#peek(physical);
      return record !== undefined && isFresh(record) ? record : undefined;
    }
    return this.#readRemote(physical);
  }

  async #readRemote(physical: string): Promise<StoredRecord | undefined> {
    const record = await this.#record(physical);
    return record !== undefined && isFresh(record) ? record : undefined;
  }

  /** All that is stored under a key, fresh or stale. */
  #record(physical: string): Promise<StoredRecord | undefined> | StoredRecord | undefined {
    if (cacheChannels.get.hasSubscribers) {
      const event: CacheGetEvent = { driver: this.#core.driver.name, keys: 1 };
      return cacheChannels.get.tracePromise(async () => {
        const record = await this.#core.store.readOne(physical);
        event.hits = record !== undefined && isFresh(record) ? 1 : 0;
        return record;
      }, event);
    }
    if (this.#peek === undefined) return this.#core.store.readOne(physical);
    this.#core.assertOpen('get');
    return this.#peek(physical);
  }

  async #readMany(physical: readonly string[]): Promise<(StoredRecord | undefined)[]> {
    if (physical.length === 0) return [];
    const visible = async (): Promise<(StoredRecord | undefined)[]> => {
      const records = await this.#core.store.read(physical);
      return records.map((record) => (record !== undefined && isFresh(record) ? record : undefined));
    };
    if (!cacheChannels.get.hasSubscribers) return visible();
    const event: CacheGetEvent = { driver: this.#core.driver.name, keys: physical.length };
    return cacheChannels.get.tracePromise(async () => {
      const records = await visible();
      event.hits = records.filter((record) => record !== undefined).length;
      return records;
    }, event);
  }
}
