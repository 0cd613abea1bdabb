import type { $ZodNumberDef, $ZodTypes } from 'zod/v4/core';

/** Gives the value that a schema of its kind takes, or what it was given: the schema refuses that by itself. */
export type Reader = (value: unknown) => unknown;

// The forms that the document's "integer" and "number" have as text. `Number()` reads "", " 5", "0x10" and "1e1" too,
// and `z.coerce` also null and [], which no document says of a number.
const INTEGER = /^-?(?:0|[1-9]\d*)$/;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
// RFC 3339. What is no day of the calendar is found by what comes out: it is not the day that went in.
const DATE = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))?$/;

/** The texts of a bigint and of a date, as the document has them. */
export const BIGINT_PATTERN: string = INTEGER.source;
export const DATE_PATTERN: string = DATE.source;

/**
 * How a value of a request is read for a schema of a type that its carrier does not have: paths, queries and headers
 * have nothing but text; JSON has no dates and bigints. `undefined` where there is nothing to read.
 */
export function readerOf({ _zod: { def, bag } }: $ZodTypes, text: boolean): Reader | undefined {
  if (def.type === 'date') return readDate;
  if (def.type === 'bigint') return fromText(INTEGER, BigInt);
  if (!text) return undefined;
  switch (def.type) {
    case 'number':
      return fromText(isInteger(def, bag) ? INTEGER : NUMBER, Number);
    case 'boolean':
      return fromList([true, false]);
    case 'literal':
      return fromList(def.values);
    case 'enum':
      return fromList(Object.values(def.entries));
    default:
      return undefined;
  }
}

/** `z.int()` says so itself, `z.number().int()` by a check; before zod 4.6 the checks left it in the bag. */
function isInteger(def: $ZodNumberDef, bag: Readonly<Record<string, unknown>>): boolean {
  const checks = (def.checks ?? []).map((check) => ('format' in check._zod.def ? check._zod.def.format : undefined));
  return ['format' in def ? def.format : undefined, bag['format'], ...checks].some((format) =>
    /int/.test(String(format)),
  );
}

const fromText =
  (form: RegExp, make: (text: string) => unknown): Reader =>
  (value) =>
    typeof value === 'string' && form.test(value) ? make(value) : value;

/** Values that are no text, by their text. */
function fromList(values: readonly unknown[]): Reader | undefined {
  const others = values.filter((value) => typeof value !== 'string');
  if (others.length === 0) return undefined;
  const byText = new Map(others.map((value) => [String(value), value]));
  return (value) =>
    typeof value === 'string' && !values.includes(value) && byText.has(value) ? byText.get(value) : value;
}

const readDate: Reader = (value) => {
  if (typeof value !== 'string' || !DATE.test(value)) return value;
  const day = new Date(`${value.slice(0, 10)}T00:00:00Z`);
  const isDay = !Number.isNaN(day.getTime()) && day.toISOString().startsWith(value.slice(0, 10));
  return isDay ? new Date(value) : value;
};
