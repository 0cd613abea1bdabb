import {
  type AliasedRawBuilder,
  type ColumnDataType,
  type ColumnDefinitionBuilder,
  type Dialect,
  DummyDriver,
  type Expression,
  type InsertQueryBuilder,
  type InsertResult,
  Kysely,
  type RawBuilder,
  type SqlBool,
  sql,
} from 'kysely';
import type { EntityField, EntityModel } from '../../entity.ts';
import { databaseErrors } from '../../errors.ts';
import type { FieldType } from '../../field.ts';
import type { ColumnTypes } from './types.ts';

/** Between a field and its column. Neither is called with null. */
export interface Codec {
  /** The value to bind. */
  readonly encode: (value: unknown) => unknown;
  /** The field's value. Throws anything for a stored value that is none of this type. */
  readonly decode: (stored: unknown) => unknown;
}

/** How a field is stored whose column has a type of its own: `stored('string', { as: 'uuid' })`. */
export interface ColumnStorage {
  /** For CREATE TABLE. */
  readonly column: ColumnDataType | Expression<unknown>;
  readonly codec: Codec;
  /**
   * The column as text, where it has another order than its text has, or no functions of text, as an enum of
   * PostgreSQL. Equality compares the column itself.
   */
  readonly text?: ((column: Term) => Term) | undefined;
}

/** A column or an expression over it. */
export type Term = RawBuilder<unknown>;
/** A bound value; with `derive`, something made from it. Each call binds it once more. */
export type Bind = (derive?: (value: unknown) => unknown) => Term;

/** Tables and columns come from entities while the program runs. */
type AnyTables = Record<string, Record<string, unknown>>;
/** An INSERT of one row. */
export type Insert = InsertQueryBuilder<AnyTables, string, InsertResult>;

/**
 * Makes an INSERT change the row that has the same `key`, if there is one: by `set`, whose columns are named with their
 * table. {@link onConflict}, or what the database has instead. All names are those of columns. Where rows can be
 * soft-deleted, `deletedAt` is the column that says so, and the key may be an index over the rows where it is null.
 */
export type Upsert = (
  insert: Insert,
  key: readonly string[],
  set: Readonly<Record<string, Term>>,
  deletedAt: string | undefined,
) => Insert;

/** Where SQL databases differ, as data: what the shared SQL is built from. */
export interface SqlDialect {
  /** Kysely's compiler, adapter and introspector for this database. */
  readonly kysely: Omit<Dialect, 'createDriver'>;
  readonly columns: ColumnTypes;
  readonly codecs: Readonly<Record<FieldType, Codec>>;
  /** How a field with `as` is stored. Undefined where this database has no such type: then as without it. */
  storageOf?(field: EntityField): ColumnStorage | undefined;
  /**
   * A bound value as a comparison takes it, where the database would take its type from the column, and refuse a value
   * that is beyond it: to look for one is no fault.
   */
  operand?(value: Term, type: FieldType): Term;
  /** Makes a column of integers one that the database counts. Default: `AUTO_INCREMENT`, as MySQL calls it. */
  identity?(column: ColumnDefinitionBuilder): ColumnDefinitionBuilder;
  /**
   * A query that has a row where a table is: bound to it are its name, and its schema, or null for the one in which it
   * would be created. Without it, what migrations have done cannot be read before their table is created.
   */
  readonly findTable?: string | undefined;
  /** How many values one statement can bind. */
  readonly maxParameters: number;
  /** How many rows go into one INSERT. */
  readonly rowsPerInsert: number;
  /** About how many bytes of values go into one INSERT of several rows. Default: any number. */
  readonly bytesPerInsert?: number | undefined;
  /**
   * Whether an index can be over some of the rows. Where not, the tables of entities whose rows can be soft-deleted get
   * a column that is made of `deletedAt`, as a part of their unique keys. Default: yes.
   */
  readonly partialIndexes?: boolean | undefined;
  /**
   * How LIMIT and OFFSET get their numbers. `inline` where a bound one makes the database plan the query anew each
   * time.
   */
  readonly limits: 'bind' | 'inline';
  /** Whether a list given to `db.native` is bound as an array of the database: `= any($1)`. Else it is refused. */
  readonly arrays: boolean;
  /** Where NULL stands in an ascending ORDER BY that does not say. */
  readonly nulls: 'first' | 'last';
  /**
   * How an update and an upsert of one row learn what is stored then. `returning`: by that clause. `read-back`, for
   * databases without it: by reading the row in the same transaction, under its lock.
   */
  readonly writes: 'returning' | 'read-back';
  /**
   * How an upsert finds the row that has its key: by what the database has for it, or, where that would act on any
   * unique key, by reading the row under its lock. The latter needs `writes: 'read-back'`.
   */
  readonly upsert: Upsert | 'locking read';
  /**
   * In the `set` of an {@link Upsert}, which needs it: what the INSERT would have stored in a column. {@link excluded},
   * or `VALUES()`.
   */
  proposed?(column: string): Term;
  /** The text in lower case; what `ignoreCase` compares. */
  fold(text: Term): Term;
  /** Text search by code points, as the filter operators of the same names. `folded`: both sides are in lower case. */
  startsWith(text: Term, bind: Bind, folded: boolean): Expression<SqlBool>;
  endsWith(text: Term, value: Term): Expression<SqlBool>;
  contains(text: Term, value: Term): Expression<SqlBool>;
  /** `column + value`; an error where the result does not fit the type. */
  add(column: Term, bind: Bind, type: FieldType): Term;
}

