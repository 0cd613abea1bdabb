import { instantIn } from '../../internal/sql/instants.ts';
import { parsedOrText } from '../../internal/sql/json.ts';
import { arrayOf } from './arrays.ts';
import type { PgTypes } from './client.ts';

/** A number, or a bigint where a number would round it. */
function integerOf(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

const INSTANT = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?$/;

/**
 * A `timestamptz` as milliseconds since 1970; digits beyond them are cut off. With any offset, since a session of the
 * application's own may have any zone, and those of old had seconds. NaN for what no Date can be: infinity, and the
 * years before 1 and after 9999.
 */
export function instantOf(text: string): number {
  if (text.charCodeAt(4) === DASH && text.endsWith('+00')) return instantIn(text, text.length - 3);
  const match = INSTANT.exec(text);
  if (match === null) return Number.NaN;
  const [, year, month, day, hour, minute, second, fraction = '', sign, hours, minutes = '0', seconds = '0'] = match;
  const wall = Date.parse(
    `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.padEnd(3, '0').slice(0, 3)}Z`,
  );
  const offset = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
  return sign === '+' ? wall - offset : wall + offset;
}

const DASH = 45;

/** A Date, or the text itself where a Date would cut off microseconds or cannot be. */
function dateOf(text: string): Date | string {
  const instant = instantOf(text);
  return Number.isNaN(instant) || /\.\d{3}\d*[1-9]/.test(text) ? text : new Date(instant);
}

/** The bytes of a `bytea` in its hex format. @throws TypeError for any other */
export function bytesOf(text: string): Uint8Array {
  if (!text.startsWith('\\x')) throw new TypeError('not in hex format');
  return new Uint8Array(Buffer.from(text.slice(2), 'hex'));
}

/**
 * What the application's own statements answer: values of JavaScript where they say the same. `numeric`, `date`,
 * `timestamp`, `time` and `interval` stay text: pg would round the first and move the others by the zone of this
 * machine.
 * https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat
 */
const SCALARS: readonly (readonly [oid: number, array: number, parse: (text: string) => unknown])[] = [
  [16, 1000, (text) => text === 't'],
  [17, 1001, (text) => Buffer.from(bytesOf(text))],
  [20, 1016, integerOf],
  [21, 1005, Number],
  [23, 1007, Number],
  [26, 1028, Number],
  [114, 199, parsedOrText],
  [700, 1021, Number],
  [701, 1022, Number],
  [1184, 1185, dateOf],
  [3802, 3807, parsedOrText],
];

/** Arrays of what stays text: char, name, text, bpchar, varchar, date, time, timestamp, interval, numeric, uuid. */
const TEXT_ARRAYS = [1002, 1003, 1009, 1014, 1015, 1182, 1183, 1115, 1187, 1231, 2951];

type Parse = (text: string) => unknown;
const arraysOf =
  (parse: Parse): Parse =>
  (text) =>
    arrayOf(text, parse);
const unchanged: Parse = (text) => text;

const PARSERS = new Map<number, Parse>([
  ...SCALARS.map(([oid, , parse]) => [oid, parse] as const),
  ...SCALARS.map(([, array, parse]) => [array, arraysOf(parse)] as const),
  ...TEXT_ARRAYS.map((array) => [array, arraysOf(unchanged)] as const),
]);

/** Answers of the application's own statements. */
export const asValues: PgTypes = { getTypeParser: (oid) => PARSERS.get(oid) ?? unchanged };
