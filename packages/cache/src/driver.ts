/**
 * The contract between the portable cache and a backend. Types only.
 *
 * The core has already done: validation of keys, TTLs and sizes, key encoding, serialisation, TTL arithmetic, deadlines
 * and the circuit breaker, single flight, leases, tags, telemetry, and it wraps errors. A driver translates. It throws
 * native errors as they come and classifies them when asked.
 */

/**
 * What a driver can do, as data. Types, the check before each operation, the
 * conformance suite and the README read this object.
 */
export interface CacheFeatures {
  /**
   * What it keeps. `bytes`: the backend keeps bytes, so every stored value is a `Uint8Array` that the core encoded.
   * `values`: the backend keeps {@link StoredRecord} objects of this process by reference. `serialized`: the same, but
   * each {@link StoredRecord.value} is a `Uint8Array` that the core made.
   */
  readonly stores: 'bytes' | 'values' | 'serialized';
  /** The backend's step for expiry, in milliseconds. Above 1 the core enforces the milliseconds itself. */
  readonly ttlResolutionMs: number;
  /** The longest value in bytes, as encoded, or null for no limit. Longer ones are refused before any I/O. */
  readonly maxValueBytes: number | null;
  /**
   * Writes under a condition, atomically: for `when`, `compareAndSet`, `touch`, counters and tags. See
   * {@link DriverWrite.when}; without it there are no leases either.
   */
  readonly conditional: boolean;
  /** Lists the keys with a prefix: for `keys`, and `clear` by scan. See {@link CacheDriver.scan}. */
  readonly enumerate: boolean;
  /** Other processes see the data. So one load in the whole cluster makes sense. */
  readonly shared: boolean;
  /**
   * Whether single reads of the same tick are joined into one `get` for each {@link CacheDriver.shardOf}. Not where one
   * call can span servers that the driver cannot tell apart: a dead one would fail the reads of all.
   *
   * @hidden How reads are sent, and not what they answer.
   */
  readonly joinsReads: boolean;
  /** Tells when keys that it has read are changed by anyone, as a `local` tier needs. See {@link CacheDriver.track}. */
  readonly tracks: boolean;
}

/** What a driver that keeps no bytes keeps. The driver may replace `value` by a copy; the rest is the core's. */
export interface StoredRecord {
  value: unknown;
  /** Epoch milliseconds after which nobody may see the record, `Infinity` for never. */
  expiresAt: number;
  /** Epoch milliseconds until which the value is fresh; later, up to `expiresAt`, it is stale. */
  freshUntil: number;
  /** Differs between any two writes. */
  stamp: string;
  /** Tag names with the version each had when the value was made. */
  tags: readonly TagVersion[] | undefined;
  /** Who is loading a new value, and until when (epoch milliseconds). */
  lease: { readonly token: string; readonly until: number } | undefined;
  /** False for a record that only holds a lease. */
  hasValue: boolean;
}

/** A tag and its version. */
export type TagVersion = readonly [tag: string, version: string];

/** Passed with each call: until when the caller waits. Work in several steps stops there too. */
export interface DriverCall {
  /**
   * By `performance.now()`, so that a step of the wall clock moves nothing. `Infinity` for a backend in this process.
   */
  readonly deadlineAt: number;
  /**
   * Aborts at the deadline. It is made when it is asked for; a driver that
   * gets by with `deadlineAt` does not pay for it.
   */
  readonly signal: AbortSignal;
}

/** One key's answer. */
export interface DriverEntry {
  /** As it was written: a `Uint8Array` or a {@link StoredRecord}, see {@link CacheFeatures.stores}. */
  readonly value: Uint8Array | StoredRecord;
  /** Changes with every write of the key. Only asked for by {@link DriverReadOptions.versions}. */
  readonly version?: string;
}

/** Options of {@link CacheDriver.get}. */
export interface DriverReadOptions {
  /** Whether {@link DriverEntry.version} is needed. */
  readonly versions?: boolean;
}

/** One write of a batch. */
export interface DriverWrite {
  readonly key: string;
  readonly value: Uint8Array | StoredRecord;
  /** Epoch milliseconds, or null for never. Absolute, so that time spent in queues is not added. */
  readonly expiresAt: number | null;
  /** Writes only if the key is absent, present, or still has the version that was read. */
  readonly when?: 'absent' | 'present' | { readonly version: string };
}

/** A counter after an {@link CacheDriver.increment}. */
export interface DriverCount {
  readonly count: number;
  /** Milliseconds until it expires, or null for never. */
  readonly ttlMs: number | null;
}

