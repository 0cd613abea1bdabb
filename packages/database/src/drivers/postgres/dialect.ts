import { PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler, type SqlBool, sql } from 'kysely';
import type { FieldType } from '../../entity.ts';
import { type Codec, excluded, onConflict, type SqlDialect } from '../../internal/sql/dialect.ts';
import { bytesOf, instantOf, jsonOf } from './decode.ts';

type Text = (stored: string) => unknown;
const unchanged = (value: unknown): unknown => value;
const codec = (decode: Text, encode: (value: never) => unknown = unchanged): Codec => ({
  encode: encode as Codec['encode'],
  decode: decode as Codec['decode'],
});

/** How each type of field is sent and read: as text, since the parsers of pg round integers and move dates. */
const codecs: Readonly<Record<FieldType, Codec>> = {
  string: codec(unchanged),
  int: codec(safeInteger),
  bigint: codec(BigInt),
  // "1.50" of a column with a scale is 1.5 on every database.
  decimal: codec((stored) => (stored.includes('.') ? stored.replace(/\.?0+$/, '') : finite(stored))),
  double: codec((stored) => Number(finite(stored))),
  boolean: codec((stored) => stored === 't'),
  // A Date of pg's own would go out in the zone of this machine, whose old offsets had seconds.
  date: codec(date, (value: Date) => value.toISOString()),
  json: codec(jsonOf, (value: unknown) => JSON.stringify(value)),
  bytes: codec(bytesOf),
};

// By code point, whatever the collation of the database.
const text = sql`text collate "C"`;

export const dialect: SqlDialect = {
  kysely: {
    createAdapter: () => new PostgresAdapter(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
  columns: {
    id: text,
    string: text,
    int: 'int8',
    bigint: 'int8',
    decimal: 'numeric',
    double: 'float8',
    boolean: 'boolean',
    date: 'timestamptz(3)',
    // Keeps the order of members, and U+0000, which jsonb refuses.
    json: 'json',
    bytes: 'bytea',
  },
  codecs,
  // The protocol counts them in 16 bits.
  maxParameters: 65_535,
  rowsPerInsert: 500,
  limits: 'bind',
  arrays: true,
  nulls: 'last',
  writes: 'returning',
  upsert: onConflict,
  proposed: excluded,
  // ICU's rules are those of JavaScript; those of the database's own collation may know ASCII only.
  fold: (term) => sql`lower((${term})::text collate "und-x-icu")`,
  startsWith: (term, bind) => sql<SqlBool>`starts_with(${term}, ${bind()})`,
  endsWith: (term, value) => sql<SqlBool>`right(${term}, length(${value})) = ${value}`,
  contains: (term, value) => sql<SqlBool>`strpos(${term}, ${value}) > 0`,
  add(column, bind, type) {
    const sum = sql`(${column} + ${bind()})`;
    // Beyond 2^53 this divides by zero.
    return type === 'int' ? sql`${sum} / (abs(${column} + ${bind()}) < 9007199254740992)::int` : sum;
  },
};

function safeInteger(stored: string): number {
  const number = Number(stored);
  if (!Number.isSafeInteger(number)) throw new TypeError('not a safe integer');
  return number;
}

/** NaN and the infinities are values of `numeric` and `float8`, and of no field. */
function finite(stored: string): string {
  if (!Number.isFinite(Number(stored))) throw new TypeError('not finite');
  return stored;
}

function date(stored: string): Date {
  const instant = instantOf(stored);
  if (Number.isNaN(instant)) throw new TypeError('not a date');
  return new Date(instant);
}
