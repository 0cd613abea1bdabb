import { randomBytes } from 'node:crypto';
import type { StoredRecord, TagVersion } from '../../driver.ts';

/** What is written. It gets a stamp of its own; only a counter keeps the one it came with. */
export type RecordDraft = Omit<StoredRecord, 'stamp'> & {
  readonly stamp?: string;
  /** The value of a plain entry as it stands in the backend: another language may write what JSON here would change. */
  readonly bytes?: Uint8Array;
};

/** A plain record: a value with an expiry. */
export function draft(value: unknown, expiresAt: number): RecordDraft {
  return { value, expiresAt, freshUntil: expiresAt, tags: undefined, lease: undefined, hasValue: true };
}

/** A record without a value. */
export function bare(expiresAt: number, lease?: StoredRecord['lease'], tags?: readonly TagVersion[]): RecordDraft {
  return { ...draft(undefined, expiresAt), tags, lease, hasValue: false };
}

/** The length of stamps and lease tokens. */
export const STAMP_BYTES = 8;

// A random start and a counter: unique across processes, at the price of one increment.
const origin = randomBytes(5).toString('latin1');
let written = 0;
/** What 256 stamps in a row begin with. */
let high = `${origin}\0\0`;

/** A new stamp: 8 characters, one byte each. */
export function newStamp(): string {
  written = (written + 1) % 0x100_0000;
  const low = written & 255;
  if (low === 0) high = origin + String.fromCharCode(written >> 16, (written >> 8) & 255);
  return high + String.fromCharCode(low);
}

/** What stands behind the digits of a counter: `~` and a stamp. */
export function newSuffix(): string {
  return `~${Buffer.from(newStamp(), 'latin1').toString('base64url')}`;
}

const COUNTER = 'counter';

/** A counter for drivers that count natively: digits, whose expiry the driver alone knows. */
export function counterDraft(value: number, expiresAt: number): StoredRecord {
  return { ...draft(value, expiresAt), stamp: COUNTER };
}

/** Whether the record was stored as digits, so that its expiry is known to the driver alone. */
export function isCounter(record: RecordDraft): boolean {
  return record.stamp === COUNTER;
}
