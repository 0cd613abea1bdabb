import { Mismatch } from '../../internal/mismatch.ts';
import { instantIn, isoOf, SECONDS } from '../../internal/sql/instants.ts';
import { parsedOrText } from '../../internal/sql/json.ts';
import type { MysqlField } from './client.ts';

let lastIso = '';
let lastText = '';

/** As MySQL reads it, without a zone that it would convert by. */
export function textOf(date: Date): string {
  const iso = isoOf(date);
  if (iso !== lastIso) {
    lastText = `${iso.slice(0, 10)} ${iso.slice(11, -1)}`;
    lastIso = iso;
  }
  return lastText;
}

const MICROSECONDS = /\.\d{3}\d*[1-9]/;
const TOO_PRECISE =
  "has microseconds, which a Date would lose; map it as stored('string', { as: 'timestamp' }), or give the column three digits: datetime(3)";

/** The value of a field. @throws TypeError, or Mismatch for one that a Date would cut off */
export function dateOf(stored: unknown): Date {
  // From row-reader.ts.
  if (stored instanceof Date && !Number.isNaN(stored.getTime())) return stored;
  const text = String(stored);
  const instant = instantIn(text);
  if (Number.isNaN(instant)) throw new TypeError('not a date');
  if (text.length > SECONDS + 4 && MICROSECONDS.test(text)) throw new Mismatch('too_precise', TOO_PRECISE);
  return new Date(instant);
}

/** A Date, or the text itself where a Date would cut off microseconds or cannot be. */
function dateOrText(text: string): Date | string {
  const instant = instantIn(text);
  return Number.isNaN(instant) || MICROSECONDS.test(text) ? text : new Date(instant);
}

type Read = (value: never) => unknown;
/** Of the protocol. https://dev.mysql.com/doc/dev/mysql-server/latest/field__types_8h.html */
const TYPES = { timestamp: 7, longlong: 8, datetime: 12, json: 245 } as const;

function readerOf({ columnType, extendedFormat }: MysqlField): Read | undefined {
  if (columnType === TYPES.json || extendedFormat === 'json') return parsedOrText;
  if (columnType === TYPES.datetime || columnType === TYPES.timestamp) return dateOrText;
  // mysql2 gives text where a number would be rounded.
  if (columnType === TYPES.longlong)
    return (value: number | string) => (typeof value === 'string' ? BigInt(value) : value);
  return undefined;
}

/**
 * What the application's own statements answer: values of JavaScript where they say the same. `decimal`, `date` and
 * `time` stay text: mysql2 would move the first of the latter by the zone of this machine.
 */
export function nativeRows(
  rows: readonly Record<string, unknown>[],
  fields: readonly MysqlField[],
): Record<string, unknown>[] {
  const readers = new Map(fields.map((field) => [field.name, readerOf(field)]));
  return rows.map((row) => {
    const read: Record<string, unknown> = { ...row };
    for (const [name, reader] of readers) {
      const value = read[name];
      if (reader !== undefined && value !== null) read[name] = reader(value as never);
    }
    return read;
  });
}
