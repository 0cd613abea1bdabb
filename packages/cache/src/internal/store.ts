import { EntError } from '@ent/errors';
import type { CacheDriver, CacheFeatures, DriverEntry, DriverWrite, StoredRecord } from '../driver.ts';
import { cacheErrors } from '../errors.ts';
import type { CacheSerializer } from '../options.ts';
import type { Remote } from '../remote.ts';
import type { Guard } from './guard.ts';
import type { JoinedReads } from './joined-reads.ts';
import { bare, newStamp, type RecordDraft } from './record.ts';
import { serialize } from './serialize.ts';
import type { Tier } from './tier.ts';
import { toContract } from './ttl.ts';

/** A record with the version that a conditional write needs. */
export interface Versioned {
  readonly record: StoredRecord;
  readonly version: string;
}

/** One record to write under the backend's key. */
export interface StoreWrite {
  readonly key: string;
  readonly record: RecordDraft;
  readonly when?: DriverWrite['when'];
}

/** Records in and out of a driver: encoding, expiry finer than the driver's, size limits. Knows only the backend's keys. */
export class Store {
  readonly driver: CacheDriver;
  readonly #guard: Guard;
  readonly #serializer: CacheSerializer;
  readonly #lenient: boolean;
  readonly #tier: Tier | undefined;
  readonly #joined: JoinedReads<StoredRecord | undefined> | undefined;
  readonly #stores: CacheFeatures['stores'];
  readonly #decodeRecords: Remote['decodeRecords'] | undefined;
  /** Whether the backend keeps an entry for longer than its expiry. */
  readonly #isCoarse: boolean;

  constructor(guard: Guard, serializer: CacheSerializer, lenient: boolean, tier?: Tier) {
    const { driver } = guard;
    const { stores, ttlResolutionMs, joinsReads } = driver.features;
    this.driver = driver;
    this.#guard = guard;
    this.#serializer = serializer;
    this.#lenient = lenient;
    this.#tier = tier;
    this.#stores = stores;
    if (stores === 'bytes') this.#decodeRecords = driver.remote!.decodeRecords;
    this.#isCoarse = ttlResolutionMs > 1;
    if (joinsReads) {
      const serverOf = (key: string): number => driver.shardOf?.(key) ?? 0;
      this.#joined = new driver.remote!.JoinedReads((keys) => this.#readAll(keys), serverOf);
    }
  }

  /** What the local tier holds for a key, if there is a tier. */
  near(key: string): StoredRecord | undefined {
    return this.#tier?.get(key);
  }

  /** What one key holds. Reads of the same tick become one call for each server, where the driver gains by it. */
  readOne(key: string): Promise<StoredRecord | undefined> {
    if (this.#tier === undefined && this.#joined) return this.#joined.read(key);
    return this.read([key]).then(first);
  }

  /** What the keys hold. */
  read(keys: readonly string[]): Promise<(StoredRecord | undefined)[]> {
    return this.#tier === undefined ? this.#readAll(keys) : this.#tier.read(keys, this.#readFar);
  }

  readonly #readFar = (keys: readonly string[]): Promise<(StoredRecord | undefined)[]> => {
    return keys.length === 1 && this.#joined ? this.#joined.read(keys[0]!).then(only) : this.#readAll(keys);
  };

