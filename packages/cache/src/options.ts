import type { CacheDriver } from './driver.ts';

/** Milliseconds, or a number with a unit: `"250ms"`, `"30s"`, `"5m"`, `"2h"`, `"7d"`. Zero, negative and NaN are refused. */
export type Duration = number | string;

/** How long a value is fresh. `null` is forever. */
export type Ttl = Duration | null;

/**
 * Turns values into bytes for drivers that keep bytes. A serializer of `@ent/serialization` fits.
 *
 * `serialize` must keep the value or throw. When `deserialize` throws, the entry is a miss: another deployment wrote it.
 */
export interface CacheSerializer {
  /** @param context the backend's key; a serializer that encrypts binds the bytes to it */
  serialize(value: unknown, context: string): Uint8Array;
  deserialize(bytes: Uint8Array, context: string): unknown;
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

/** The circuit breaker in front of a backend that is shared with other processes. */
export interface BreakerOptions {
  /** Opens after so many calls in a row that timed out or found the backend unreachable. Default: 3. */
  readonly failures?: number;
  /** How long calls are answered without trying, before one probe is let through. Default: `"2s"`. */
  readonly cooldown?: Duration;
}

/** Options of {@link createCache}. */
export interface CacheOptions<D extends CacheDriver = CacheDriver> {
  /** Where the entries are kept: `memory()` and the like. A driver belongs to one cache; share the cache, or its namespaces. */
  readonly driver: D;
  /** Stands in front of every key, so that several applications can share a backend. Default: none. */
  readonly prefix?: string;
  /** The TTL of entries that name none. Default: null, forever. */
  readonly ttl?: Ttl;
  /** How values become bytes, for drivers that keep bytes. Default: JSON that refuses what it cannot keep. */
  readonly serializer?: CacheSerializer;
  /** The longest a call waits for the backend. Default: `"1s"`. Drivers whose data lives in this process have no deadline. */
  readonly timeout?: Duration;
  /** Default: `{ failures: 3, cooldown: "2s" }`; false for none. Drivers whose data lives in this process have none. */
  readonly breaker?: BreakerOptions | false;
  /**
   * What to do when the backend fails or does not answer. `throw`: the call rejects. `miss`: reads answer as if nothing was
   * stored, and `set`, `setMany` and the writes of `getOrSet` are dropped, so that the application runs on without a cache.
   * Deletions, counters and compare-and-set reject either way, since their callers rely on the effect. Default: `throw`.
   */
  readonly onError?: 'throw' | 'miss';
}

/** Options of a read. */
export interface ReadOptions<T = unknown> {
  /** Checks the stored value; one that does not fit is a miss. The value that the schema answers is returned. */
  readonly schema?: StandardSchema<T>;
}

/** Options of a write. */
export interface WriteOptions {
  /** Default: the `ttl` of the cache. */
  readonly ttl?: Ttl;
}

/** Options of `set`. */
export interface SetOptions extends WriteOptions {
  /** Writes only if the key is `absent` or `present`. Default: always. */
  readonly when?: 'absent' | 'present';
}

/** Options of `getOrSet`. */
export interface LoadOptions<T = unknown> extends ReadOptions<T>, WriteOptions {
  /**
   * Keeps a value for so long after its TTL, to answer with it when the factory fails or is slow. Plain reads do not see it.
   * Default: none.
   */
  readonly grace?: Duration;
  /** Answers with a stale value when the factory takes longer; it goes on in the background. 0 answers at once. Default: waits. */
  readonly softTimeout?: Duration;
  /** Rejects with `cache.load_timeout` when the factory takes longer and there is no stale value. Default: waits. */
  readonly hardTimeout?: Duration;
  /** The TTL of a value that is null or undefined. Default: as any other. */
  readonly negativeTtl?: Ttl;
  /** Shortens each TTL by a random part of it, up to this fraction (0 to 1), so that entries do not expire together. Default: 0. */
  readonly jitter?: number;
  /** Stops waiting. The factory goes on for the other callers; its own signal aborts when no caller is left. */
  readonly signal?: AbortSignal;
}

/** What a factory of `getOrSet` is given. */
export interface LoadContext<T = unknown> {
  readonly key: string;
  /** Aborts when no caller waits any more, or at the hard timeout. */
  readonly signal: AbortSignal;
  /** The stale value, when there is one. */
  readonly stale: { readonly value: T } | undefined;
  /** Decides the TTL of this value, instead of the `ttl` option. */
  readonly setTtl: (ttl: Ttl) => void;
}

/** Makes the value that was missing. */
export type Factory<T> = (context: LoadContext<T>) => T | Promise<T>;

/** An entry with what is known about it. */
export interface CacheEntry<T> {
  readonly value: T;
  /** Epoch milliseconds until which the value is fresh, or null for forever. */
  readonly expiresAt: number | null;
}
