import { kindOf, refuseUnknown } from '@ent/internal';
import { databaseErrors } from './errors.ts';
import {
  type FieldSpec,
  type FieldStorage,
  type FieldType,
  fieldOf,
  type IsGenerated,
  type IsNullable,
  type NativeType,
  type TypeOf,
  type ValueOf,
} from './field.ts';
import { columnOf, isNativeType, type Naming, tableOf } from './internal/naming.ts';
import { keyOfTenant } from './internal/keys.ts';

declare const types: unique symbol;

/** The fields of an entity, by name. */
export type Fields = Readonly<Record<string, FieldSpec>>;

type KeysOfType<F extends Fields, Type extends FieldType> = {
  [K in keyof F & string]: TypeOf<F[K]> extends Type ? K : never;
}[keyof F & string];

/** What can be an id, or a part of one. */
type IdType = 'string' | 'int' | 'bigint' | 'date';
type IdKeys<F extends Fields> = {
  [K in keyof F & string]: TypeOf<F[K]> extends IdType ? (IsNullable<F[K]> extends true ? never : K) : never;
}[keyof F & string];

type TenantKeys<F extends Fields> = {
  [K in IdKeys<F>]: TypeOf<F[K]> extends 'date' ? never : K;
}[IdKeys<F>];

/** What {@link defineEntity} takes. */
export interface EntityDefinition<
  F extends Fields,
  Version extends string = string,
  CreatedAt extends string = string,
  UpdatedAt extends string = string,
  DeletedAt extends string = string,
  Key extends string = string,
  Tenant extends string = string,
> {
  /** What it is called, in errors and telemetry. A letter, then letters, digits and `_`; at most 63 characters. */
  readonly name: string;
  /** The table or collection, perhaps with its schema: `app.users`. Default: by `naming`, which is the name itself. */
  readonly table?: string | undefined;
  /**
   * What columns are called whose field does not say, and the table. `snake_case`: `createdAt` is stored in
   * `created_at`. Default: they have the names of their fields.
   */
  readonly naming?: Naming | undefined;
  /** Every field with its type. Names as for `name`. Columns that stand for none of them are left alone. */
  readonly fields: F;
  /**
   * The field that is the primary key, of the type `string`, `int`, `bigint` or `date`; several for a composite key. A
   * single one of the type `string` that is not given and not {@link generated} becomes a UUID version 7. Default
   * `id`.
   */
  readonly id?: Key | readonly Key[] | undefined;
  /**
   * The unique keys beside the id. Your migration creates them; declared here, `upsert` can use them and errors name
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
  /**
   * The field that says whose a row is, of the type `string`, `int` or `bigint`. Every call is about the rows of the
   * tenant around it ({@link withTenant}) and no others; an insert has it filled in, and no update changes it. The
   * unique keys are those of a tenant: it stands at the beginning of each that does not name it.
   */
  readonly tenant?: Tenant | undefined;
}

/** One field, as the core and the drivers see it. */
export interface EntityField {
  readonly name: string;
  readonly type: FieldType;
  readonly nullable: boolean;
  /** The database fills it in where an insert gives no value. */
  readonly generated: boolean;
  /** What it is called in the table or collection. Everything else names the field. */
  readonly column: string;
  /** The type of its column, where it is not the one that the driver has for `type`. */
  readonly as: NativeType | undefined;
}

/** An entity as the core and the drivers see it, while the program runs. */
export interface EntityModel {
  readonly name: string;
  /** The table or collection; perhaps with its schema before a dot. */
  readonly table: string;
  readonly fields: ReadonlyMap<string, EntityField>;
  /** The fields of the id, never none. */
  readonly id: readonly string[];
  /** The id, where it becomes a UUID version 7 when none is given. */
  readonly madeUp?: string | undefined;
  /** The fields that the database fills in. */
  readonly generated: readonly string[];
  readonly unique: readonly (readonly string[])[];
  readonly version?: string | undefined;
  readonly createdAt?: string | undefined;
  readonly updatedAt?: string | undefined;
  readonly deletedAt?: string | undefined;
  /** The field that says whose a row is. It is in each of the unique keys. */
  readonly tenant?: string | undefined;
}

