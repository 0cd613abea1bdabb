/**
 * The memory driver: entries in this process, in an LRU (lru-cache). Nothing is shared with other processes, and
 * nothing survives a restart. The native client is the `LRUCache` instance.
 */
import { setImmediate } from 'node:timers/promises';
import { refuseUnknown } from '@ent/internal';
import { LRUCache } from 'lru-cache';
import type {
  CacheDriver,
  CacheFeatures,
  DriverCall,
  DriverEntry,
  DriverFailure,
  DriverReadOptions,
  DriverWrite,
  StoredRecord,
} from '../../driver.ts';
import { cacheErrors } from '../../errors.ts';
import { assertCount, assertOneOf } from '../../internal/checks.ts';
import { deepFreeze } from './freeze.ts';
import { KeyIndex } from './key-index.ts';
import { sizeOf } from './size.ts';

/** The features of {@link memory} with `values: 'frozen'` or `'cloned'`. */
export const memoryFeatures = {
  stores: 'values',
  ttlResolutionMs: 1,
  maxValueBytes: null,
  conditional: true,
  enumerate: true,
  shared: false,
  joinsReads: false,
  tracks: false,
} as const satisfies CacheFeatures;

/** Options of {@link memory}. */
export interface MemoryOptions {
  /** The least recently used entry makes room for one more. Default: 10,000. */
  readonly maxEntries?: number | undefined;
  /**
   * The least recently used entries make room for new bytes. Exact with `values: 'serialized'`;
   * else an estimate of what the values take. A value that is larger than all of it is refused
   * with `cache.value_too_large`. Default: no limit.
   */
  readonly maxBytes?: number | undefined;
  /**
   * What readers get. Default: `frozen`.
   * - `frozen`: the value that was stored, its plain objects and arrays
   *   frozen, deeply and in place. A read costs nothing.
   * - `cloned`: a structured clone, on the way in and for each reader. For values that readers change.
   * - `serialized`: bytes by the cache's serializer, as a remote backend would keep them.
   */
  readonly values?: 'frozen' | 'cloned' | 'serialized' | undefined;
}

/** What the driver keeps for a key. */
export interface MemoryItem {
  readonly value: StoredRecord | Uint8Array;
  /** Epoch milliseconds, `Infinity` for never. */
  readonly expiresAt: number;
  /** The number of its write. */
  readonly version: number;
}

/**
 * Keeps entries in this process.
 *
 * @example
 * ```ts
 * import { createCache } from '@ent/cache';
 * import { memory } from '@ent/cache/memory';
 *
 * const cache = createCache({ driver: memory({ maxEntries: 1_000 }), ttl: '5m' });
 * ```
 * @throws `cache.invalid_options`
 */
export function memory(options: MemoryOptions = {}): CacheDriver<LRUCache<string, MemoryItem>> {
  refuseUnknown(options, { maxEntries: true, maxBytes: true, values: true }, 'memory', cacheErrors.invalid_options);
  const { maxEntries = 10_000, maxBytes, values = 'frozen' } = options;
  assertCount('memory: maxEntries', maxEntries);
  if (maxBytes !== undefined) assertCount('memory: maxBytes', maxBytes);
  assertOneOf('memory: values', values, ['frozen', 'cloned', 'serialized'], cacheErrors.invalid_options);
  return new MemoryDriver(maxEntries, maxBytes, values);
}

class MemoryDriver implements CacheDriver<LRUCache<string, MemoryItem>> {
  readonly name = 'memory';
  readonly features: CacheFeatures;
  readonly client: LRUCache<string, MemoryItem>;
  readonly #values: 'frozen' | 'cloned' | 'serialized';
  readonly #maxBytes: number | undefined;
  #index = new KeyIndex();
  #writes = 0;
  /** The last write that was dropped: it and those before it are only waiting to go. */
  #dropped = 0;
  #hasReplaced = false;

  constructor(maxEntries: number, maxBytes: number | undefined, values: 'frozen' | 'cloned' | 'serialized') {
    this.#values = values;
    this.#maxBytes = maxBytes;
    this.features = values === 'serialized' ? { ...memoryFeatures, stores: 'serialized' } : memoryFeatures;
    this.client = new LRUCache({
      max: maxEntries,
      ...(maxBytes !== undefined && { maxSize: maxBytes }),
      dispose: ({ version }, key, reason) => {
        const isListed = version > this.#dropped;
        if (reason === 'set') this.#hasReplaced = isListed;
        else if (isListed) this.#index.delete(key);
      },
    });
    if (values === 'frozen') {
      this.peek = (key) => this.#live(key)?.value as StoredRecord | undefined;
      this.copy = (value) => value;
    } else if (values === 'cloned') {
      this.peek = (key) => {
        const record = this.#live(key)?.value as StoredRecord | undefined;
        return record && cloned(record);
      };
      this.copy = clone;
    }
  }

  async connect(): Promise<void> {}

  async ping(): Promise<void> {}

  async close(): Promise<void> {
    this.drop();
  }

  classify(error: unknown): DriverFailure {
    return error instanceof RangeError ? 'too_large' : 'other';
  }