  async #readAll(keys: readonly string[]): Promise<(StoredRecord | undefined)[]> {
    const entries = await this.#guard.runEach('get', keys, (some, call) => this.driver.get(some, call), this.forgives);
    return this.#decode(keys, entries);
  }

  /** The record with its version. Fails also where reads are lenient: what follows is a conditional write. */
  async readVersioned(key: string): Promise<Versioned | undefined> {
    const [entry] = await this.run('get', (call) => this.driver.get([key], call, { versions: true }), key);
    if (entry === undefined) return undefined;
    const [record = UNREADABLE] = this.#decode([key], [entry]);
    return { record, version: entry.version! };
  }

  /** {@link readVersioned}, with `onError` as for other reads. */
  readVersionedLeniently(key: string): Promise<Versioned | undefined> {
    return this.orElse(this.readVersioned(key), undefined);
  }

  /** Answers which of the writes happened. The keys differ. */
  async write(writes: readonly StoreWrite[]): Promise<boolean[]> {
    const encoded = writes.map(({ key, record, when }) => this.#encode(key, record, when));
    try {
      const done = await this.#guard.runEach('set', encoded, (some, call) => this.driver.set(some, call));
      return done as boolean[];
    } finally {
      this.#tier?.changed(writes.map(({ key }) => key));
    }
  }

  /** {@link write} for entries that may be lost: under `onError: 'miss'` an outage drops them. */
  fill(writes: readonly StoreWrite[]): Promise<boolean[]> {
    return this.orElse(
      this.write(writes),
      writes.map(() => false),
    );
  }

  /** What the work gives, or something else where {@link forgives} its error. */
  async orElse<T>(work: Promise<T>, instead: T): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (this.forgives(error)) return instead;
      throw error;
    }
  }

  /** Whether an error may be passed over: the backend is out and the application said that it would rather miss. */
  readonly forgives = (error: unknown): boolean => this.#lenient && EntError.is(error) && OUTAGES.has(error.code);

  /** Answers which keys were there. */
  async remove(keys: readonly string[]): Promise<boolean[]> {
    const unique = [...new Set(keys)];
    try {
      const removed = await this.#guard.runEach('delete', unique, (some, call) => this.driver.delete(some, call));
      return removed as boolean[];
    } finally {
      this.#tier?.changed(unique);
    }
  }

  /** A call of an optional part of the contract. */
  run: Guard['run'] = (operation, work, key) => this.#guard.run(operation, work, key);

  /** Such a copy of a value as another reader would get. */
  copy<T>(value: T): T {
    if (this.#stores === 'values') return (this.driver.copy?.(value) as T | undefined) ?? value;
    return this.#serializer.deserialize(serialize(value, this.#serializer, ''), '') as T;
  }

  #encode(key: string, record: RecordDraft, when: DriverWrite['when']): DriverWrite {
    const write = { key, value: this.#stored(key, record), expiresAt: toContract(endOf(record)) };
    return when === undefined ? write : { ...write, when };
  }

  #stored(key: string, record: RecordDraft): Uint8Array | StoredRecord {
    if (this.#stores === 'bytes') return this.driver.remote!.encodeRecord(record, this.#serializer, key, this.driver);
    const stored = { ...record, stamp: newStamp() };
    if (this.#stores === 'serialized' && record.hasValue) stored.value = serialize(record.value, this.#serializer, key);
    return stored;
  }

  #decode(keys: readonly string[], entries: readonly (DriverEntry | undefined)[]): (StoredRecord | undefined)[] {
    const records =
      this.#decodeRecords?.(keys, entries, this.#serializer) ??
      keys.map((key, i) => this.#deserialized(key, entries[i]?.value as StoredRecord | undefined));
    if (!this.#isCoarse) return records;
    // Not a lease alone: whether that has run out is not told by this process's clock.
    return records.map((record) => (record?.hasValue && record.expiresAt <= Date.now() ? undefined : record));
  }

  /** Undefined for a value that the serializer refuses: a miss. */
  #deserialized(key: string, record: StoredRecord | undefined): StoredRecord | undefined {
    if (this.#stores === 'values' || !record?.hasValue) return record;
    try {
      return { ...record, value: this.#serializer.deserialize(record.value as Uint8Array, key) };
    } catch {
      return undefined;
    }
  }
}

// Bytes of another deployment: not a value for readers, but a conditional write has to know that something is there.
const UNREADABLE: StoredRecord = { ...bare(Number.POSITIVE_INFINITY), stamp: '' };

const OUTAGES: ReadonlySet<string> = new Set([
  cacheErrors.timeout.code,
  cacheErrors.unavailable.code,
  cacheErrors.circuit_open.code,
]);

/** A lease outlives the value that it stands in. */
function endOf({ expiresAt, lease }: RecordDraft): number {
  return lease === undefined ? expiresAt : Math.max(expiresAt, lease.until);
}

function first<T>(all: readonly T[]): T | undefined {
  return all[0];
}

function only<T>(one: T): T[] {
  return [one];
}

/** Whether readers may see the record: it has a value, and that is fresh. Its expiry is the driver's business. */
export function isFresh(record: StoredRecord): boolean {
  return record.hasValue && (record.freshUntil === record.expiresAt || Date.now() < record.freshUntil);
}
