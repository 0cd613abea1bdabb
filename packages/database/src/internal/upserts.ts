import type { Change, DatabaseDriver, Row } from '../driver.ts';
import type { EntityModel } from '../entity.ts';
import { expectKey } from './criteria.ts';
import { invalidValue, pointer } from './problems.ts';
import { changeOf, completeRow, isEmptyChange, replacement } from './writes.ts';

/** What an upsert stores where no row has its key, and what it does to the one that has. */
export function upsertOf(
  entity: EntityModel,
  given: readonly string[],
  create: unknown,
  patch: unknown,
  driver: DatabaseDriver,
): { key: readonly string[]; row: Row; change: Change } {
  const now = new Date();
  const key = expectKey(entity, given, driver);
  const row = completeRow(entity, create, now);
  const absent = key.filter(
    (name) => row[name] === null || ((create as Row)[name] === undefined && name !== entity.tenant),
  );
  if (absent.length > 0) {
    const detail = 'is part of the key of the upsert, so it must have a value';
    throw invalidValue(
      entity.name,
      absent.map((name) => ({ pointer: pointer(name), code: 'required', detail })),
    );
  }
  const changed = patch
    ? changeOf(entity, patch, now, driver.features.decimalOrder)
    : replacement(entity, key, row, now);
  const [keyField] = key as readonly [string];
  // It touches the row all the same, since it answers it.
  return { key, row, change: isEmptyChange(changed) ? { set: { [keyField]: row[keyField] }, add: {} } : changed };
}
