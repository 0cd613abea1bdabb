import { MysqlAdapter, MysqlIntrospector, MysqlQueryCompiler, type SqlBool, sql } from 'kysely';
import type { FieldType } from '../../field.ts';
import type { Codec, SqlDialect } from '../../internal/sql/dialect.ts';
import { jsonOf } from '../../internal/sql/json.ts';
import { decimalOf, decimalParameter } from './decimals.ts';
import { dateOf, textOf } from './decode.ts';
import { storageOf } from './storage.ts';
import { byCodePoint, text } from './text.ts';

const unchanged = (value: unknown): unknown => value;
function codec<Stored>(decode: (stored: Stored) => unknown, encode: (value: never) => unknown = unchanged): Codec {
  return { decode: decode as Codec['decode'], encode: encode as Codec['encode'] };
}

/** How each type of field is sent and read; the session makes integers of numbers. */
const codecs: Readonly<Record<FieldType, Codec>> = {
  string: codec(only('string')),
  int: codec((stored: number) => {
    if (!Number.isSafeInteger(stored)) throw new TypeError('not a safe integer');
    return stored;
  }),
  bigint: codec((stored: number | string) => BigInt(stored)),
  decimal: codec(decimalOf, decimalParameter),
  double: codec(only('number')),
  boolean: codec((stored: number) => {
    if (stored !== 0 && stored !== 1) throw new TypeError('not a boolean');
    return stored === 1;
  }),
  date: codec(dateOf, textOf),
  json: codec(jsonOf, JSON.stringify),
  bytes: codec((stored: Uint8Array) => new Uint8Array(stored)),
};

// The other collations of MariaDB know no lower case beyond U+FFFF, nor that of some before it.
const byUnicode = sql.raw('/*M!101000 collate utf8mb4_uca1400_as_cs */');

export const dialect: SqlDialect = {
  kysely: {
    createAdapter: () => new Adapter(),
    createIntrospector: (db) => new MysqlIntrospector(db),
    createQueryCompiler: () => new MysqlQueryCompiler(),
  },
  columns: {
    // Three of them fit into one key of InnoDB.
    id: sql`varchar(255) ${text}`,
    string: sql`longtext ${text}`,
    int: 'bigint',
    bigint: 'bigint',
    // All that MySQL has, of which 30 digits behind the point.
    decimal: sql`decimal(65, 30)`,
    double: sql`double`,
    boolean: sql`tinyint(1)`,
    // TIMESTAMP ends in 2038, and moves with the session's zone.
    date: sql`datetime(3)`,
    // MySQL's JSON sorts members by length and rounds integers beyond 64 bits.
    json: sql`longtext character set utf8mb4 collate utf8mb4_bin`,
    bytes: sql`longblob`,
  },
  codecs,
  storageOf,
  findTable:
    'select 1 from information_schema.tables where table_name = ? and table_schema = coalesce(?, database()) limit 1',
  // The protocol counts them in 16 bits.
  maxParameters: 65_535,
  rowsPerInsert: 1000,
  // Of 16 MiB that the server takes by default, and 4 in older settings.
  bytesPerInsert: 1024 * 1024,
  partialIndexes: false,
  limits: 'bind',
  arrays: false,
  nulls: 'first',
  writes: 'read-back',
  // ON DUPLICATE KEY UPDATE acts on any unique key.
  upsert: 'locking read',
  fold: (term) => sql`lower(convert(${term} using utf8mb4) ${byUnicode}) ${byCodePoint}`,
  startsWith: (term, bind) => sql<SqlBool>`${term} like ${bind(prefix)} escape '|'`,
  endsWith: (term, value) => sql<SqlBool>`right(${term}, char_length(${value})) = ${value}`,
  contains: (term, value) => sql<SqlBool>`locate(${value}, ${term}) > 0`,
  add(column, bind, type) {
    if (type === 'decimal') return sql`${column} + ${bind(decimalParameter)}`;
    const sum = sql`(${column} + ${bind(integer)})`;
    // Beyond 2^53 this divides by zero, which is an error by our sql_mode.
    return type === 'int' ? sql`${sum} div (abs(${column} + ${bind(integer)}) < 9007199254740992)` : sum;
  },
};

/** MariaDB has INSERT ... RETURNING; Kysely's own adapter would drop its rows without a word. */
class Adapter extends MysqlAdapter {
  override get supportsReturning(): boolean {
    return true;
  }
}

/** What most versions and counters grow by, as a TINYINT: mysql2 takes several times as long for one of 64 bits. */
function integer(value: unknown): unknown {
  return value === 1 ? true : value;
}

/** What LIKE takes for the texts that begin so. */
function prefix(value: unknown): string {
  return `${(value as string).replace(/[%_|]/g, '|$&')}%`;
}

function only(type: 'string' | 'number'): (stored: unknown) => unknown {
  return (stored) => {
    if (typeof stored !== type) throw new TypeError(`not a ${type}`);
    return stored;
  };
}
