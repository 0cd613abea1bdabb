import type { Condition, Order } from '../driver.ts';
import type { EntityField, EntityModel } from '../entity.ts';
import { Mismatch } from './mismatch.ts';
import { isSearchable } from './native-values.ts';
import { invalidQuery } from './problems.ts';
import { storable } from './values.ts';

/** What of a filter depends on the driver. */
export interface FilterRules {
  readonly decimalOrder: boolean;
}

type Path = readonly (string | number)[];

const COMPARISONS: ReadonlySet<string> = new Set(['gt', 'gte', 'lt', 'lte']);
const TEXTS: ReadonlySet<string> = new Set(['startsWith', 'endsWith', 'contains']);
const SETS: ReadonlySet<string> = new Set(['in', 'nin']);
const EQUALITIES: ReadonlySet<string> = new Set(['eq', 'ne']);
// Deep enough for any query a person writes; a filter built from hostile input must not exhaust the stack.
const MAX_DEPTH = 32;

export const ALL: Condition = { op: 'all' };
export const NONE: Condition = { op: 'none' };

/** All of them; constants are folded, so that "matches everything" is always `{ op: 'all' }`. */
export function and(nodes: readonly Condition[]): Condition {
  if (nodes.some(({ op }) => op === 'none')) return NONE;
  const rest = nodes.filter(({ op }) => op !== 'all');
  return rest.length > 1 ? { op: 'and', nodes: rest } : (rest[0] ?? ALL);
}

/** Any of them. */
export function or(nodes: readonly Condition[]): Condition {
  if (nodes.some(({ op }) => op === 'all')) return ALL;
  const rest = nodes.filter(({ op }) => op !== 'none');
  return rest.length > 1 ? { op: 'or', nodes: rest } : (rest[0] ?? NONE);
}

/** None of it. */
export function not(node: Condition): Condition {
  if (node.op === 'all') return NONE;
  if (node.op === 'none') return ALL;
  return node.op === 'not' ? node.node : { op: 'not', node };
}

export function equals(field: string, value: unknown): Condition {
  return value === null ? { op: 'null', field } : { op: 'eq', field, value, ignoreCase: false };
}

/** Checks a filter and brings it into the drivers' form. */
export function parseFilter(entity: EntityModel, filter: unknown, rules: FilterRules): Condition {
  return filter === undefined ? ALL : parseNode(entity, filter, rules, ['where']);
}

function parseNode(entity: EntityModel, filter: unknown, rules: FilterRules, path: Path): Condition {
  if (path.length > MAX_DEPTH) throw invalidQuery(entity.name, path, 'too_deep', 'is nested too deeply');
  if (!isPlainObject(filter)) throw invalidQuery(entity.name, path, 'invalid_type', 'must be a filter object');
  const parts: Condition[] = [];
  for (const key of Object.keys(filter)) {
    const part = filter[key];
    const at = [...path, key];
    if (part === undefined) {
      throw invalidQuery(entity.name, at, 'undefined', 'is undefined; leave the key out, or use null for "is null"');
    }
    if (key === '$and' || key === '$or') {
      if (!Array.isArray(part)) throw invalidQuery(entity.name, at, 'invalid_type', 'must be an array of filters');
      const nodes = part.map((node, index) => parseNode(entity, node, rules, [...at, index]));
      parts.push(key === '$and' ? and(nodes) : or(nodes));
    } else if (key === '$not') {
      parts.push(not(parseNode(entity, part, rules, at)));
    } else {
      parts.push(parseField(entity, fieldOf(entity, key, at), part, rules, at));
    }
  }
  return and(parts);
}

function parseField(entity: EntityModel, field: EntityField, part: unknown, rules: FilterRules, path: Path): Condition {
  if (field.type === 'json' ? part === null : !isPlainObject(part)) {
    return equals(field.name, checked(entity, field, part, path));
  }
  if (!isPlainObject(part)) throw jsonIsOpaque(entity, path);
  const ignoreCase = part['ignoreCase'] ?? false;
  if (typeof ignoreCase !== 'boolean' || (ignoreCase && !isSearchable(field))) {
    throw invalidQuery(entity.name, [...path, 'ignoreCase'], 'invalid_type', 'must be a boolean, on a field of text');
  }
  const parts: Condition[] = [];
  for (const operator of Object.keys(part)) {
    if (operator === 'ignoreCase') continue;
    const operand = part[operator];
    const at = [...path, operator];
    if (operand === undefined) throw invalidQuery(entity.name, at, 'undefined', 'is undefined; leave the key out');
    parts.push(parseOperator(entity, field, operator, operand, ignoreCase, rules, at));
  }
  if (parts.length === 0) throw invalidQuery(entity.name, path, 'empty', 'names no operator');
  return and(parts);
}

