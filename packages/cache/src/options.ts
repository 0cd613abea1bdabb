import type { CacheDriver } from './driver.ts';

/**
 * Milliseconds, or a number with a unit: `"250ms"`, `"30s"`, `"5m"`,
 * `"2h"`, `"7d"`. Zero, negative and NaN are refused.
 */
export type Duration = number | string;

/** How long a value is fresh. `null` is forever. */
export type Ttl = Duration | null;

/**
 * Turns values into bytes for drivers that keep bytes. A serializer of `@ent/serialization` fits.
 *
 * `serialize` must keep the value or throw. When `deserialize` throws, the
 * entry is a miss: another deployment wrote it.
 */
export interface CacheSerializer {
  /** @param context the backend's key; a serializer that encrypts binds the bytes to it */
  serialize(value: unknown, context: string): Uint8Array;
  deserialize(bytes: Uint8Array, context: string): unknown;
  /**
   * Whether its bytes are the whole entry, without the header that other entries have: then any client of the backend
   * can read and write them, in any language. What needs the header is `cache.unsupported` (tags, `grace`,
   * `eagerRefresh`, `clear: 'generation'`, a local tier), each process makes a value for itself, and versions of equal
   * values in Redis are equal. {@link plainJson} is one. Default: false.
   */
  readonly plain?: boolean | undefined;
}

/** The part of Standard Schema 1 that is used: zod, valibot, arktype and others have it. https://standardschema.dev */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

/** What a Standard Schema validator answers. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly unknown[] };

/** The circuit breaker in front of each server of a backend that is shared with other processes. */
export interface BreakerOptions {
  /** Opens after so many calls in a row that timed out or found the server unreachable. Default: 3. */
  readonly failures?: number | undefined;
  /** How long calls are answered without trying, before one probe is let through. Default: `"2s"`. */
  readonly cooldown?: Duration | undefined;
}

/** Options of {@link createCache}. */
export interface CacheOptions<D extends CacheDriver = CacheDriver> {
  /**
   * Where the entries are kept: `memory()` and the like. A driver belongs to
   * one cache; share the cache, or its namespaces.
   */
  readonly driver: D;
  /**
   * A first tier in this process, such as `memory({ maxEntries: 10_000 })`, in front of a driver that tells when
   * another process changes a key (its `features.tracks`: redis with a client that it makes itself). Reads of what it
   * holds ask nobody. It holds what was read from the driver, until it is changed by anyone, and for as long as the
   * driver's connections are known to be alive: a process that lost its connection reads from the backend, and finds
   * the tier empty when it is back. A change shows here as soon as the backend's message arrives, in the worst case (a
   * connection that is dead without a sign) after two seconds. Default: none.
   */
  readonly local?: CacheDriver | undefined;
  /** Stands in front of every key, so that several applications can share a backend. Default: none. */
  readonly prefix?: string | undefined;
  /** The TTL of entries that name none. Default: null, forever. */
  readonly ttl?: Ttl | undefined;
  /**
   * How values become bytes, for drivers that keep bytes. Default: JSON that also keeps dates, bigints, bytes, maps,
   * sets, NaN and the infinities, and refuses what it cannot keep.
   */
  readonly serializer?: CacheSerializer | undefined;
  /**
   * The longest a call waits for the backend. Default: `"1s"`. Drivers
   * whose data lives in this process have no deadline.
   */
  readonly timeout?: Duration | undefined;
  /** Default: `{ failures: 3, cooldown: "2s" }`; false for none. Drivers whose data lives in this process have none. */
  readonly breaker?: BreakerOptions | false | undefined;
  /**
   * What to do when the backend fails or does not answer. `throw`: the call rejects. `miss`: reads answer as
   * if nothing was stored, and `set`, `setMany` and the writes of `getOrSet` are dropped, so that the
   * application runs on without a cache. Deletions, counters and compare-and-set reject either way, since
   * their callers rely on the effect. Default: `throw`.
   */
  readonly onError?: 'throw' | 'miss' | undefined;
  /**
   * How `clear` works. `scan` lists the keys of the namespace and deletes them; only where the driver can list.
   * `generation` takes one write however many keys there are, on every driver; each read then also reads one small key
   * for each level of the namespace, in the same round trip. All processes must agree. Default: `scan`.
   */
  readonly clear?: 'scan' | 'generation' | undefined;
  /**
   * How long the lease of a `getOrSet` lasts on a backend shared by several processes; the holder renews it while its
   * factory runs. When the holder dies, another process loads after this time. Default: `"5s"`.
   */
  readonly lease?: Duration | undefined;
}

