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
 * SQL functions of functions.ts: SQLite's own `lower` knows ASCII only, and its `+` turns an overflow into a float.
 */
const ADD: Partial<Record<FieldType, Term>> = {
  int: sql.raw('ent_add_int'),
  bigint: sql.raw('ent_add_bigint'),
};
const LEAST = sql.lit(Number.MIN_SAFE_INTEGER);
const MOST = sql.lit(Number.MAX_SAFE_INTEGER);

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
  findTable: `select 1 from pragma_table_info(?, coalesce(?, 'main')) limit 1`,
  maxParameters: 32_766,
  // Prepared once; 1,000 rows take 2.7 ms so and 3.8 one by one. More rows at once gain nothing.
  rowsPerInsert: 25,
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
  add(column, bind, type) {
    if (type === 'double') return sql`ent_add_double(${column}, ${bind()})`;
    // As bigint: a bound JavaScript number is a float to SQLite.
    const number = (): Term => bind((value) => BigInt(value as number));
    const sum = (): Term => sql`${column} + ${number()}`;
    const fits =
      type === 'int'
        ? sql`typeof(${column}) = 'integer' and ${sum()} between ${LEAST} and ${MOST}`
        : sql`typeof(${sum()}) = 'integer'`;
    // The function, which costs as much as the rest of the statement, says what is wrong.
    return sql`case when ${fits} then ${sum()} else ${ADD[type]}(${column}, ${number()}) end`;
  },
};

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