  async get(
    keys: readonly string[],
    _call: DriverCall,
    { versions = false }: DriverReadOptions = {},
  ): Promise<(DriverEntry | undefined)[]> {
    return keys.map((key) => {
      const item = this.#live(key);
      if (item === undefined) return undefined;
      const value = this.#values === 'cloned' ? cloned(item.value as StoredRecord) : item.value;
      return versions ? { value, version: String(item.version) } : { value };
    });
  }

  async set(writes: readonly DriverWrite[]): Promise<boolean[]> {
    return writes.map((write) => this.put(write));
  }

  put(write: DriverWrite): boolean {
    if (!this.#allows(write)) return false;
    const item: MemoryItem = {
      value: this.#own(write.value),
      expiresAt: write.expiresAt ?? Number.POSITIVE_INFINITY,
      version: ++this.#writes,
    };
    this.#hasReplaced = false;
    if (this.#maxBytes === undefined) this.client.set(write.key, item);
    else this.client.set(write.key, item, { size: this.#size(write.key, item.value) });
    if (!this.#hasReplaced) this.#index.add(write.key);
    return true;
  }

  async delete(keys: readonly string[]): Promise<boolean[]> {
    return keys.map((key) => {
      const live = this.#live(key) !== undefined;
      this.client.delete(key);
      return live;
    });
  }

  async take(key: string): Promise<DriverEntry | undefined> {
    const item = this.#live(key);
    this.client.delete(key);
    return item && { value: item.value };
  }

  async *scan(prefix: string): AsyncIterable<readonly string[]> {
    let page: string[] = [];
    let looked = 0;
    for (const key of this.#index.candidates(prefix)) {
      if (key.startsWith(prefix) && this.#seen(key) !== undefined) page.push(key);
      if (++looked % PAGE !== 0) continue;
      if (page.length > 0) yield page;
      page = [];
      await setImmediate();
    }
    if (page.length > 0) yield page;
  }

  // Not with `values: 'serialized'`, whose values the core has to read first.
  readonly peek?: (key: string) => StoredRecord | undefined;

  drop(): void {
    const gone = this.#index;
    this.#index = new KeyIndex();
    this.#dropped = this.#writes;
    void this.#sweep(gone);
  }

  /** Removes what was dropped, in turns of the event loop: `LRUCache.clear` of a million takes too long. */
  async #sweep(gone: KeyIndex): Promise<void> {
    let looked = 0;
    for (const key of gone.candidates('')) {
      const item = this.client.peek(key);
      if (item !== undefined && item.version <= this.#dropped) this.client.delete(key);
      if (++looked % PAGE === 0) await setImmediate();
    }
  }

  readonly copy?: (value: unknown) => unknown;

  /** The item, unless it is expired. */
  #live(key: string): MemoryItem | undefined {
    const item = this.client.get(key);
    return item !== undefined && this.#isOver(item) ? this.#remove(key) : item;
  }

  /** {@link #live} by a look that is not a use, and does not count for the LRU. */
  #seen(key: string): MemoryItem | undefined {
    const item = this.client.peek(key);
    return item !== undefined && this.#isOver(item) ? this.#remove(key) : item;
  }

  #isOver({ expiresAt, version }: MemoryItem): boolean {
    return version <= this.#dropped || (expiresAt !== Number.POSITIVE_INFINITY && expiresAt <= Date.now());
  }

  #remove(key: string): undefined {
    this.client.delete(key);
  }

  #allows({ key, when }: DriverWrite): boolean {
    if (when === undefined) return true;
    const item = this.#seen(key);
    if (when === 'absent') return item === undefined;
    if (when === 'present') return item !== undefined;
    return item !== undefined && String(item.version) === when.version;
  }

  #own(value: Uint8Array | StoredRecord): Uint8Array | StoredRecord {
    if (ArrayBuffer.isView(value)) return value; // the core encoded it just now: nobody else has it
    if (this.#values === 'cloned') value.value = clone(value.value);
    else if (this.#values === 'serialized' && value.value instanceof Uint8Array) {
      value.value = new Uint8Array(value.value); // a small buffer is part of a large one, and keeps it
    } else deepFreeze(value.value);
    return value;
  }

  #size(key: string, value: Uint8Array | StoredRecord): number {
    const size =
      sizeOf(key) +
      (value instanceof Uint8Array ? value.length + ITEM_BYTES : sizeOf(value.value) + sizeOf(value.tags) + ITEM_BYTES);
    // lru-cache would silently drop the old value too.
    if (size > this.#maxBytes!) throw new RangeError(`takes about ${size} bytes; maxBytes is ${this.#maxBytes}`);
    return size;
  }
}

// How many keys a scan looks at between two turns of the event loop.
const PAGE = 500;

// What an entry takes besides its key and value: the item, the record, and a slot in the LRU and the index (Node 24).
const ITEM_BYTES = 280;

function cloned(record: StoredRecord): StoredRecord {
  return { ...record, value: clone(record.value) };
}

function clone(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch (cause) {
    throw cacheErrors.not_serializable(`The value cannot be cloned: ${(cause as Error).name}`, { cause });
  }
}
