import { PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler, type SqlBool, sql } from 'kysely';
import type { FieldType } from '../../field.ts';
import type { EntityField } from '../../entity.ts';
import { Mismatch } from '../../internal/mismatch.ts';
import { type Codec, type ColumnStorage, excluded, onConflict, type SqlDialect } from '../../internal/sql/dialect.ts';
import { isoOf } from '../../internal/sql/instants.ts';
import { jsonOf } from '../../internal/sql/json.ts';
import { arrayOf, arrayText } from './arrays.ts';
import { bytesOf, instantOf } from './decode.ts';

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
  date: codec(date, isoOf),
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
  storageOf,
  // An `int4` column is compared with any integer, by its index too.
  operand: (value, type) => (type === 'int' || type === 'bigint' ? sql`${value}::int8` : value),
  identity: (column) => column.generatedByDefaultAsIdentity(),
  // Not to_regclass, which also finds one in a schema that comes later in the search_path.
  findTable: `select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relname = $1 and n.nspname = coalesce($2, current_schema()::text)`,
  // The protocol counts them in 16 bits.
  maxParameters: 65_535,
  rowsPerInsert: 1000,
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

/** An enum has no functions of text, and the order in which its labels were declared. */
const asTextOf: ColumnStorage['text'] = (column) => sql`(${column})::text collate "C"`;
const lists = (column: string, parse: Text): ColumnStorage => ({
  column: sql.raw(column),
  codec: codec((stored) => arrayOf(stored, parse), arrayText),
});

/** Columns of types of PostgreSQL; those that are missing here are stored as their fields are. */
const NATIVE: Readonly<Record<string, ColumnStorage>> = {
  'string uuid': { column: 'uuid', codec: codec(unchanged) },
  'string enum': { column: text, codec: codec(unchanged), text: asTextOf },
  'string date': { column: 'date', codec: codec(day) },
  'string timestamptz': { column: 'timestamptz(6)', codec: codec(microseconds) },
  'string timestamp': { column: 'timestamp(6)', codec: codec((stored) => microseconds(`${stored}+00`)) },
  // A zone in the text that is bound is passed over; it is UTC in both directions.
  'date timestamp': { column: 'timestamp(3)', codec: codec((stored) => date(`${stored}+00`), codecs.date.encode) },
  'json jsonb': { column: 'jsonb', codec: codecs.json },
  'json text[]': lists('text[]', unchanged),
  'json int[]': lists('int8[]', safeInteger),
  'json double[]': lists('float8[]', (stored) => Number(finite(stored))),
  'json boolean[]': lists('boolean[]', (stored) => stored === 't'),
};

function storageOf({ type, as }: EntityField): ColumnStorage | undefined {
  if (type === 'decimal') return { column: sql.raw(as as string), codec: codecs.decimal };
  return NATIVE[`${type} ${as}`];
}

const MICROSECONDS = /\.\d{3}\d*[1-9]/;
const TOO_PRECISE =
  "has microseconds, which a Date would lose; map it as stored('string', { as: 'timestamptz' }), or give the column three digits: timestamptz(3)";

/** The infinities are days of PostgreSQL, and none of a field. */
function day(stored: string): string {
  if (!/^\d{4}-\d\d-\d\d$/.test(stored)) throw new TypeError('not a day of the years 1 to 9999');
  return stored;
}

/** `2024-03-10 02:30:00.5+00` as an instant with six digits. */
function microseconds(stored: string): string {
  const [, fraction = ''] = /\.(\d+)/.exec(stored) ?? [];
  const seconds = date(stored.replace(/\.\d+/, ''));
  return `${seconds.toISOString().slice(0, 19)}.${fraction.padEnd(6, '0')}Z`;
}

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
  // 26 characters is one with milliseconds, in UTC.
  if (stored.length > 26 && MICROSECONDS.test(stored)) throw new Mismatch('too_precise', TOO_PRECISE);
  return new Date(instant);
}