/** `ON CONFLICT (key) DO UPDATE`: for `upsert` of a dialect that has it, such as those of SQLite and PostgreSQL. */
export function onConflict(
  insert: Insert,
  key: readonly string[],
  set: Readonly<Record<string, Term>>,
  deletedAt: string | undefined,
): Insert {
  if (typeof (insert as Insert | undefined)?.onConflict !== 'function') {
    throw databaseErrors.invalid_definition(
      'onConflict takes an INSERT of Kysely, such as upsert() of a dialect is given.',
    );
  }
  return insert.onConflict((conflict) => {
    const target = conflict.columns(key);
    // Finds a partial index of that condition, and one over all rows as well.
    return (deletedAt === undefined ? target : target.where(deletedAt, 'is', null)).doUpdateSet(set);
  });
}

/** The row that an `ON CONFLICT` has kept out: `proposed` of a dialect whose `upsert` is {@link onConflict}. */
export function excluded(column: string): Term {
  return sql.ref(`excluded.${column}`);
}

/** How a field is stored. */
export function storageOf(dialect: SqlDialect, field: EntityField): ColumnStorage {
  const native = field.as === undefined ? undefined : dialect.storageOf?.(field);
  return native ?? { column: dialect.columns[field.type], codec: dialect.codecs[field.type] };
}

/** The column of a field, as text where only that has the order and the functions of text. */
export function textOf(dialect: SqlDialect, field: EntityField, prefix = ''): Term {
  const column = sql.ref(prefix + field.column);
  return storageOf(dialect, field).text?.(column) ?? column;
}

/** The columns of an entity, by the names of its fields. */
export function selectionOf(
  { fields }: EntityModel,
  names: Iterable<string> = fields.keys(),
): (string | AliasedRawBuilder<unknown, string>)[] {
  return Array.from(names, (name) => fields.get(name) as EntityField).map(({ name, column }) =>
    column === name ? name : sql.ref(column).as(name),
  );
}

/** Before a column that is meant as it is stored. Without the schema, which not every database takes there. */
export function prefixOf({ table }: EntityModel): string {
  return `${table.slice(table.indexOf('.') + 1)}.`;
}

/** What is bound as it is. */
export function unchanged(value: unknown): unknown {
  return value;
}

/** Kysely as a compiler. */
export type Compiler = Kysely<AnyTables>;

/** A Kysely that can compile for this dialect and not execute. */
export function compilerOf(dialect: SqlDialect): Compiler {
  return new Kysely({
    dialect: {
      createAdapter: () => dialect.kysely.createAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => dialect.kysely.createIntrospector(db),
      createQueryCompiler: () => dialect.kysely.createQueryCompiler(),
    },
  });
}