function parseOperator(
  entity: EntityModel,
  field: EntityField,
  operator: string,
  operand: unknown,
  ignoreCase: boolean,
  rules: FilterRules,
  path: Path,
): Condition {
  if (field.type === 'json' && !(EQUALITIES.has(operator) && operand === null)) throw jsonIsOpaque(entity, path);
  const equal = (value: unknown): Condition =>
    value === null ? { op: 'null', field: field.name } : { op: 'eq', field: field.name, value, ignoreCase };
  if (EQUALITIES.has(operator)) {
    const condition = equal(checked(entity, field, operand, path));
    return operator === 'eq' ? condition : not(condition);
  }
  if (SETS.has(operator)) {
    if (!Array.isArray(operand)) throw invalidQuery(entity.name, path, 'invalid_type', 'must be an array');
    const all = operand.map((value, index) => checked(entity, field, value, [...path, index]));
    const values = all.filter((value) => value !== null);
    const parts: Condition[] = [];
    if (values.length < all.length) parts.push(equal(null));
    if (values.length > 0) parts.push({ op: 'in', field: field.name, values, ignoreCase });
    return operator === 'in' ? or(parts) : not(or(parts));
  }
  if (COMPARISONS.has(operator)) {
    if (ignoreCase) throw invalidQuery(entity.name, path, 'invalid_type', 'cannot be combined with ignoreCase');
    expectOrder(entity, field, rules, path);
    if (operand === null) throw invalidQuery(entity.name, path, 'invalid_type', 'must not be null');
    const value = checked(entity, field, operand, path);
    return { op: operator as 'gt', field: field.name, value };
  }
  if (TEXTS.has(operator) && isSearchable(field)) {
    const value = checked(entity, field, operand, path);
    if (value === null) throw invalidQuery(entity.name, path, 'invalid_type', 'must not be null');
    // Every text contains the empty one.
    if (value === '') return not(equal(null));
    return { op: operator as 'contains', field: field.name, value: value as string, ignoreCase };
  }
  throw invalidQuery(entity.name, path, 'unknown_operator', `is no operator of a ${field.as ?? field.type} field`);
}

/** Checks a sort, and appends the fields of the id that it does not have already. */
export function parseSort(entity: EntityModel, sort: unknown, rules: FilterRules): Order {
  if (sort !== undefined && !Array.isArray(sort)) {
    throw invalidQuery(entity.name, ['sort'], 'invalid_type', "must be an array of [field, 'asc' | 'desc']");
  }
  const order: { field: string; descending: boolean }[] = [];
  const entries: readonly unknown[] = sort ?? [];
  for (const [index, entry] of entries.entries()) {
    const path = ['sort', index];
    const [name, direction] = Array.isArray(entry) ? (entry as unknown[]) : [];
    if (typeof name !== 'string' || (direction !== 'asc' && direction !== 'desc')) {
      throw invalidQuery(entity.name, path, 'invalid_type', "must be [field, 'asc' | 'desc']");
    }
    const field = fieldOf(entity, name, path);
    expectOrder(entity, field, rules, path);
    if (order.some((other) => other.field === name))
      throw invalidQuery(entity.name, path, 'duplicate', 'is there twice');
    order.push({ field: name, descending: direction === 'desc' });
  }
  const descending = order.at(-1)?.descending ?? false;
  for (const field of entity.id) if (!order.some((part) => part.field === field)) order.push({ field, descending });
  return order;
}

/** Checks which fields are selected. */
export function parseSelect(entity: EntityModel, select: unknown): readonly string[] | undefined {
  if (select === undefined) return undefined;
  if (!Array.isArray(select) || select.length === 0) {
    throw invalidQuery(entity.name, ['select'], 'invalid_type', 'must be an array of one field or more');
  }
  for (const [index, name] of select.entries()) {
    fieldOf(entity, name as string, ['select', index]);
    if (select.indexOf(name) < index) throw invalidQuery(entity.name, ['select', index], 'duplicate', 'is there twice');
  }
  return select as string[];
}

/** Refuses a field whose values have no order here. */
export function expectOrder(entity: EntityModel, field: EntityField, rules: FilterRules, path: Path): void {
  const unordered = field.type === 'json' || field.type === 'bytes';
  if (!unordered && (field.type !== 'decimal' || rules.decimalOrder)) return;
  const why = unordered
    ? `${field.type} fields have no order`
    : 'this database cannot order decimals; use a bigint of the smallest unit';
  throw invalidQuery(entity.name, path, 'unordered', `is not possible: ${why}`);
}

/** The field of this name. */
export function fieldOf(entity: EntityModel, name: string, path: Path): EntityField {
  const field = entity.fields.get(name);
  if (field === undefined) throw invalidQuery(entity.name, path, 'unknown_field', `is no field of ${entity.name}`);
  return field;
}

function checked(entity: EntityModel, field: EntityField, value: unknown, path: Path): unknown {
  // Any field can be compared with null; for one that is never null that is just never true.
  if (value === null) return null;
  try {
    return storable(field, value);
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    throw invalidQuery(entity.name, path, error.code, error.message);
  }
}

function jsonIsOpaque(entity: EntityModel, path: Path): Error {
  return invalidQuery(entity.name, path, 'opaque', 'is not possible: json fields can only be compared with null');
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  // Of any realm: a plain object's prototype is the end of its chain.
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