/**
 * What a driver says about an error it threw. `unavailable`: nobody answered, or somebody who cannot serve; it counts
 * against the circuit breaker. `unwritable`: it answers, but takes no writes for now (full, a replica); an outage for
 * writes, and its message, which must be free of keys and values, stands in that of the core.
 */
export type DriverFailure = 'unavailable' | 'unwritable' | 'too_large' | 'other';

/** Told of changes by {@link CacheDriver.track}: keys that may be others now, or null when that is true of any key. */
export type ChangeListener = (keys: readonly string[] | null) => void;

/** A backend. Batches answer in the order of what was asked, one entry each; empty batches never arrive. */
export interface CacheDriver<Client = unknown> {
  /** As in `redis`; stands in errors and telemetry. */
  readonly name: string;
  readonly features: CacheFeatures;
  /** The native client, for what the portable API does not have. */
  readonly client: Client;

  /** Idempotent. Operations work without it, by connecting on their own. */
  connect(call: DriverCall): Promise<void>;
  /**
   * Fails when the backend does not answer.
   *
   * @param key one that nobody writes, for a backend that is best asked for one: it lies where the cache's keys lie,
   *   and others may be forbidden
   */
  ping(call: DriverCall, key: string): Promise<void>;
  /** Idempotent. Closes only what the driver itself has opened. */
  close(): Promise<void>;
  /** What an error means that a call has thrown. */
  classify(error: unknown): DriverFailure;

  /** A key may come twice in a batch. Never answers an entry that is expired by more than the driver's resolution. */
  get(keys: readonly string[], call: DriverCall, options?: DriverReadOptions): Promise<(DriverEntry | undefined)[]>;
  /**
   * Answers whether each write happened. An unconditional one always does,
   * or the call fails. The keys of a batch differ.
   */
  set(writes: readonly DriverWrite[], call: DriverCall): Promise<boolean[]>;
  /** Answers whether each key was there. The keys of a batch differ. */
  delete(keys: readonly string[], call: DriverCall): Promise<boolean[]>;

  /**
   * The number of the server that a key belongs to. Each has a circuit breaker of its own, and calls for several keys
   * come for those of one server at a time. Without it all keys are on one.
   */
  shardOf?(key: string): number;
  /** Keys that start with the prefix, in pages. A key may come twice, and one written meanwhile may be missing. */
  scan?(prefix: string, call: DriverCall): AsyncIterable<readonly string[]>;
  /**
   * Begins to tell of changes; called before anything else, and once. From then on, whatever `get` without versions has
   * answered for a key is followed by a call of the listener when the key is changed, by anyone, or expires; when it
   * can no longer be told whether it was, with null. The promise of `get` may settle after that call. It comes before
   * the answer to any call that was made after the change and concerns the key: a read, a write, a scan.
   *
   * Answers a function that resolves when all connections that changes come by have answered, and so have
   * told all that was changed before it was called. The key is as for {@link CacheDriver.ping}.
   */
  track?(listener: ChangeListener): (call: DriverCall, key: string) => Promise<void>;
  /**
   * Answers what a key held, and deletes it in the same step: of several callers, one is answered. Optional: the core
   * writes an expired record by the version that it has read without it.
   */
  take?(key: string, call: DriverCall): Promise<DriverEntry | undefined>;
  /**
   * Adds to a counter, atomically, keeping its expiry; an absent key starts as `initial + by` with the given expiry. A
   * counter is stored as decimal digits, behind which `suffix` may stand: a driver whose versions are made of the bytes
   * stores it, and a new one with each change, since a counter comes back to what it was. One that others have stored
   * as bare digits stays so. Answers undefined for a value that is no counter: the core then finds out what it is.
   * Optional: the core counts by conditional writes without it. Integers beyond 2^53 - 1 are never stored: answer
   * `overflow`.
   */
  increment?(
    key: string,
    by: number,
    start: { readonly initial: number; readonly expiresAt: number | null; readonly suffix: string },
    call: DriverCall,
  ): Promise<DriverCount | undefined | 'overflow'>;
  /** When a counter expires, as the core cannot see it inside the bytes. Null for never, undefined for no such key. */
  expiry?(key: string, call: DriverCall): Promise<number | null | undefined>;
  /**
   * {@link get} for one key at once, for drivers whose data lives in this process and who keep values. Their `set` and
   * `delete` have happened by the time they return their promise.
   */
  peek?(key: string): StoredRecord | undefined;
  /** {@link set} for one write at once, which throws what `set` rejects with. Where there is {@link peek}. */
  put?(write: DriverWrite): boolean;
  /** Drops all keys at once. Where there is {@link peek}. */
  drop?(): void;
  /** A copy of a value such as two callers of this driver's `get` would receive. Only for `stores: 'values'`. */
  copy?(value: unknown): unknown;
}