/** Options of a read. */
export interface ReadOptions<T = unknown> {
  /** Checks the stored value; one that does not fit is a miss. The value that the schema answers is returned. */
  readonly schema?: StandardSchema<T> | undefined;
}

/** Options of a write. */
export interface WriteOptions {
  /** Default: the `ttl` of the cache. */
  readonly ttl?: Ttl | undefined;
  /** Names under which `invalidateTags` finds the entry, within its namespace. Default: none. */
  readonly tags?: readonly string[] | undefined;
}

/** Options of one entry of `setMany`. */
export interface EntryOptions {
  /** Default: that of the call. */
  readonly ttl?: Ttl | undefined;
}

/** Options of `set`. */
export interface SetOptions extends WriteOptions {
  /** Writes only if the key is `absent` or `present`. Default: always. */
  readonly when?: 'absent' | 'present' | undefined;
}

/** Options of `getOrSet`. */
export interface LoadOptions<T = unknown> extends ReadOptions<T>, WriteOptions {
  /**
   * Keeps a value for so long after its TTL, to answer with it when the factory fails or is
   * slow. Plain reads do not see it. Default: none.
   */
  readonly grace?: Duration | undefined;
  /**
   * Loads again in the background when a value is read after this fraction of its TTL (0 to 1), so that busy keys never
   * expire under their readers. Needs a finite `ttl`, and goes by it, not by `setTtl`. Default: off.
   */
  readonly eagerRefresh?: number | undefined;
  /**
   * Answers with a stale value when the factory takes longer; it goes on in the background, for as long as
   * {@link hardTimeout} says. 0 answers at once. Default: waits.
   */
  readonly softTimeout?: Duration | undefined;
  /**
   * Rejects with `cache.load_timeout` when the load takes longer and there is no stale value; for this caller, whoever
   * began the load. A load in the background, of {@link eagerRefresh} or {@link softTimeout}, ends after it. Default:
   * waits; a load in the background ends after a minute.
   */
  readonly hardTimeout?: Duration | undefined;
  /** The TTL of a value that is null or undefined. Default: as any other. */
  readonly negativeTtl?: Ttl | undefined;
  /**
   * Shortens each TTL by a random part of it, up to this fraction (0 to 1), so
   * that entries do not expire together. Default: 0.
   */
  readonly jitter?: number | undefined;
  /** Stops waiting. The factory goes on for the other callers; its own signal aborts when no caller is left. */
  readonly signal?: AbortSignal | undefined;
}

/** What a factory of `getOrSet` is given. */
export interface LoadContext<T = unknown> {
  readonly key: string;
  /** Aborts when no caller waits any more: all have left, by their signals or timeouts; or the cache was closed. */
  readonly signal: AbortSignal;
  /** The stale value, when there is one. */
  readonly stale: { readonly value: T } | undefined;
  /** Decides the TTL of this value, instead of the `ttl` option. */
  readonly setTtl: (ttl: Ttl) => void;
}

/** Makes the value that was missing. */
export type Factory<T> = (context: LoadContext<T>) => T | Promise<T>;

/** Options of `increment` and `decrement`. */
export interface CounterOptions {
  /** The TTL of a counter that this call creates; one that exists keeps its own. Default: the `ttl` of the cache. */
  readonly ttl?: Ttl | undefined;
  /** What an absent counter starts from. Default: 0. */
  readonly initial?: number | undefined;
}

/** What `incrementWithTtl` answers. */
export interface Count {
  /** The sum. */
  readonly count: number;
  /** Milliseconds until the counter expires, or null for forever. */
  readonly ttl: number | null;
}

/** Options of `getOrSetMany`. */
export type LoadManyOptions<T = unknown> = Omit<LoadOptions<T>, 'eagerRefresh' | 'softTimeout'>;

/** What a factory of `getOrSetMany` is given. */
export interface LoadManyContext {
  /** Aborts when no caller waits any more: all have left, by their signals or timeouts; or the cache was closed. */
  readonly signal: AbortSignal;
}

/** Makes the values that were missing. Keys that it leaves out are not stored, and missing in the answer. */
export type FactoryMany<T> = (
  keys: readonly string[],
  context: LoadManyContext,
) => ReadonlyMap<string, T> | Promise<ReadonlyMap<string, T>>;

/** An entry with what is known about it. */
export interface CacheEntry<T> {
  readonly value: T;
  /** Changes with every write of the key; for `compareAndSet`. Undefined where the driver cannot compare. */
  readonly version: string | undefined;
  /**
   * Epoch milliseconds until which the value is fresh, or null for forever; also null for a plain entry of Memcached,
   * which does not tell.
   */
  readonly expiresAt: number | null;
}
