import type { Condition, DatabaseDriver } from '../driver.ts';
import type { EntityModel } from '../entity.ts';
import { databaseErrors } from '../errors.ts';
import { ALL, equals, type FilterRules, parseFilter } from './conditions.ts';
import { invalidQuery } from './problems.ts';

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
    'matches every row; say { id: { ne: null } } if that is what you mean',
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

/** Refuses an id that is no text. Text that no database can store is let through: no row has it. */
export function expectId(entity: EntityModel, id: unknown): void {
  if (typeof id !== 'string') throw invalidQuery(entity.name, ['id'], 'invalid_type', 'must be a string');
}

export function expectWhole(entity: EntityModel, name: string, value: number | undefined, least: number): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least)) return;
  throw invalidQuery(entity.name, [name], 'invalid_type', `must be a whole number, ${least} or more`);
}

/** Refuses what is no key of the entity, or none that the driver can upsert by. */
export function expectKey(entity: EntityModel, key: readonly string[], { name, features }: DatabaseDriver): void {
  const isSame = (other: readonly string[]): boolean =>
    other.length === key.length && other.every((field) => key.includes(field));
  const isId = isSame(['id']);
  if (!isId && !entity.unique.some(isSame)) {
    throw invalidQuery(entity.name, ['key'], 'no_key', "must be ['id'] or one of the unique keys of the entity");
  }
  if (!features.exactUpsert && entity.unique.length > (isId ? 0 : 1)) {
    throw databaseErrors.unsupported(
      `${entity.name}.upsert: ${name} may take another unique key for the one that is meant, so it cannot upsert an entity with several.`,
    );
  }
}
