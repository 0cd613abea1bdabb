import { refuseUnknown } from '@ent/internal';
import { middlewareErrors } from './errors.ts';

/**
 * Where the answers to idempotency keys are kept, as texts. Each step is atomic: of any number of claims at once one
 * gets the key. A record that is past its time is not there.
 */
export interface IdempotencyStore {
  /** Keeps `record` under a key that is free, and gives undefined; otherwise gives the record that is there. */
  claim(key: string, record: string, ttlMs: number): Promise<string | undefined>;
  /** Puts `record` in the place of `expected`, with a time of its own; `false` where another one is there, or none. */
  replace(key: string, expected: string, record: string, ttlMs: number): Promise<boolean>;
  /** Frees the key, where `expected` is still there. */
  release(key: string, expected: string): Promise<void>;
}

/** How records are kept in memory. */
export interface MemoryIdempotencyStoreOptions {
  /** Most bytes of all records together; the oldest go first. Default: 64 MiB. */
  maxBytes?: number | undefined;
}

interface Kept {
  readonly record: string;
  /** By `performance.now()`. */
  readonly expiresAt: number;
}

const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;
/** What a record costs beside its text. */
const OVERHEAD_BYTES = 200;

/**
 * Keeps answers in the memory of this process: for one process, and for tests.
 *
 * @throws `middleware.invalid_options`
 */
export function memoryIdempotencyStore(options: MemoryIdempotencyStoreOptions = {}): IdempotencyStore {
  refuseUnknown(options, { maxBytes: true }, 'memoryIdempotencyStore', middlewareErrors.invalid_options);
  const { maxBytes = DEFAULT_MAX_BYTES } = options;
  if (typeof maxBytes !== 'number' || !(maxBytes > 0)) {
    throw middlewareErrors.invalid_options('memoryIdempotencyStore: maxBytes must be a number above 0.');
  }
  const records = new Map<string, Kept>();
  let bytes = 0;
  const sizeOf = (key: string, { record }: Kept): number => 2 * (key.length + record.length) + OVERHEAD_BYTES;
  const remove = (key: string): void => {
    const kept = records.get(key);
    if (kept === undefined) return;
    records.delete(key);
    bytes -= sizeOf(key, kept);
  };
  const put = (key: string, record: string, ttlMs: number): void => {
    remove(key);
    const kept = { record, expiresAt: performance.now() + ttlMs };
    records.set(key, kept);
    bytes += sizeOf(key, kept);
    // The oldest first; the one that was just put stays, whatever its size.
    for (const oldest of records.keys()) {
      if (bytes <= maxBytes || oldest === key) break;
      remove(oldest);
    }
  };
  const at = (key: string): string | undefined => {
    const kept = records.get(key);
    if (kept === undefined || kept.expiresAt > performance.now()) return kept?.record;
    remove(key);
    return undefined;
  };
  return {
    async claim(key, record, ttlMs) {
      const there = at(key);
      if (there === undefined) put(key, record, ttlMs);
      return there;
    },
    async replace(key, expected, record, ttlMs) {
      if (at(key) !== expected) return false;
      put(key, record, ttlMs);
      return true;
    },
    async release(key, expected) {
      if (at(key) === expected) remove(key);
    },
  };
}
