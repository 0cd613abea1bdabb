import type { Issue } from '@ent/errors';
import type { Change, Row } from '../driver.ts';
import type { EntityField, EntityModel } from '../entity.ts';
import { timeFor } from './native-values.ts';
import { invalidValue, issueOf, pointer } from './problems.ts';
import { quickRow } from './quick-rows.ts';
import { scopeHere, tenantOf } from './tenancy.ts';
import { uuidv7 } from './uuid.ts';
import { storable } from './values.ts';

type Path = readonly (string | number)[];

/**
 * A complete row for an insert: checked, with what is managed filled in, without what the database is to fill in. All
 * faults are reported at once.
 */
export function completeRow(entity: EntityModel, input: unknown, now: Date, path: Path = []): Row {
  const given = recordOf(entity, input, path);
  const quick = quickRow(entity, given, now);
  if (quick !== undefined) return quick;
  const issues: Issue[] = [];
  for (const name of Object.keys(given)) {
    if (!entity.fields.has(name)) issues.push(unknownField([...path, name]));
  }
  const tenant = entity.tenant === undefined ? undefined : tenantOf(entity, scopeHere());
  const row: Row = {};
  // Without a closure or a path for each field: both would cost more than to look at its value.
  for (const field of entity.fields.values()) {
    const { name } = field;
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    const stored = value === undefined ? initial(entity, field, now, tenant) : value;
    if (stored === undefined) {
      if (field.generated) continue;
      issues.push({ pointer: pointer(...path, name), code: 'required', detail: 'is required' });
    } else if (stored === '' && entity.id.includes(name)) {
      issues.push({ pointer: pointer(...path, name), code: 'invalid_id', detail: 'must not be empty' });
    } else {
      try {
        row[name] = storable(field, stored);
      } catch (error) {
        issues.push(issueOf(error, [...path, name]));
      }
      if (name === entity.tenant && tenant !== undefined && row[name] !== tenant) {
        issues.push(ofAnother([...path, name]));
      }
    }
  }
  if (issues.length > 0) throw invalidValue(entity.name, issues);
  return row;
}

function initial(entity: EntityModel, field: EntityField, now: Date, tenant: unknown): unknown {
  const { name } = field;
  if (field.generated) return undefined;
  if (name === entity.createdAt || name === entity.updatedAt) {
    return field.as === undefined ? now : timeFor(field, now);
  }
  if (name === entity.version) return 1;
  if (name === entity.tenant) return tenant;
  if (name === entity.madeUp) return uuidv7(now.getTime());
  return field.nullable ? null : undefined;
}

/**
 * A patch in the drivers' form, with version and time of update. May be empty, where the entity has neither. Issues
 * point at fields, as those of an insert do, and not at where the patch has them: a client knows no patch.
 */
export function changeOf(entity: EntityModel, patch: unknown, now: Date, decimals: boolean): Change {
  const issues: Issue[] = [];
  const given = recordOf(entity, patch, []);
  for (const name of Object.keys(given)) {
    if (name === 'set' || name === 'inc') continue;
    issues.push({
      pointer: pointer(name),
      code: 'unknown_key',
      detail: 'is not "set" or "inc"; put new values into "set"',
    });
  }
  const set: Row = {};
  const add: Record<string, number | bigint | string> = {};
  const sets = partOf(entity, given, 'set');
  for (const name of Object.keys(sets)) {
    const value = sets[name];
    const field = entity.fields.get(name);
    if (field === undefined) issues.push(unknownField([name]));
    else if (value !== undefined) {
      if (isManaged(entity, name)) issues.push(managed([name]));
      else {
        try {
          set[name] = storable(field, value);
        } catch (error) {
          issues.push(issueOf(error, [name]));
        }
      }
    }
  }
  const incs = partOf(entity, given, 'inc');
  for (const name of Object.keys(incs)) {
    const value = incs[name];
    const field = entity.fields.get(name);
    if (field === undefined) issues.push(unknownField([name]));
    else if (value !== undefined) {
      const at = [name];
      if (isManaged(entity, name)) issues.push(managed(at));
      else if (Object.hasOwn(set, name))
        issues.push({ pointer: pointer(...at), code: 'twice', detail: 'is in "set" and in "inc"' });
      else if (!isCountable(field, decimals)) {
        issues.push({
          pointer: pointer(...at),
          code: 'not_a_number',
          detail: 'must be a number field that is never null',
        });
      } else {
        try {
          add[name] = storable(field, value) as number | bigint | string;
        } catch (error) {
          issues.push(issueOf(error, at));
        }
      }
    }
  }
  if (issues.length > 0) throw invalidValue(entity.name, issues);
  return touched(entity, { set, add }, now);
}

/** What an upsert without a patch does to the row that exists: every value of the new row but its identity. */
export function replacement(entity: EntityModel, key: readonly string[], row: Row, now: Date): Change {
  const kept = new Set([...key, ...entity.id, entity.createdAt, entity.updatedAt, entity.version]);
  const set = Object.fromEntries(Object.entries(row).filter(([name]) => !kept.has(name)));
  return touched(entity, { set, add: {} }, now);
}

/** A change with the time of update and the next version. */
function touched(entity: EntityModel, { set, add }: Change, now: Date): Change {
  const { updatedAt, version } = entity;
  const isSet = updatedAt === undefined || Object.hasOwn(set, updatedAt);
  return {
    set: isSet ? set : { ...set, [updatedAt]: timeFor(entity.fields.get(updatedAt), now) },
    add: version === undefined ? add : { ...add, [version]: 1 },
  };
}

/** What a delete does to the row where it stays and is marked; undefined where it goes. */
export function deletionOf(entity: EntityModel, now: Date): Change | undefined {
  const { deletedAt, fields } = entity;
  if (deletedAt === undefined) return undefined;
  return touched(entity, { set: { [deletedAt]: timeFor(fields.get(deletedAt), now) }, add: {} }, now);
}

export function isEmptyChange({ set, add }: Change): boolean {
  return Object.keys(set).length === 0 && Object.keys(add).length === 0;
}

function isCountable({ type, nullable }: EntityField, decimals: boolean): boolean {
  return !nullable && (type === 'int' || type === 'bigint' || type === 'double' || (type === 'decimal' && decimals));
}

function partOf(entity: EntityModel, patch: Row, name: 'set' | 'inc'): Row {
  const part = patch[name];
  return part === undefined ? NOTHING : recordOf(entity, part, [name]);
}

const NOTHING: Row = {};

function recordOf(entity: EntityModel, value: unknown, path: Path): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalidValue(entity.name, [{ pointer: pointer(...path), code: 'invalid_type', detail: 'must be an object' }]);
}

function unknownField(path: Path): Issue {
  return { pointer: pointer(...path), code: 'unknown_field', detail: 'is no field of this entity' };
}

/** A row stays the one that it is, with its tenant. */
function isManaged(entity: EntityModel, name: string): boolean {
  return entity.id.includes(name) || name === entity.version || name === entity.tenant;
}

function ofAnother(path: Path): Issue {
  return { pointer: pointer(...path), code: 'other_tenant', detail: 'is another tenant than the one around the call' };
}

function managed(path: Path): Issue {
  return { pointer: pointer(...path), code: 'managed', detail: 'is managed by the database and cannot be set' };
}
