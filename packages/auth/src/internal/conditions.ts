import { types } from 'node:util';
import { kindOf, refuseUnknown } from '@ent/internal';
import { authErrors } from '../errors.ts';
import type { Principal } from '../principal.ts';
import type { ConditionValue, Conditions, Operators, PrincipalRef, RowFilter, Scalar } from '../rules.ts';

/**
 * Conditions on the fields of a resource have three values: true, false, and unknown (undefined) where something is
 * missing. An allowing rule needs true; a denying one holds unless it is false. A filter for rows says the same, so for
 * each condition there is one that is true of rows where it is true, and one of rows where it is false.
 */
export type Truth = boolean | undefined;

/** A condition of one field, read. */
interface Part {
  readonly field: string;
  readonly operator: keyof Operators;
  /** Null, a value, a list of values, or where in the principal it stands. */
  readonly operand: unknown;
  /** It names an owner: an empty text is nobody known. */
  readonly isOwner?: true;
}

/** The conditions of one rule. All of them must hold. */
export type Parts = readonly Part[];

const OPERATORS = { eq: true, ne: true, in: true, nin: true, lt: true, lte: true, gt: true, gte: true } as const;
const OPPOSITE = { eq: 'ne', ne: 'eq', in: 'nin', nin: 'in', lt: 'gte', gte: 'lt', gt: 'lte', lte: 'gt' } as const;
const FIELD = /^[A-Za-z_][\w]{0,63}$/;
const REF = /^(?:subject|roles|claims(?:\.[\w-]+)+)$/;
/** A filter that no row matches, and one that each does. */
export const NO_ROW: RowFilter = Object.freeze({ $or: Object.freeze([]) });
export const EACH_ROW: RowFilter = Object.freeze({});

/**
 * Reads the conditions of a rule.
 *
 * @param what whose they are, for messages
 * @throws `auth.configuration` for a field, an operator or a value that cannot be
 */
export function readConditions(conditions: Conditions, what: string): Parts {
  if (kindOf(conditions) !== 'an object' || Object.keys(conditions).length === 0) {
    throw authErrors.configuration(`${what}: "where" must be an object of conditions by field.`);
  }
  return Object.entries(conditions).flatMap(([field, condition]) => {
    if (!FIELD.test(field) || field === '__proto__') {
      throw authErrors.configuration(`${what}: ${JSON.stringify(field.slice(0, 64))} is no name of a field.`);
    }
    return readField(field, condition, `${what}: where.${field}`);
  });
}

/** That a field holds the principal's subject. */
export function ownedBy(field: string): Parts {
  return [{ field, operator: 'eq', operand: { principal: 'subject' }, isOwner: true }];
}

function readField(field: string, condition: ConditionValue, what: string): Part[] {
  if (condition === null || isScalar(condition) || isRef(condition)) {
    return [readPart(field, 'eq', condition, what)];
  }
  refuseUnknown(condition, OPERATORS, what, authErrors.configuration);
  const given = Object.entries(condition) as [keyof Operators, unknown][];
  if (given.length === 0) throw authErrors.configuration(`${what} names no operator.`);
  return given.map(([operator, operand]) => readPart(field, operator, operand, `${what}.${operator}`));
}

function readPart(field: string, operator: keyof Operators, operand: unknown, what: string): Part {
  const wrong = (): Error =>
    authErrors.configuration(`${what} must be ${expectedBy(operator)}; got ${kindOf(operand)}.`);
  if (isRef(operand)) {
    refuseUnknown(operand, { principal: true }, what, authErrors.configuration);
    if (typeof operand.principal !== 'string' || !REF.test(operand.principal)) {
      throw authErrors.configuration(`${what}: of a principal there is "subject", "roles" and "claims.<name>".`);
    }
  } else if (operator === 'in' || operator === 'nin') {
    if (!Array.isArray(operand) || !operand.every(isScalar)) throw wrong();
  } else if (operator === 'eq' || operator === 'ne') {
    if (operand !== null && !isScalar(operand)) throw wrong();
  } else if (!isOrdered(operand)) {
    throw wrong();
  }
  return { field, operator, operand: Array.isArray(operand) ? Object.freeze([...operand]) : operand };
}

function expectedBy(operator: keyof Operators): string {
  if (operator === 'in' || operator === 'nin') return 'a list of values';
  return operator === 'eq' || operator === 'ne' ? 'a value or null' : 'a number or a Date';
}

function isRef(value: unknown): value is PrincipalRef {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'principal');
}

function isScalar(value: unknown): value is Scalar {
  return isOrdered(value) || typeof value === 'string' || typeof value === 'boolean';
}

/** Texts have an order in each database of its own. */
function isOrdered(value: unknown): value is number | bigint | Date {
  if (types.isDate(value)) return !Number.isNaN(value.getTime());
  return typeof value === 'bigint' || (typeof value === 'number' && Number.isFinite(value));
}