/**
 * A defined entity: what `db.repo` takes. `T` is a stored row, `New` what an insert takes, `Key` are the fields of the
 * id.
 */
export interface Entity<T extends object, New, Key extends string = 'id'> extends EntityModel {
  /** For the compiler only. */
  readonly [types]?: (row: T, fresh: New, key: Key) => void;
}

/** The type of a stored row: `type User = EntityOf<typeof users>`. */
export type EntityOf<E> = E extends Entity<infer T, infer _New, infer _Key> ? T : never;
/** The type of what an insert takes. */
export type NewOf<E> = E extends Entity<infer _T, infer New, infer _Key> ? New : never;
/** The type of an id: that of its field, or an object with all fields of a composite key. */
export type IdOf<T, Key extends keyof T> = IsUnion<Key> extends true ? Flat<Pick<T, Key>> : T[Key];

type IsUnion<K, All = K> = [K] extends [never] ? false : K extends unknown ? ([All] extends [K] ? false : true) : never;
type Flat<T> = { [K in keyof T]: T[K] } & {};
type RowOf<F extends Fields> = { -readonly [K in keyof F]: ValueOf<F[K]> };
/** A single id of text that nobody gives is made up. */
type MadeUp<F extends Fields, Key extends keyof F> =
  IsUnion<Key> extends true ? never : TypeOf<F[Key]> extends 'string' ? Key : never;
type OptionalKeys<F extends Fields, Managed> = {
  [K in keyof F]: K extends Managed ? K : true extends IsNullable<F[K]> | IsGenerated<F[K]> ? K : never;
}[keyof F];
type NewRow<F extends Fields, Managed> = Flat<
  Omit<RowOf<F>, OptionalKeys<F, Managed>> & {
    [K in OptionalKeys<F, Managed>]?: RowOf<F>[K] | undefined;
  }
>;

