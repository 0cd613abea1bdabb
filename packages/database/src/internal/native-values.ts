import type { EntityField } from '../entity.ts';
import { Mismatch } from './mismatch.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const OBJECT_ID = /^[0-9a-f]{24}$/i;
const INSTANT = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z$/;

type Rule = (value: never) => unknown;

/**
 * What columns of a native type hold, of the values that their fields have otherwise, in the one form that is written.
 * Databases would refuse the others by different errors, or change them: `numeric(5,2)` rounds 1.234 without a word.
 */
const RULES: Readonly<Record<string, Rule>> = {
  uuid: (text: string) => lowerCase(text, UUID, 'must be a UUID'),
  'binary(16)': (text: string) => lowerCase(text, UUID, 'must be a UUID'),
  objectId: (text: string) => lowerCase(text, OBJECT_ID, 'must be 24 hexadecimal digits'),
  'string date': day,
  'string timestamptz': instant,
  'string timestamp': instant,
  datetime: wholeSeconds,
  unixepoch: wholeSeconds,
  'text[]': (value: unknown) => listOf(value, isStorable, 'texts'),
  'int[]': (value: unknown) => listOf(value, Number.isSafeInteger, 'integers'),
  'double[]': (value: unknown) => listOf(value, Number.isFinite, 'numbers'),
  'boolean[]': (value: unknown) => listOf(value, (item) => typeof item === 'boolean', 'booleans'),
};

/** The value in the form of its column. @throws Mismatch for what such a column cannot hold */
export function fitting({ type, as }: EntityField, value: unknown): unknown {
  if (as === undefined) return value;
  if (type === 'decimal') return digits(value as string, as);
  const rule = RULES[as] ?? RULES[`${type} ${as}`];
  return rule === undefined ? value : rule(value as never);
}

/** Now, as a column for times holds it. */
export function timeFor(field: EntityField | undefined, now: Date): Date {
  const isWhole = field?.as === 'datetime' || field?.as === 'unixepoch';
  return isWhole ? new Date(now.getTime() - (now.getTime() % 1000)) : now;
}

/** Whether a column holds text, in which something can be searched. */
export function isSearchable({ type, as }: EntityField): boolean {
  return type === 'string' && (as === undefined || as === 'enum');
}

function lowerCase(text: string, pattern: RegExp, expected: string): string {
  if (pattern.test(text)) return text.toLowerCase();
  throw new Mismatch('invalid_text', expected);
}

function day(text: string): string {
  if (/^\d{4}-\d\d-\d\d$/.test(text) && isMoment(`${text}T00:00:00`)) return text;
  throw new Mismatch('invalid_text', 'must be a day, such as "2024-03-10"');
}

function instant(text: string): string {
  const [, seconds = '', fraction = ''] = INSTANT.exec(text) ?? [];
  if (isMoment(seconds)) return `${seconds}.${fraction.padEnd(6, '0')}Z`;
  throw new Mismatch('invalid_text', 'must be an instant in UTC, such as "2024-03-10T02:30:00.123456Z"');
}

/** Whether there is such a time of such a day, of the years that all databases have. */
function isMoment(seconds: string): boolean {
  const time = Date.parse(`${seconds}Z`);
  return !seconds.startsWith('0000') && !Number.isNaN(time) && new Date(time).toISOString().startsWith(seconds);
}

function wholeSeconds(value: Date): Date {
  if (value.getTime() % 1000 === 0) return value;
  throw new Mismatch('too_precise', 'must be a whole second: its column keeps no milliseconds');
}

function digits(text: string, as: string): string {
  const [precision = 0, scale = 0] = as.match(/\d+/g)?.map(Number) ?? [];
  const [whole = '', fraction = ''] = text.replace(/^-?0?/, '').split('.');
  if (fraction.length > scale) throw new Mismatch('too_precise', `must have at most ${scale} digits after the point`);
  if (whole.length <= precision - scale) return text;
  throw new Mismatch('out_of_range', `must have at most ${precision - scale} digits before the point`);
}

function isStorable(item: unknown): boolean {
  return typeof item === 'string' && item.isWellFormed() && !item.includes('\0');
}

function listOf(value: unknown, isItem: (item: unknown) => boolean, what: string): unknown {
  if (Array.isArray(value) && value.every((item) => item === null || isItem(item))) return value;
  throw new Mismatch('invalid_type', `must be a list of ${what}`);
}
