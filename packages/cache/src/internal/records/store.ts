import type { CacheDriver, DriverWrite, StoredRecord } from '../../driver.ts';
import type { Calls } from '../backend/calls.ts';
import { JoinedReads } from '../backend/joined-reads.ts';
import type { BackendKey } from '../keys.ts';
import { toContract } from '../ttl.ts';
import type { Codec } from './codec.ts';
import { bare, type RecordDraft } from './record.ts';
import type { Tier } from './tier.ts';

/** A record with the version that a conditional write needs. */
export interface Versioned {
  readonly record: StoredRecord;
  readonly version: string;
}

/** One record to write. */
export interface StoreWrite {
  readonly key: BackendKey;
  readonly record: RecordDraft;
  readonly when?: DriverWrite['when'] | undefined;
}

/** Records in and out of a driver. */
export class Store {
  /** What one key holds. Reads of the same tick become one call for each server, where the driver gains by it. */
  readonly one: (key: BackendKey) => Promise<StoredRecord | undefined>;
  /** What the keys hold. */
  readonly many: (keys: readonly BackendKey[]) => Promise<(StoredRecord | undefined)[]>;
  readonly #driver: CacheDriver;
  readonly #calls: Calls;
  readonly #codec: Codec;
  readonly #tier: Tier | undefined;

  constructor(calls: Calls, codec: Codec, tier: Tier | undefined) {
    this.#driver = calls.driver;
    this.#calls = calls;
    this.#codec = codec;
    this.#tier = tier;
    const one = this.#driver.features.joinsReads
      ? new JoinedReads(calls, codec.decode).read
      : (key: BackendKey) => this.#readAll([key]).then(first);
    const many = (keys: readonly BackendKey[]): Promise<(StoredRecord | undefined)[]> => this.#readAll(keys);
    this.one = tier === undefined ? one : (key) => tier.one(key, one);
    this.many = tier === undefined ? many : (keys) => tier.many(keys, many);
  }

  async #readAll(keys: readonly BackendKey[]): Promise<(StoredRecord | undefined)[]> {
    const read = { forgiving: true };
    const entries = await this.#calls.each('get', keys, (some, call) => this.#driver.get(some, call), read);
    return this.#codec.decode(keys, entries);
  }

  /**
   * The record with its version. Fails also where the cache forgives an outage: what follows is a conditional write.
   */
  async versioned(key: BackendKey): Promise<Versioned | undefined> {
    const [entry] = await this.#calls.run('get', (call) => this.#driver.get([key], call, { versions: true }), key);
    if (entry === undefined) return undefined;
    const [record = UNREADABLE] = this.#codec.decode([key], [entry]);
    return { record, version: entry.version! };
  }

  /** What the local tier holds for a key, if there is a tier. */
  near(key: BackendKey): StoredRecord | undefined {
    return this.#tier?.get(key);
  }

  /** One write, at once, where the driver keeps its data in this process. */
  put(key: BackendKey, record: RecordDraft): boolean {
    return this.#calls.put({ key, value: this.#codec.encode(key, record), expiresAt: endOf(record) });
  }

  /** One conditional write; answers whether it happened. */
  async writeIf(key: BackendKey, record: RecordDraft, when: DriverWrite['when']): Promise<boolean> {
    const write = this.#encoded({ key, record, when });
    try {
      const [isDone] = await this.#calls.run('set', (call) => this.#driver.set([write], call), key);
      return isDone === true;
    } finally {
      this.#tier?.changed([key]);
    }
  }

  /** Answers which of the writes happened. The keys differ. */
  async write(writes: readonly StoreWrite[]): Promise<boolean[]> {
    const encoded = writes.map((write) => this.#encoded(write));
    try {
      return (await this.#calls.each('set', encoded, (some, call) => this.#driver.set(some, call))) as boolean[];
    } finally {
      this.#tier?.changed(writes.map(({ key }) => key));
    }
  }

  /** What a key held, which is deleted in the same step. Only where the driver has one for it. */
  async take(key: BackendKey): Promise<StoredRecord | undefined> {
    try {
      const entry = await this.#calls.run('take', (call) => this.#driver.take!(key, call), key);
      return this.#codec.decode([key], [entry])[0];
    } finally {
      this.#tier?.changed([key]);
    }
  }

  /** Answers which keys were there. */
  async remove(keys: readonly BackendKey[]): Promise<boolean[]> {
    const unique = [...new Set(keys)];
    try {
      return (await this.#calls.each('delete', unique, (some, call) => this.#driver.delete(some, call))) as boolean[];
    } finally {
      this.#tier?.changed(unique);
    }
  }

  /** Such a copy of a value as another reader would get. */
  copy<T>(value: T): T {
    return this.#codec.copy(value);
  }

  #encoded({ key, record, when }: StoreWrite): DriverWrite {
    const write = { key, value: this.#codec.encode(key, record), expiresAt: endOf(record) };
    return when === undefined ? write : { ...write, when };
  }
}

// Bytes of another deployment: not a value for readers, but a conditional write has to know that something is there.
const UNREADABLE: StoredRecord = { ...bare(Number.POSITIVE_INFINITY), stamp: '' };

// An entry whose tag was invalidated, or its namespace cleared by generation, is passed over, but nobody looks for it
// to remove it. So one that could be, and has no end of its own, goes so long after its last write.
const TAGGED_MS = 30 * 24 * 60 * 60 * 1000;

/** When the backend may forget a record. A lease outlives the value that it stands in. */
function endOf({ expiresAt, lease, tags }: RecordDraft): number | null {
  const end = toContract(lease === undefined ? expiresAt : Math.max(expiresAt, lease.until));
  return end === null && tags !== undefined ? Date.now() + TAGGED_MS : end;
}

function first<T>(all: readonly T[]): T | undefined {
  return all[0];
}