const KNOWN = {
  name: true,
  table: true,
  naming: true,
  fields: true,
  id: true,
  unique: true,
  version: true,
  createdAt: true,
  updatedAt: true,
  deletedAt: true,
  tenant: true,
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
  const Key extends IdKeys<F> = IdKeys<F> & 'id',
  const Tenant extends TenantKeys<F> = never,
>(
  definition: EntityDefinition<F, Version, CreatedAt, UpdatedAt, DeletedAt, Key, Tenant> &
    ([Key] extends [never] ? { readonly fields: { readonly id: IdType } } : unknown),
): Entity<RowOf<F>, NewRow<F, Version | CreatedAt | UpdatedAt | DeletedAt | Tenant | MadeUp<F, Key>>, Key> {
  refuseUnknown<EntityDefinition<F, Version, CreatedAt, UpdatedAt, DeletedAt, Key, Tenant>>(
    definition,
    KNOWN,
    'defineEntity',
    databaseErrors.invalid_definition,
  );
  const { name, version, createdAt, updatedAt, deletedAt, tenant } = definition;
  if (typeof name !== 'string' || !NAME.test(name))
    throw invalid(
      typeof name === 'string' ? name : kindOf(name),
      'its name must be a letter, then letters, digits and "_", at most 63',
    );
  const why = (detail: string): Error => invalid(name, detail);
  if (typeof definition.fields !== 'object' || (definition.fields as Fields | null) === null) {
    throw why(`fields must be an object of types by name; got ${kindOf(definition.fields)}`);
  }
  const table = tableOf(name, definition.table, definition.naming, why);
  const fields = fieldsOf(name, definition.fields, definition.naming, why);
  const id = idOf(definition.id ?? 'id', fields, why);
  expectField(name, fields, 'version', version, 'int', false);
  expectField(name, fields, 'createdAt', createdAt, 'date', false);
  expectField(name, fields, 'updatedAt', updatedAt, 'date', false);
  expectField(name, fields, 'deletedAt', deletedAt, 'date', true);
  expectTenant(name, fields, tenant, [version, createdAt, updatedAt, deletedAt]);
  const keys: unknown = definition.unique ?? [];
  if (!Array.isArray(keys) || !keys.every((key) => Array.isArray(key))) {
    throw invalid(name, 'unique must be a list of keys, each a list of fields');
  }
  const unique = (definition.unique ?? []).map((key) => {
    if (key.length === 0) throw invalid(name, 'a unique key needs at least one field');
    for (const field of key)
      if (!fields.has(field)) throw invalid(name, `its unique key names "${field}", which is no field`);
    return Object.freeze([...keyOfTenant(tenant, key)]);
  });
  const generated = [...fields.values()].filter((field) => field.generated).map((field) => field.name);
  return Object.freeze({
    name,
    table,
    fields,
    id,
    madeUp: madeUpOf(id, fields),
    generated: Object.freeze(generated),
    unique: Object.freeze(unique),
    version,
    createdAt,
    updatedAt,
    deletedAt,
    tenant,
  });
}

type Refuse = (detail: string) => Error;

function fieldsOf(entity: string, specs: Fields, naming: Naming | undefined, refuse: Refuse): Map<string, EntityField> {
  const fields = new Map<string, EntityField>();
  const columns = new Set<string>();
  for (const [name, spec] of Object.entries(specs)) {
    const { type, nullable, generated, storage } = fieldOf(spec) ?? {};
    if (!NAME.test(name)) throw refuse(`field "${name}" must be a letter, then letters, digits and "_", at most 63`);
    if (!TYPES.has(type)) throw refuse(`field "${name}" must have one of the types ${[...TYPES].join(', ')}`);
    const what = `Entity "${entity}": field "${name}"`;
    refuseUnknown<FieldStorage>(storage, { column: true, as: true }, what, databaseErrors.invalid_definition);
    const { as } = storage;
    if (as !== undefined && !isNativeType(type, as)) {
      throw refuse(`field "${name}" is of the type '${type}', which cannot be stored as '${String(as)}'`);
    }
    const column = columnOf(name, storage.column, naming, refuse);
    if (columns.has(column)) throw refuse(`two of its fields are stored in the column "${column}"`);
    columns.add(column);
    fields.set(name, Object.freeze({ name, type, nullable, generated, column, as }));
  }
  return fields;
}

const IDS: ReadonlySet<FieldType> = new Set<IdType>(['string', 'int', 'bigint', 'date']);

function idOf(key: string | readonly string[], fields: ReadonlyMap<string, EntityField>, refuse: Refuse) {
  const given: unknown = key;
  if (typeof given !== 'string' && !Array.isArray(given)) throw refuse('its id must be a field, or a list of fields');
  const id = typeof key === 'string' ? [key] : [...key];
  if (id.length === 0 || new Set(id).size < id.length)
    throw refuse('its id must be a field, or several different ones');
  for (const name of id) {
    const field = fields.get(name);
    if (field === undefined) throw refuse(`its id "${name}" is no field; say which one is: { id: ... }`);
    if (field.nullable || !IDS.has(field.type)) {
      throw refuse(`its id "${name}" must be of the type ${[...IDS].join(', ')}, and not nullable`);
    }
  }
  return Object.freeze(id);
}

/** A single id of text. */
function madeUpOf([name = '', ...others]: readonly string[], fields: ReadonlyMap<string, EntityField>) {
  const { type, as, generated } = fields.get(name) as EntityField;
  const isUuid = as === undefined || as === 'uuid' || as === 'binary(16)';
  return type === 'string' && isUuid && !generated && others.length === 0 ? name : undefined;
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

const TENANTS: ReadonlySet<FieldType> = new Set<FieldType>(['string', 'int', 'bigint']);

function expectTenant(
  entity: string,
  fields: ReadonlyMap<string, EntityField>,
  name: string | undefined,
  others: readonly (string | undefined)[],
): void {
  if (name === undefined) return;
  const field = fields.get(name);
  if (field === undefined) throw invalid(entity, `its tenant "${String(name)}" is no field`);
  if (field.nullable || field.generated || !TENANTS.has(field.type) || others.includes(name)) {
    const allowed = [...TENANTS].join(', ');
    throw invalid(
      entity,
      `its tenant "${name}" must be a field of its own of the type ${allowed}, neither nullable nor generated`,
    );
  }
}

function invalid(entity: string, why: string): Error {
  return databaseErrors.invalid_definition(`Entity "${entity}": ${why}.`);
}
