import { refuseUnknown } from '@ent/internal';
import { databaseErrors } from './errors.ts';

/** How a field is stored. The README says which column type each needs on each database. */
export type FieldType = 'string' | 'int' | 'bigint' | 'decimal' | 'double' | 'boolean' | 'date' | 'json' | 'bytes';

interface FieldValues {
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

declare const value: unique symbol;

/** A field with its options; made by {@link nullable} and {@link typed}. */
export interface Field<V = unknown, Type extends FieldType = FieldType, Nullable extends boolean = boolean> {
  readonly type: Type;
  readonly nullable: Nullable;
  /** For the compiler only. */
  readonly [value]?: V;
}

/** What may stand in `fields` of an entity: the name of a type, or a {@link Field}. */
export type FieldSpec = FieldType | Field;

type ValueOf<S> = S extends FieldType ? FieldValues[S] : S extends Field<infer V> ? V : never;
type TypeOf<S> = S extends FieldType ? S : S extends Field<unknown, infer Type> ? Type : never;
type IsNullable<S> = S extends Field<unknown, FieldType, infer N> ? N : false;

/** A field that may be null: `nullable('date')`. */
export function nullable<const S extends FieldSpec>(spec: S): Field<ValueOf<S> | null, TypeOf<S>, true> {
  return { type: typeOf(spec), nullable: true } as Field<ValueOf<S> | null, TypeOf<S>, true>;
}

/**
 * A field with a narrower TypeScript type than its storage has: `typed<Role[]>('json')`, `typed<'on' |
 * 'off'>('string')`. The compiler believes it; nothing is checked while it runs.
 */
export function typed<V>(type: 'json'): Field<V, 'json', false>;
export function typed<V extends string>(type: 'string'): Field<V, 'string', false>;
export function typed(type: FieldType): Field {
  return { type, nullable: false };
}

/** The fields of an entity, by name. */
export type Fields = Readonly<Record<string, FieldSpec>>;

type KeysOfType<F extends Fields, Type extends FieldType> = {
  [K in keyof F & string]: TypeOf<F[K]> extends Type ? K : never;
}[keyof F & string];

/** What {@link defineEntity} takes. */
export interface EntityDefinition<
  F extends Fields,
  Version extends string = string,
  CreatedAt extends string = string,
  UpdatedAt extends string = string,
  DeletedAt extends string = string,
> {
  /** The table or collection. A letter, then letters, digits and `_`; at most 63 characters. */
  readonly name: string;
  /** Every field with its type; `id: 'string'` is required. Names as for `name`. */
  readonly fields: F & { readonly id: 'string' | Field<string, 'string', false> };
  /**
   * The unique keys beside `id`. Your migration creates them; declared here, `upsert` can use them and errors name
   * them.
   */
  readonly unique?: readonly (readonly (keyof F & string)[])[] | undefined;
  /** An `int` field that starts at 1 and grows with each update: optimistic locking. */
  readonly version?: Version | undefined;
  /** A `date` field that is set by the insert. */
  readonly createdAt?: CreatedAt | undefined;
  /** A `date` field that is set by the insert and by each update. */
  readonly updatedAt?: UpdatedAt | undefined;
  /** A nullable `date` field: `delete` sets it, and every other call passes over rows that have it. */
  readonly deletedAt?: DeletedAt | undefined;
}

/** One field, as the core and the drivers see it. */
export interface EntityField {
  readonly name: string;
  readonly type: FieldType;
  readonly nullable: boolean;
}

/** An entity as the core and the drivers see it, while the program runs. */
export interface EntityModel {
  readonly name: string;
  readonly fields: ReadonlyMap<string, EntityField>;
  readonly unique: readonly (readonly string[])[];
  readonly version?: string | undefined;
  readonly createdAt?: string | undefined;
  readonly updatedAt?: string | undefined;
  readonly deletedAt?: string | undefined;
}

/** A defined entity: what `db.repo` takes. `T` is a stored row, `New` what an insert takes. */
export interface Entity<T extends { id: string }, New> extends EntityModel {
  /** For the compiler only. */
  readonly [value]?: (row: T, fresh: New) => void;
}

/** The type of a stored row: `type User = EntityOf<typeof users>`. */
export type EntityOf<E> = E extends Entity<infer T, infer _New> ? T : never;
/** The type of what an insert takes. */
export type NewOf<E> = E extends Entity<infer _T, infer New> ? New : never;

type Flat<T> = { [K in keyof T]: T[K] } & {};
type RowOf<F extends Fields> = { -readonly [K in keyof F]: ValueOf<F[K]> };
type OptionalKeys<F extends Fields, Managed> = {
  [K in keyof F]: K extends 'id' | Managed ? K : IsNullable<F[K]> extends true ? K : never;
}[keyof F];
type NewRow<F extends Fields, Managed> = Flat<
  Omit<RowOf<F>, OptionalKeys<F, Managed>> & {
    [K in OptionalKeys<F, Managed>]?: RowOf<F>[K] | undefined;
  }
>;
type WithId<T> = T extends { id: string } ? T : never;

const KNOWN = {
  name: true,
  fields: true,
  unique: true,
  version: true,
  createdAt: true,
  updatedAt: true,
  deletedAt: true,
} as const;
const NAME = /^[A-Za-z][A-Za-z0-9_]{0,62}$/;
const TYPES: ReadonlySet<string> = new Set<FieldType>([
  'string',
  'int',
  'bigint',
  'decimal',
  'double',
  'boolean',
  'date',
  'json',
  'bytes',
]);

/**
 * Describes what a table or collection holds. Plain data: it creates nothing; the table comes from a migration.
 *
 * ```ts
 * import { defineEntity, type EntityOf, nullable, typed } from '@ent/database';
 *
 * const users = defineEntity({
 *   name: 'users',
 *   fields: {
 *     id: 'string',
 *     email: 'string',
 *     roles: typed<('admin' | 'user')[]>('json'),
 *     lastLoginAt: nullable('date'),
 *     createdAt: 'date',
 *     version: 'int',
 *   },
 *   unique: [['email']],
 *   createdAt: 'createdAt',
 *   version: 'version',
 * });
 * type User = EntityOf<typeof users>;
 * const name: keyof User = 'email';
 * console.log(users.name, name);
 * ```
 *
 * @throws ConfigurationError `database.invalid_definition` when a name, a type or a key does not fit
 */
export function defineEntity<
  const F extends Fields,
  const Version extends KeysOfType<F, 'int'> = never,
  const CreatedAt extends KeysOfType<F, 'date'> = never,
  const UpdatedAt extends KeysOfType<F, 'date'> = never,
  const DeletedAt extends KeysOfType<F, 'date'> = never,
>(
  definition: EntityDefinition<F, Version, CreatedAt, UpdatedAt, DeletedAt>,
): Entity<WithId<RowOf<F>>, NewRow<F, Version | CreatedAt | UpdatedAt | DeletedAt>> {
  refuseUnknown(definition, KNOWN, 'defineEntity', databaseErrors.invalid_definition);
  const { name, version, createdAt, updatedAt, deletedAt } = definition;
  if (!NAME.test(name))
    throw invalid(String(name), 'its name must be a letter, then letters, digits and "_", at most 63');
  const fields = new Map<string, EntityField>();
  for (const [field, spec] of Object.entries(definition.fields as Fields)) {
    const type = typeOf(spec);
    if (!NAME.test(field))
      throw invalid(name, `field "${field}" must be a letter, then letters, digits and "_", at most 63`);
    if (!TYPES.has(type)) throw invalid(name, `field "${field}" must have one of the types ${[...TYPES].join(', ')}`);
    fields.set(field, Object.freeze({ name: field, type, nullable: typeof spec === 'object' && spec.nullable }));
  }
  expectField(name, fields, 'id', 'id', 'string', false);
  expectField(name, fields, 'version', version, 'int', false);
  expectField(name, fields, 'createdAt', createdAt, 'date', false);
  expectField(name, fields, 'updatedAt', updatedAt, 'date', false);
  expectField(name, fields, 'deletedAt', deletedAt, 'date', true);
  const unique = (definition.unique ?? []).map((key) => {
    if (key.length === 0) throw invalid(name, 'a unique key needs at least one field');
    for (const field of key)
      if (!fields.has(field)) throw invalid(name, `its unique key names "${field}", which is no field`);
    return Object.freeze([...key]);
  });
  return Object.freeze({ name, fields, unique: Object.freeze(unique), version, createdAt, updatedAt, deletedAt });
}

function typeOf(spec: FieldSpec): FieldType {
  return typeof spec === 'string' ? spec : spec?.type;
}

function expectField(
  entity: string,
  fields: ReadonlyMap<string, EntityField>,
  role: string,
  name: string | undefined,
  type: FieldType,
  isNullable: boolean,
): void {
  if (name === undefined) return;
  const field = fields.get(name);
  if (field?.type === type && field.nullable === isNullable) return;
  throw invalid(entity, `${role} must be a field of type ${isNullable ? `nullable('${type}')` : `'${type}'`}`);
}

function invalid(entity: string, why: string): Error {
  return databaseErrors.invalid_definition(`Entity "${entity}": ${why}.`);
}
