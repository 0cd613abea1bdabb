/** What a field holds. docs/database/entities.md says which column each needs. */
export type FieldType = 'string' | 'int' | 'bigint' | 'decimal' | 'double' | 'boolean' | 'date' | 'json' | 'bytes';

/** The type in TypeScript of each type of field. */
export interface FieldValues {
  /** Well-formed Unicode without U+0000, which PostgreSQL cannot store. Compared by code point. */
  string: string;
  /** An integer that a JavaScript number holds exactly. */
  int: number;
  /** A 64-bit signed integer. */
  bigint: bigint;
  /** A decimal number as a string, at most 34 digits: `"19.99"`. Comes back in its shortest form. */
  decimal: string;
  /** A finite number. */
  double: number;
  boolean: boolean;
  /** An instant in milliseconds, of the years 1 to 9999. */
  date: Date;
  /** Anything that JSON can express. Opaque: it can be stored and read, not searched. */
  json: unknown;
  bytes: Uint8Array;
}

interface NativeTypes {
  /**
   * `uuid`: in lower case; a type of its own on PostgreSQL. `binary(16)`: a UUID as its 16 bytes, on MySQL. `objectId`:
   * on MongoDB, as 24 hexadecimal digits. `enum`: one of the labels that the column allows. `date`: a day,
   * `2024-03-10`. `timestamptz` and `timestamp`: an instant with its microseconds, `2024-03-10T02:30:00.123456Z`, which
   * a Date would lose; the latter is the column without a zone, taken as UTC.
   */
  string: 'uuid' | 'binary(16)' | 'objectId' | 'enum' | 'date' | 'timestamptz' | 'timestamp';
  int: never;
  bigint: never;
  /** Total digits, and those of them after the point; what does not fit is refused, where databases would round. */
  decimal: `numeric(${number},${number})`;
  double: never;
  boolean: never;
  /**
   * `timestamp`: PostgreSQL's column without a zone, taken as UTC. `datetime`: whole seconds, as MySQL's DATETIME and
   * SQLite's `datetime()` have them. `text`: as `toISOString` writes it, on SQLite. `unixepoch`: whole seconds since
   * 1970, on SQLite. Where only whole seconds fit, milliseconds are refused.
   */
  date: 'timestamp' | 'datetime' | 'text' | 'unixepoch';
  /** `jsonb`, and arrays of PostgreSQL; `text[]` is for every type that is written as text, such as `uuid[]`. */
  json: 'jsonb' | 'text[]' | 'int[]' | 'double[]' | 'boolean[]';
  bytes: never;
}

/**
 * The type of a column, where it is not the usual one (docs/database/entities.md). A database that has no
 * such type stores the field as it would otherwise; which values a field takes is the same on all of them.
 */
export type NativeType<Type extends FieldType = FieldType> = NativeTypes[Type];

/** How a field is stored, for {@link stored}. */
export interface FieldStorage<Type extends FieldType = FieldType> {
  /** What it is called in the table or collection. Default: by the entity's `naming`, which is the field's name. */
  readonly column?: string | undefined;
  /** The type of its column. Default: the usual one of its type of field. */
  readonly as?: NativeType<Type> | undefined;
}

declare const value: unique symbol;

/** A field with its options; made by {@link nullable}, {@link typed}, {@link stored} and {@link generated}. */
export interface Field<
  V = unknown,
  Type extends FieldType = FieldType,
  Nullable extends boolean = boolean,
  Generated extends boolean = boolean,
> {
  readonly type: Type;
  readonly nullable: Nullable;
  readonly generated: Generated;
  readonly storage: FieldStorage;
  /** For the compiler only. */
  readonly [value]?: V;
}

/** What may stand in `fields` of an entity: the name of a type, or a {@link Field}. */
export type FieldSpec = FieldType | Field;

export type ValueOf<S> = S extends FieldType ? FieldValues[S] : S extends Field<infer V> ? V : never;
export type TypeOf<S> = S extends FieldType ? S : S extends Field<unknown, infer Type> ? Type : never;
export type IsNullable<S> = S extends Field<unknown, FieldType, infer N> ? N : false;
export type IsGenerated<S> = S extends Field<unknown, FieldType, boolean, infer G> ? G : false;

/** A field that may be null: `nullable('date')`. */
export function nullable<const S extends FieldSpec>(
  spec: S,
): Field<ValueOf<S> | null, TypeOf<S>, true, IsGenerated<S>> {
  return { ...fieldOf(spec), nullable: true } as unknown as Field<ValueOf<S> | null, TypeOf<S>, true, IsGenerated<S>>;
}

/**
 * A field with a narrower TypeScript type than its storage has: `typed<Role[]>('json')`, `typed<'on' |
 * 'off'>('string')`. The compiler believes it; nothing is checked while it runs.
 */
export function typed<V>(type: 'json'): Field<V, 'json', false, false>;
export function typed<V extends string>(type: 'string'): Field<V, 'string', false, false>;
export function typed(type: FieldType): Field {
  return fieldOf(type);
}

/**
 * A field whose column has another name or type than it would have otherwise: `stored('date', { column: 'created_at'
 * })`, `stored('string', { as: 'uuid' })`. In rows, filters and errors it has the name of the field.
 */
export function stored<const S extends FieldSpec>(
  spec: S,
  storage: FieldStorage<TypeOf<S>>,
): Field<ValueOf<S>, TypeOf<S>, IsNullable<S>, IsGenerated<S>> {
  // What is no field is refused by defineEntity, which can say whose it is.
  const field = fieldOf(spec) as Field | undefined;
  return { ...field, storage: { ...field?.storage, ...storage } } as unknown as Field<
    ValueOf<S>,
    TypeOf<S>,
    IsNullable<S>,
    IsGenerated<S>
  >;
}

/**
 * A field that the database fills in: an identity, a default, a computed column. An insert that gives no value leaves
 * it to the database, and the row that it answers has what is stored: `generated('bigint')`.
 */
export function generated<const S extends FieldSpec>(spec: S): Field<ValueOf<S>, TypeOf<S>, IsNullable<S>, true> {
  return { ...fieldOf(spec), generated: true } as unknown as Field<ValueOf<S>, TypeOf<S>, IsNullable<S>, true>;
}

/** A spec with all that was not said. */
export function fieldOf(spec: FieldSpec): Field {
  return typeof spec === 'string' ? { type: spec, nullable: false, generated: false, storage: {} } : spec;
}
