import type { CacheDriver, DriverEntry, StoredRecord, TagVersion } from '../driver.ts';
import { cacheErrors } from '../errors.ts';
import type { CacheSerializer } from '../options.ts';
import { type JsonText, parseJson, parseJsonRow, strictJson } from './json.ts';
import { counterDraft, isCounter, newStamp, type RecordDraft, STAMP_BYTES } from './record.ts';
import { serialize } from './serialize.ts';

/**
 * The bytes of records.
 *
 * ```
 * 0      magic 0xC1: never starts a UTF-8 text, so counters ("-12") and foreign bytes are told apart
 * 1      flags
 * 2..9   stamp: differs between any two writes, so that compare-and-set cannot mistake a rewritten value for the one it read
 * then, as flagged: expiresAt (float64) · freshUntil (float64) · lease token (8 bytes) and until (float64) · tags (uint16 length, JSON)
 * rest   the value, as the serializer made it
 * ```
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

/** @throws `cache.not_serializable`, `cache.invalid_argument`, `cache.value_too_large` */
export function encodeRecord(
  record: RecordDraft,
  serializer: CacheSerializer,
  key: string,
  { name, features: { maxValueBytes } }: CacheDriver,
): Uint8Array {
  const bytes = bytesOf(record, serializer, key);
  if (maxValueBytes === null || bytes.length <= maxValueBytes) return bytes;
  throw cacheErrors.value_too_large(`the value takes ${bytes.length} bytes; ${name} stores up to ${maxValueBytes}`);
}

function bytesOf(record: RecordDraft, serializer: CacheSerializer, key: string): Uint8Array {
  if (isCounter(record)) return Buffer.from(String(record.value));
  const payload = record.hasValue ? serialize(record.value, serializer, key) : EMPTY;
  const tags = record.tags && Buffer.from(JSON.stringify(record.tags));
  if (tags && tags.length > 0xffff) throw cacheErrors.invalid_argument('the tags of an entry take more than 64 kB');
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

/** The records of a batch. Undefined for bytes that this version did not write, or whose value the serializer refuses: both are a miss. */
export function decodeRecords(
  keys: readonly string[],
  entries: readonly (DriverEntry | undefined)[],
  serializer: CacheSerializer,
): (StoredRecord | undefined)[] {
  const records: (StoredRecord | undefined)[] = [];
  const isRow = serializer === strictJson && keys.length > 1;
  let row: DecodedRecord[] = [];
  let places: number[] = [];
  let rowBytes = 0;
  const endRow = (): void => {
    const values = parseJsonRow(row);
    for (let n = 0; n < row.length; n++) {
      if (values) row[n]!.value = values[n];
      else records[places[n]!] = row[n]!.read(serializer, keys[places[n]!]!);
    }
    row = [];
    places = [];
    rowBytes = 0;
  };
  for (let i = 0; i < keys.length; i++) {
    const entry = entries[i];
    const record = entry && decodeHead(entry.value as Uint8Array);
    if (!(record instanceof DecodedRecord)) {
      records.push(record);
    } else if (isRow && record.isShortObject) {
      records.push(record);
      row.push(record);
      places.push(i);
      rowBytes += record.bytes.length;
      if (rowBytes > MAX_ROW_BYTES) endRow();
    } else {
      records.push(record.read(serializer, keys[i]!));
    }
  }
  if (row.length > 0) endRow();
  return records;
}

/** A record whose value is still to be read. */
function decodeHead(stored: Uint8Array): DecodedRecord | StoredRecord | undefined {
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
    return new DecodedRecord(expiresAt, freshUntil, tags, lease, hasValue, bytes, at);
  } catch {
    return undefined;
  }
}

/** Its stamp is seldom looked at, and costs as much as the rest. A copy by spread has none, as a draft should. */
class DecodedRecord implements StoredRecord, JsonText {
  value: unknown = undefined;
  expiresAt: number;
  freshUntil: number;
  tags: readonly TagVersion[] | undefined;
  lease: StoredRecord['lease'];
  hasValue: boolean;
  readonly #bytes: Buffer;
  /** Where the value starts. */
  readonly #from: number;

  constructor(
    expiresAt: number,
    freshUntil: number,
    tags: readonly TagVersion[] | undefined,
    lease: StoredRecord['lease'],
    hasValue: boolean,
    bytes: Buffer,
    from: number,
  ) {
    this.expiresAt = expiresAt;
    this.freshUntil = freshUntil;
    this.tags = tags;
    this.lease = lease;
    this.hasValue = hasValue;
    this.#bytes = bytes;
    this.#from = from;
  }

  get stamp(): string {
    return this.#bytes.toString('latin1', 2, FIXED_BYTES);
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  get from(): number {
    return this.#from;
  }

  /** Whether it is the text of an object, and a parse of its own would cost more than to copy it into a row. */
  get isShortObject(): boolean {
    const bytes = this.#bytes;
    const end = bytes.length - 1;
    return this.hasValue && end - this.#from < SHORT_BYTES && bytes[this.#from] === OPEN && bytes[end] === CLOSE;
  }

  /** The record with its value; undefined when the serializer refuses that. */
  read(serializer: CacheSerializer, key: string): this | undefined {
    if (!this.hasValue) return this;
    try {
      this.value =
        serializer === strictJson
          ? parseJson(this.#bytes, this.#from)
          : serializer.deserialize(this.#bytes.subarray(this.#from), key);
      return this;
    } catch {
      return undefined;
    }
  }
}

const SHORT_BYTES = 4_096;
const MAX_ROW_BYTES = 262_144;
const OPEN = 0x7b; // {
const CLOSE = 0x7d; // }
const EMPTY = new Uint8Array(0);
const MINUS = 45;

function decodeCounter(bytes: Buffer): StoredRecord | undefined {
  const first = bytes[0] ?? 0;
  if (bytes.length > 17 || !(first === MINUS || (first >= 48 && first <= 57))) return undefined;
  const text = bytes.toString('latin1');
  const value = Number(text);
  // "007" or "1e3" is somebody else's text.
  if (!Number.isSafeInteger(value) || String(value) !== text) return undefined;
  return counterDraft(value, FOREVER);
}
