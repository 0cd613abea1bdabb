import { SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler, type SqlBool, sql } from 'kysely';
import type { FieldType } from '../../field.ts';
import type { EntityField } from '../../entity.ts';
import {
  type Codec,
  type ColumnStorage,
  excluded,
  onConflict,
  type SqlDialect,
  type Term,
} from '../../internal/sql/dialect.ts';

const unchanged = (value: unknown): unknown => value;
const text: Codec = { encode: unchanged, decode: only('string') };

/** How each type of field is stored. */
const codecs: Readonly<Record<FieldType, Codec>> = {
  string: text,
  decimal: text,
  int: { encode: unchanged, decode: integer },
  bigint: { encode: unchanged, decode: only('bigint') },
  double: {
    encode: unchanged,
    decode: (stored) => (typeof stored === 'bigint' ? Number(stored) : only('number')(stored)),
  },
  boolean: { encode: (value) => (value === true ? 1 : 0), decode: (stored) => bit(integer(stored)) },
  date: { encode: (value) => (value as Date).getTime(), decode: (stored) => new Date(integer(stored)) },
  json: {
    encode: (value) => JSON.stringify(value),
    decode: (stored) => JSON.parse(text.decode(stored) as string) as unknown,
  },
  bytes: { encode: unchanged, decode: (stored) => new Uint8Array(bytes(stored)) },
};

/** Times that are not milliseconds since 1970. */
const TIMES: Readonly<Record<string, ColumnStorage>> = {
  text: { column: 'text', codec: written((time) => time.toISOString()) },
  // As SQLite's `datetime()` and CURRENT_TIMESTAMP write it.
  datetime: { column: 'text', codec: written((time) => time.toISOString().slice(0, 19).replace('T', ' ')) },
  unixepoch: {
    column: 'integer',
    codec: {
      encode: (value) => (value as Date).getTime() / 1000,
      decode: (stored) => new Date(integer(stored) * 1000),
    },
  },
};

/** Times as text in one form to the letter, since texts are compared as they stand. */
function written(form: (time: Date) => string): Codec {
  return {
    encode: (value) => form(value as Date),
    decode(stored) {
      const value = text.decode(stored) as string;
      const time = new Date(value.replace(' ', 'T').replace(/Z?$/, 'Z'));
      if (form(time) !== value) throw new TypeError('not a time in this form');
      return time;
    },
  };
}

/**
 * SQL functions that {@link registerFunctions} defines: SQLite's own `lower` knows ASCII only, and its `+` turns an
 * overflow into a float.
 */
const ADD: Partial<Record<FieldType, Term>> = {
  int: sql.raw('ent_add_int'),
  bigint: sql.raw('ent_add_bigint'),
  double: sql.raw('ent_add_double'),
};

export const dialect: SqlDialect = {
  kysely: {
    createAdapter: () => new SqliteAdapter(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
  columns: {
    id: 'text',
    string: 'text',
    int: 'integer',
    bigint: 'integer',
    // SQLite would turn the values of a DECIMAL column into floats.
    decimal: 'text',
    double: 'real',
    boolean: 'integer',
    date: 'integer',
    json: 'text',
    bytes: 'blob',
  },
  codecs,
  storageOf: ({ type, as }: EntityField) => (type === 'date' && as !== undefined ? TIMES[as] : undefined),
  maxParameters: 32_766,
  // A prepared one-row INSERT in a loop is faster than parsing a long one: there is no network to save.
  rowsPerInsert: 1,
  // Built with STAT4, SQLite looks at the value of a bound LIMIT and prepares the statement again: 8 us instead of 1.5.
  limits: 'inline',
  arrays: false,
  nulls: 'first',
  writes: 'returning',
  upsert: onConflict,
  proposed: excluded,
  fold: (term) => sql`ent_fold(${term})`,
  // A range, so that an index serves it; LIKE would ignore ASCII case and could use none.
  startsWith: (term, bind, folded) =>
    folded
      ? sql<SqlBool>`substr(${term}, 1, length(${bind()})) = ${bind()}`
      : sql<SqlBool>`(${term} >= ${bind()} and ${term} < ${bind(prefixEnd)})`,
  endsWith: (term, value) => sql<SqlBool>`substr(${term}, -length(${value})) = ${value}`,
  contains: (term, value) => sql<SqlBool>`instr(${term}, ${value}) > 0`,
  // As bigint: a bound JavaScript number is a float to SQLite.
  add: (column, bind, type) =>
    sql`${ADD[type]}(${column}, ${bind((value) => (type === 'double' ? value : BigInt(value as number)))})`,
};

/** The part of a connection that {@link registerFunctions} needs. */
interface FunctionHost {
  function(
    name: string,
    options: { deterministic: boolean; safeIntegers?: boolean },
    body: (...values: never[]) => unknown,
  ): unknown;
}

/** A sum that does not fit its field. */
export class OverflowError extends RangeError {}

export function registerFunctions(connection: FunctionHost): void {
  const exact = { deterministic: true, safeIntegers: true };
  connection.function('ent_fold', { deterministic: true }, (value: unknown) =>
    typeof value === 'string' ? value.toLowerCase() : value,
  );
  connection.function('ent_add_int', exact, (a: unknown, b: bigint) => {
    const sum = bigint(a) + b;
    return within(sum, Number.isSafeInteger(Number(sum)));
  });
  connection.function('ent_add_bigint', exact, (a: unknown, b: bigint) => {
    const sum = bigint(a) + b;
    return within(sum, BigInt.asIntN(64, sum) === sum);
  });
  connection.function('ent_add_double', { deterministic: true }, (a: number, b: number) => {
    const sum = a + b;
    return within(sum, Number.isFinite(sum));
  });
}

function bigint(stored: unknown): bigint {
  if (typeof stored === 'bigint') return stored;
  throw new OverflowError('The stored value is no integer.');
}

function within<T>(sum: T, fits: boolean): T {
  if (fits) return sum;
  throw new OverflowError('The sum does not fit the field.');
}

/** The smallest text after all that start with `prefix`. */
function prefixEnd(prefix: unknown): unknown {
  const points = Array.from(prefix as string, (character) => character.codePointAt(0) as number);
  while (points.at(-1) === 0x10ffff) points.pop();
  const last = points.pop();
  // Nothing but the last code point of all: then no text, but any blob, comes after it.
  if (last === undefined) return new Uint8Array(0);
  // U+D800 to U+DFFF are no characters.
  return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
}

function integer(stored: unknown): number {
  const number = typeof stored === 'bigint' ? Number(stored) : stored;
  if (!Number.isSafeInteger(number)) throw new TypeError('not an integer');
  return number as number;
}

function bit(number: number): boolean {
  if (number !== 0 && number !== 1) throw new TypeError('not a boolean');
  return number === 1;
}

function bytes(stored: unknown): Uint8Array {
  if (!(stored instanceof Uint8Array)) throw new TypeError('not a blob');
  return stored;
}

function only(type: 'string' | 'number' | 'bigint'): (stored: unknown) => unknown {
  return (stored) => {
    if (typeof stored !== type) throw new TypeError(`not a ${type}`);
    return stored;
  };
}
