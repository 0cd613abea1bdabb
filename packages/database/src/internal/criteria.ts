import type { Condition, DatabaseDriver } from '../driver.ts';
import type { EntityField, EntityModel } from '../entity.ts';
import { databaseErrors } from '../errors.ts';
import { ALL, and, equals, type FilterRules, parseFilter } from './conditions.ts';
import { keyOfTenant } from './keys.ts';
import { Mismatch } from './mismatch.ts';
import { invalidQuery } from './problems.ts';
import { isStorableText, storable } from './values.ts';

/** Rows that are not soft-deleted; every row, where that is asked for or there is no such thing. */
export function alive({ deletedAt }: EntityModel, withDeleted: boolean | undefined): Condition {
  return deletedAt === undefined || withDeleted === true ? ALL : { op: 'null', field: deletedAt };
}

/** A filter for many rows, which must not be all of them by accident. */
export function some(entity: EntityModel, where: unknown, rules: FilterRules): Condition {
  if (where === undefined) throw invalidQuery(entity.name, ['where'], 'required', 'is missing: which rows');
  const condition = parseFilter(entity, where, rules);
  if (condition.op !== 'all') return condition;
  throw invalidQuery(
    entity.name,
    ['where'],
    'matches_everything',
    `matches every row; say { ${entity.id[0]}: { ne: null } } if that is what you mean`,
  );
}

/** The row must have this version. */
export function ofVersion(entity: EntityModel, version: number | undefined): Condition {
  if (version === undefined) return ALL;
  if (entity.version === undefined) {
    throw invalidQuery(entity.name, ['version'], 'no_version', 'needs an entity with a version field');
  }
  expectWhole(entity, 'version', version, 0);
  return equals(entity.version, version);
}

/**
 * The row with this id; undefined for a value that no database can store, since no row has it: to look for one is a
 * miss, not a fault. Refuses what is no id of this entity.
 */
export function withId(entity: EntityModel, id: unknown): Condition | undefined {
  if (entity.id.length === 1) {
    const name = entity.id[0] as string;
    // What comes most of all.
    if (typeof id === 'string' && isPlainText(entity.fields.get(name) as EntityField)) {
      return isStorableText(id) ? equals(name, id) : undefined;
    }
    return valueOfId(entity, name, id, ['id']);
  }
  const given = isRecord(id) ? id : {};
  const stray = Object.keys(given).some((key) => !entity.id.includes(key));
  if (stray || !isRecord(id)) {
    const detail = `must be an object with the members ${entity.id.join(', ')}`;
    throw invalidQuery(entity.name, ['id'], 'invalid_type', detail);
  }
  const parts = entity.id.map((part) => valueOfId(entity, part, id[part], ['id', part]));
  return parts.includes(undefined) ? undefined : and(parts as Condition[]);
}

function valueOfId(entity: EntityModel, name: string, value: unknown, path: readonly string[]): Condition | undefined {
  const field = entity.fields.get(name) as EntityField;
  if (isPlainText(field)) {
    if (typeof value !== 'string') throw invalidQuery(entity.name, path, 'invalid_type', 'must be a string');
    return isStorableText(value) ? equals(name, value) : undefined;
  }
  try {
    if (value !== null) return equals(name, storable(field, value));
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    if (error.code !== 'invalid_type') return undefined;
    throw invalidQuery(entity.name, path, error.code, error.message);
  }
  throw invalidQuery(entity.name, path, 'invalid_type', 'must not be null');
}

function isPlainText({ type, as }: EntityField): boolean {
  return type === 'string' && as === undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function expectWhole(entity: EntityModel, name: string, value: number | undefined, least: number): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least)) return;
  throw invalidQuery(entity.name, [name], 'invalid_type', `must be a whole number, ${least} or more`);
}

/**
 * The key, with the tenant in it. Refuses what is no key of the entity, or none that the driver can upsert by.
 */
export function expectKey(
  entity: EntityModel,
  given: readonly string[],
  { name, features }: DatabaseDriver,
): readonly string[] {
  if (!Array.isArray(given)) throw invalidQuery(entity.name, ['key'], 'invalid_type', 'must be a list of fields');
  const key = keyOfTenant(entity.tenant, given);
  const isSame = (other: readonly string[]): boolean =>
    other.length === key.length && other.every((field) => key.includes(field));
  const isId = isSame(entity.id);
  if (!isId && !entity.unique.some(isSame)) {
    const detail =
      entity.tenant === undefined
        ? 'must be the id or one of the unique keys of the entity'
        : `must be a key with the tenant in it: ${key.join(', ')} is none of the entity; declare it in "unique"`;
    throw invalidQuery(entity.name, ['key'], 'no_key', detail);
  }
  if (!features.exactUpsert && entity.unique.length > (isId ? 0 : 1)) {
    throw databaseErrors.unsupported(
      `${entity.name}.upsert: ${name} may take another unique key for the one that is meant, so it cannot upsert an entity with several.`,
    );
  }
  return key;
}
