import { Mismatch } from '../../internal/mismatch.ts';
import { parsedOrText } from '../../internal/sql/json.ts';
import type { MysqlField } from './client.ts';

/**
 * A `DATETIME` or `TIMESTAMP`, which are UTC here, as milliseconds since 1970; NaN for what no Date can be, such as
 * `2024-02-00`. By its digits: `Date.parse` takes several times as long, and this is most of what a row costs.
 */
function instantOf(text: string): number {
  if (!hasShape(text)) return Number.NaN;
  const year = numberAt(text, 0, 4);
  const month = numberAt(text, 5, 7);
  const day = numberAt(text, 8, 10);
  const seconds = numberAt(text, 11, 13) * 3600 + numberAt(text, 14, 16) * 60 + numberAt(text, 17, SECONDS);
  // `2024-02-30` can be stored, and would become a day of March.
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return Number.NaN;
  // `Date.UTC` takes the years before 100 for those of the century before last.
  const days = year < 100 ? Date.UTC(year + 400, month - 1, day) - DAYS_OF_400_YEARS : Date.UTC(year, month - 1, day);
  return days + seconds * 1000 + millisecondsOf(text);
}

/** How long a time without a fraction is. */
const SECONDS = 19;
const DAYS_OF_400_YEARS = 146_097 * 86_400_000;

const [DASH, SPACE, COLON, POINT, ZERO] = [45, 32, 58, 46, 48];

/** `2024-03-10 02:30:00`, and up to six digits behind a point; of the digits {@link numberAt} tells. */
function hasShape(text: string): boolean {
  if (text.charCodeAt(4) !== DASH || text.charCodeAt(7) !== DASH || text.charCodeAt(10) !== SPACE) return false;
  if (text.charCodeAt(13) !== COLON || text.charCodeAt(16) !== COLON) return false;
  return text.length === SECONDS || (text.charCodeAt(SECONDS) === POINT && text.length <= SECONDS + 7);
}

/** NaN where it has something else than digits. */
function numberAt(text: string, start: number, end: number): number {
  let number = 0;
  for (let at = start; at < end; at += 1) {
    const digit = text.charCodeAt(at) - ZERO;
    number = digit >= 0 && digit <= 9 ? number * 10 + digit : Number.NaN;
  }
  return number;
}

function daysOf(year: number, month: number): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

/** Of the one to six digits behind the point. */
function millisecondsOf(text: string): number {
  const digits = Math.min(text.length, SECONDS + 4) - SECONDS - 1;
  if (digits < 1) return 0;
  return numberAt(text, SECONDS + 1, SECONDS + 1 + digits) * 10 ** (3 - digits);
}

/** As MySQL reads it, without a zone that it would convert by. */
export function textOf(date: Date): string {
  return date.toISOString().slice(0, -1).replace('T', ' ');
}

const MICROSECONDS = /\.\d{3}\d*[1-9]/;
const TOO_PRECISE =
  "has microseconds, which a Date would lose; map it as stored('string', { as: 'timestamp' }), or give the column three digits: datetime(3)";

/** The value of a field. @throws TypeError, or Mismatch for one that a Date would cut off */
export function dateOf(stored: unknown): Date {
  const text = stored as string;
  const instant = instantOf(text);
  if (Number.isNaN(instant)) throw new TypeError('not a date');
  if (text.length > SECONDS + 4 && MICROSECONDS.test(text)) throw new Mismatch('too_precise', TOO_PRECISE);
  return new Date(instant);
}

/** A Date, or the text itself where a Date would cut off microseconds or cannot be. */
function dateOrText(text: string): Date | string {
  const instant = instantOf(text);
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