/** What an operand stands for; undefined for what the principal does not have, or what cannot be compared. */
function resolve(part: Part, principal: Principal): unknown {
  const value = isRef(part.operand) ? fromPrincipal(principal, part.operand.principal) : part.operand;
  if (value === null) return isRef(part.operand) ? undefined : null;
  switch (part.operator) {
    case 'in':
    case 'nin':
      return Array.isArray(value) && value.every(isScalar) ? value : undefined;
    case 'eq':
    case 'ne':
      // An empty text is what a value that got lost looks like: nobody owns what belongs to ''.
      return isScalar(value) && !(isRef(part.operand) && value === '') ? value : undefined;
    default:
      return isOrdered(value) ? value : undefined;
  }
}

function fromPrincipal(principal: Principal, path: string): unknown {
  if (path === 'subject' || path === 'roles') return principal[path];
  let value: unknown = principal.claims;
  for (const name of path.split('.').slice(1)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** Whether the conditions hold for a resource. What throws, is missing or cannot be compared is unknown. */
export function truthOf(parts: Parts, principal: Principal, resource: unknown): Truth {
  let truth: Truth = true;
  for (const part of parts) {
    const one = truthOfPart(part, principal, resource);
    if (one === false) return false;
    if (one === undefined) truth = undefined;
  }
  return truth;
}

function truthOfPart(part: Part, principal: Principal, resource: unknown): Truth {
  try {
    const operand = resolve(part, principal);
    if (operand === undefined || typeof resource !== 'object' || resource === null) return undefined;
    const value = (resource as Record<string, unknown>)[part.field];
    return part.isOwner && value === '' ? undefined : compare(value, part.operator, operand);
  } catch {
    return undefined;
  }
}

function compare(value: unknown, operator: keyof Operators, operand: unknown): Truth {
  if (operand === null) return value === undefined ? undefined : (value === null) === (operator === 'eq');
  if (Array.isArray(operand)) {
    const equal = isScalar(value) ? inList(value, operand) : undefined;
    return operator === 'in' ? equal : negated(equal);
  }
  if (operator === 'eq' || operator === 'ne') {
    const equal = isEqual(value, operand);
    return operator === 'eq' ? equal : negated(equal);
  }
  if (!isOrdered(value) || !isOrdered(operand) || kindOfScalar(value) !== kindOfScalar(operand)) return undefined;
  switch (operator) {
    case 'lt':
      return value < operand;
    case 'lte':
      return value <= operand;
    case 'gt':
      return value > operand;
    default:
      return value >= operand;
  }
}

function negated(truth: Truth): Truth {
  return truth === undefined ? undefined : !truth;
}

function inList(value: Scalar, list: readonly unknown[]): Truth {
  const all = list.map((each) => isEqual(value, each));
  return all.includes(true) || (all.includes(undefined) ? undefined : false);
}

/** Unknown where they are of two kinds: a number and a text are neither equal nor different. */
function isEqual(value: unknown, operand: unknown): Truth {
  if (!isScalar(value) || !isScalar(operand) || kindOfScalar(value) !== kindOfScalar(operand)) return undefined;
  return types.isDate(value) ? value.getTime() === (operand as Date).getTime() : value === operand;
}

function kindOfScalar(value: Scalar): string {
  return types.isDate(value) ? 'date' : typeof value;
}

/** The filter of rows for which the conditions hold. */
export function rowsWhere(parts: Parts, principal: Principal): RowFilter {
  return allOf(parts.map((part) => partFilter(part, part.operator, principal)));
}

/** The filter of rows for which they do not hold, for certain. */
export function rowsWhereNot(parts: Parts, principal: Principal): RowFilter {
  return anyOf(parts.map((part) => partFilter(part, OPPOSITE[part.operator], principal)));
}

/** The rows of which a field compares so, for certain: rows that have nothing there do not, but to `null` itself. */
function partFilter(part: Part, operator: keyof Operators, principal: Principal): RowFilter {
  const { field } = part;
  const operand = resolve(part, principal);
  if (operand === undefined) return NO_ROW;
  const filter = (condition: unknown): RowFilter => ({ [field]: condition });
  if (operand === null) return filter(operator === 'eq' ? null : { ne: null });
  switch (operator) {
    case 'in':
      return (operand as unknown[]).length === 0 ? NO_ROW : filter({ in: operand });
    case 'ne':
    case 'nin':
      // In a database a row that has nothing there is different from everything.
      return filter({ nin: [operand, part.isOwner ? '' : []].flat(), ne: null });
    default:
      return filter({ [operator]: operand });
  }
}

/** Rows that match all of the filters, and rows that match one of them. */
export function allOf(filters: readonly RowFilter[]): RowFilter {
  if (filters.includes(NO_ROW)) return NO_ROW;
  const rest = filters.filter((filter) => filter !== EACH_ROW);
  return rest.length > 1 ? { $and: rest } : (rest[0] ?? EACH_ROW);
}

export function anyOf(filters: readonly RowFilter[]): RowFilter {
  if (filters.includes(EACH_ROW)) return EACH_ROW;
  const rest = filters.filter((filter) => filter !== NO_ROW);
  return rest.length > 1 ? { $or: rest } : (rest[0] ?? NO_ROW);
}
