import { sql } from 'kysely';
import type { EntityField } from '../../entity.ts';
import type { ColumnStorage } from '../../internal/sql/dialect.ts';
import { decimalOf, decimalParameter } from './decimals.ts';
import { dateOf, textOf } from './decode.ts';
import { byCodePoint, text } from './text.ts';

/** `2024-03-10 02:30:00.5` as an instant with six digits; the server leaves out digits that are all zero. */
function microseconds(stored: unknown): string {
  if (stored instanceof Date) return `${dateOf(stored).toISOString().slice(0, -1)}000Z`;
  const [seconds = '', fraction = ''] = (stored as string).split('.');
  // Throws for what is no time.
  dateOf(seconds);
  return `${seconds.replace(' ', 'T')}.${fraction.padEnd(6, '0')}Z`;
}

const instant: ColumnStorage = {
  column: sql`datetime(6)`,
  codec: { encode: (value) => (value as string).slice(0, -1).replace('T', ' '), decode: microseconds },
};

/** Columns of types of MySQL; those that are missing here are stored as their fields are. */
const NATIVE: Readonly<Record<string, ColumnStorage>> = {
  'string binary(16)': {
    column: sql`binary(16)`,
    codec: { encode: (value) => Buffer.from((value as string).replaceAll('-', ''), 'hex'), decode: uuid },
  },
  // Of which no character takes more than a byte, nor another order.
  'string uuid': {
    column: sql`char(36) character set ascii collate ascii_bin`,
    codec: { encode: (value) => value, decode: label },
  },
  'string enum': {
    column: sql`varchar(255) ${text}`,
    codec: { encode: (value) => value, decode: label },
    // Where it is an ENUM, it is sorted by the numbers of its labels, and compared by their text.
    text: (column) => sql`convert(${column} using utf8mb4) ${byCodePoint}`,
  },
  'string date': { column: 'date', codec: { encode: (value) => value, decode: day } },
  'string timestamptz': instant,
  'string timestamp': instant,
  'date datetime': { column: 'datetime', codec: { encode: (value) => textOf(value as Date), decode: dateOf } },
};

/** How a field with `as` is stored. */
export function storageOf({ type, as }: EntityField): ColumnStorage | undefined {
  if (type !== 'decimal' || as === undefined) return NATIVE[`${type} ${as}`];
  return { column: sql.raw(as), codec: { encode: decimalParameter, decode: decimalOf } };
}

function uuid(stored: unknown): string {
  if (!Buffer.isBuffer(stored) || stored.length !== 16) throw new TypeError('not 16 bytes');
  return stored.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

function label(stored: unknown): string {
  if (typeof stored !== 'string') throw new TypeError('not a string');
  return stored;
}

function day(stored: unknown): string {
  if (typeof stored === 'string' && /^(?!0000)\d{4}-(?!00)\d\d-(?!00)\d\d$/.test(stored)) return stored;
  throw new TypeError('not a day');
}
