import type { CacheDriver, CacheFeatures, DriverEntry, StoredRecord, TagVersion } from '../../driver.ts';
import { cacheErrors } from '../../errors.ts';
import type { CacheSerializer } from '../../options.ts';
import { counterDraft, draft, isCounter, newStamp, newSuffix, type RecordDraft, STAMP_BYTES } from './record.ts';
import { TAGGED, taggedJson } from './tagged-json.ts';

/** Records as a driver keeps them, and back. */
export class Codec {
  readonly #driver: CacheDriver;
  readonly #serializer: CacheSerializer;
  readonly #stores: CacheFeatures['stores'];
  /** Whether the backend keeps an entry for longer than its expiry. */
  readonly #isCoarse: boolean;

  constructor(driver: CacheDriver, serializer: CacheSerializer) {
    this.#driver = driver;
    this.#serializer = serializer;
    this.#stores = driver.features.stores;
    this.#isCoarse = driver.features.ttlResolutionMs > 1;
  }

  /** @throws `cache.not_serializable`, `cache.invalid_argument`, `cache.value_too_large` */
  encode(key: string, record: RecordDraft): Uint8Array | StoredRecord {
    if (this.#stores === 'bytes') {
      const bytes = bytesOf(record, this.#serializer, key);
      const { name, features } = this.#driver;
      const { maxValueBytes } = features;
      if (maxValueBytes === null || bytes.length <= maxValueBytes) return bytes;
      throw cacheErrors.value_too_large(
        `The value takes ${bytes.length} bytes; ${name} stores up to ${maxValueBytes}.`,
      );
    }
    // Not by spread: it takes as long as the rest of a write.
    const { value, expiresAt, freshUntil, tags, lease, hasValue } = record;
    const isSerialized = this.#stores === 'serialized' && hasValue;
    return {
      value: isSerialized ? serialize(value, this.#serializer, key) : value,
      expiresAt,
      freshUntil,
      tags,
      lease,
      hasValue,
      stamp: newStamp(),
    };
  }

  /**
   * The records of a batch. Undefined for what this version did not write, or whose
   * value the serializer refuses: both are a miss.
   */
  readonly decode = (
    keys: readonly string[],
    entries: readonly (DriverEntry | undefined)[],
  ): (StoredRecord | undefined)[] => {
    const records: (StoredRecord | undefined)[] = [];
    for (let i = 0; i < keys.length; i++) {
      const entry = entries[i];
      let record: StoredRecord | undefined;
      if (entry === undefined) record = undefined;
      else if (this.#stores === 'bytes' && this.#serializer.plain)
        record = this.#plain(entry.value as Uint8Array, keys[i]!);
      else if (this.#stores === 'bytes') record = decodeRecord(entry.value as Uint8Array, this.#serializer, keys[i]!);
      else record = this.#deserialized(entry.value as StoredRecord, keys[i]!);
      // Not a lease alone: whether that has run out is not told by this process's clock.
      const isOver = this.#isCoarse && record?.hasValue && record.expiresAt <= Date.now();
      records.push(isOver ? undefined : record);
    }
    return records;
  };

  /** Such a copy of a value as another reader would get. */
  copy<T>(value: T): T {
    if (this.#stores === 'values') return (this.#driver.copy?.(value) as T | undefined) ?? value;
    return this.#serializer.deserialize(serialize(value, this.#serializer, ''), '') as T;
  }

  #plain(bytes: Uint8Array, key: string): StoredRecord | undefined {
    try {
      const record: RecordDraft = { ...draft(this.#serializer.deserialize(bytes, key), FOREVER), bytes };
      return { ...record, stamp: '' };
    } catch {
      return undefined;
    }
  }

  #deserialized(record: StoredRecord, key: string): StoredRecord | undefined {
    if (this.#stores === 'values' || !record.hasValue) return record;
    try {
      return { ...record, value: this.#serializer.deserialize(record.value as Uint8Array, key) };
    } catch {
      return undefined;
    }
  }
}

/*
 * The bytes of a record:
 *
 * 0 magic 0xC1: never starts a UTF-8 text, so counters ("-12") and foreign bytes are told apart 1 flags 2..9 stamp:
 * differs between any two writes, so that compare-and-set cannot mistake a rewritten value for the one it read then, as
 * flagged: expiresAt (float64) · freshUntil (float64) · lease token (8 bytes) and until (float64) · tags (uint16
 * length, JSON) rest the value, as the serializer made it
 */
const MAGIC = 0xc1;
const EXPIRES = 1;
const FRESH = 2;
const LEASE = 4;
const TAGS = 8;
const NO_VALUE = 16;
const KNOWN = EXPIRES | FRESH | LEASE | TAGS | NO_VALUE;
const FIXED_BYTES = 10;
const FOREVER = Number.POSITIVE_INFINITY;

function bytesOf(record: RecordDraft, serializer: CacheSerializer, key: string): Uint8Array {
  if (isCounter(record)) return Buffer.from(String(record.value) + (serializer.plain ? '' : newSuffix()));
  if (serializer.plain && record.bytes !== undefined) return record.bytes;
  const payload = record.hasValue ? serialize(record.value, serializer, key) : EMPTY;
  if (serializer.plain) return payload;
  const tags = record.tags && Buffer.from(JSON.stringify(record.tags));
  if (tags && tags.length > 0xffff) throw cacheErrors.invalid_argument('The tags of an entry take more than 64 kB.');
  const hasFresh = record.freshUntil !== record.expiresAt;
  const bytes = Buffer.allocUnsafe(
    FIXED_BYTES +
      (record.expiresAt === FOREVER ? 0 : 8) +
      (hasFresh ? 8 : 0) +
      (record.lease ? STAMP_BYTES + 8 : 0) +
      (tags ? 2 + tags.length : 0) +
      payload.length,
  );
  bytes[0] = MAGIC;
  let flags = record.hasValue ? 0 : NO_VALUE;
  bytes.write(newStamp(), 2, 'latin1');
  let at = FIXED_BYTES;
  if (record.expiresAt !== FOREVER) {
    flags |= EXPIRES;
    at = bytes.writeDoubleBE(record.expiresAt, at);
  }
  if (hasFresh) {
    flags |= FRESH;
    at = bytes.writeDoubleBE(record.freshUntil, at);
  }
  if (record.lease) {
    flags |= LEASE;
    at += bytes.write(record.lease.token, at, 'latin1');
    at = bytes.writeDoubleBE(record.lease.until, at);
  }
  if (tags) {
    flags |= TAGS;
    at = bytes.writeUInt16BE(tags.length, at);
    at += tags.copy(bytes, at);
  }
  bytes[1] = flags;
  bytes.set(payload, at);
  return bytes;
}

function decodeRecord(stored: Uint8Array, serializer: CacheSerializer, key: string): StoredRecord | undefined {
  const bytes = Buffer.isBuffer(stored) ? stored : Buffer.from(stored.buffer, stored.byteOffset, stored.length);
  if (bytes[0] !== MAGIC) return decodeCounter(bytes);
  try {
    const flags = bytes[1]!;
    if ((flags & ~KNOWN) !== 0) return undefined;
    let at = FIXED_BYTES;
    let expiresAt = FOREVER;
    if (flags & EXPIRES) {
      expiresAt = bytes.readDoubleBE(at);
      at += 8;
    }
    let freshUntil = expiresAt;
    if (flags & FRESH) {
      freshUntil = bytes.readDoubleBE(at);
      at += 8;
    }
    let lease: StoredRecord['lease'];
    if (flags & LEASE) {
      lease = {
        token: bytes.toString('latin1', at, at + STAMP_BYTES),
        until: bytes.readDoubleBE(at + STAMP_BYTES),
      };
      at += STAMP_BYTES + 8;
    }
    let tags: TagVersion[] | undefined;
    if (flags & TAGS) {
      const end = at + 2 + bytes.readUInt16BE(at);
      tags = JSON.parse(bytes.toString('utf8', at + 2, end)) as TagVersion[];
      at = end;
    }
    // A lease that has outlived its value is all that is left.
    const hasValue = (flags & NO_VALUE) === 0 && !(lease !== undefined && expiresAt <= Date.now());
    const value = hasValue ? decodeValue(bytes, at, serializer, key) : undefined;
    return new DecodedRecord(bytes, { value, expiresAt, freshUntil, tags, lease, hasValue });
  } catch {
    return undefined;
  }
}

function decodeValue(bytes: Buffer, from: number, serializer: CacheSerializer, key: string): unknown {
  if (serializer !== taggedJson || bytes[from] === TAGGED) return serializer.deserialize(bytes.subarray(from), key);
  // A view of the rest would cost as much as a short text takes to parse.
  return bytes.length === from ? undefined : (JSON.parse(bytes.toString(undefined, from)) as unknown);
}

/** Its stamp is seldom looked at, and costs as much as the rest. A copy by spread has none, as a draft should. */
class DecodedRecord implements StoredRecord {
  value: unknown;
  expiresAt: number;
  freshUntil: number;
  tags: readonly TagVersion[] | undefined;
  lease: StoredRecord['lease'];
  hasValue: boolean;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer, record: Omit<StoredRecord, 'stamp'>) {
    this.value = record.value;
    this.expiresAt = record.expiresAt;
    this.freshUntil = record.freshUntil;
    this.tags = record.tags;
    this.lease = record.lease;
    this.hasValue = record.hasValue;
    this.#bytes = bytes;
  }

  get stamp(): string {
    return this.#bytes.toString('latin1', 2, FIXED_BYTES);
  }
}

const EMPTY = new Uint8Array(0);
// "007" or "1e3" is somebody else's text.
const COUNTER = /^(0|-?[1-9]\d{0,15})(?:~[\w-]{11})?$/;
const LONGEST_COUNTER = 29;

function decodeCounter(bytes: Buffer): StoredRecord | undefined {
  if (bytes.length > LONGEST_COUNTER) return undefined;
  const value = Number(COUNTER.exec(bytes.toString('latin1'))?.[1]);
  return Number.isSafeInteger(value) ? counterDraft(value, FOREVER) : undefined;
}

/** @throws `cache.not_serializable` */
export function serialize(value: unknown, serializer: CacheSerializer, key: string): Uint8Array {
  try {
    return serializer.serialize(value, key);
  } catch (cause) {
    throw cacheErrors.not_serializable(`The value cannot be stored: ${(cause as Error).message}`, { cause });
  }
}
