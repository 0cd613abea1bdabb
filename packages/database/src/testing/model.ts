import type { Filter, Sort } from '../query.ts';
import type { Thing } from './entities.ts';

/** What filters and sorts mean, written a second time: the databases are compared with this. */

/** Strings by code point, which is not JavaScript's `<`. */
function compareText(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  for (const [index, character] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    const difference = (character.codePointAt(0) as number) - (other.codePointAt(0) as number);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

function compare(a: unknown, b: unknown): number {
  if (a === null || b === null) return Number(a !== null) - Number(b !== null);
  if (typeof a === 'string') return compareText(a, b as string);
  const [left, right] = [a, b].map((value) => (value instanceof Date ? value.getTime() : value)) as [number, number];
  return left < right ? -1 : Number(left > right);
}

function same(a: unknown, b: unknown, ignoreCase: boolean): boolean {
  if (a === null || b === null) return a === b;
  if (a instanceof Uint8Array) return Buffer.compare(a, b as Uint8Array) === 0;
  const fold = (value: unknown): unknown => (ignoreCase ? (value as string).toLowerCase() : value);
  return compare(fold(a), fold(b)) === 0;
}

/** Whether a row passes a filter. */
export function matches(row: Thing, filter: Filter<Thing>): boolean {
  return Object.entries(filter).every(([key, part]) => {
    if (key === '$and') return (part as Filter<Thing>[]).every((node) => matches(row, node));
    if (key === '$or') return (part as Filter<Thing>[]).some((node) => matches(row, node));
    if (key === '$not') return !matches(row, part as Filter<Thing>);
    return matchesField(numeric(key, row[key as keyof Thing]), mapPart(key, part));
  });
}

/** A decimal as something that can be compared. */
function numeric(field: string, value: unknown): unknown {
  if (field !== 'price' || typeof value !== 'string') return value;
  const [whole = '', fraction = ''] = value.split('.');
  return BigInt(whole + fraction.padEnd(40, '0'));
}

function mapPart(field: string, part: unknown): unknown {
  if (field !== 'price') return part;
  if (typeof part !== 'object' || part === null) return numeric(field, part);
  const map = (operand: unknown): unknown =>
    Array.isArray(operand) ? operand.map((value) => numeric(field, value)) : numeric(field, operand);
  return Object.fromEntries(Object.entries(part).map(([operator, operand]) => [operator, map(operand)]));
}

function matchesField(stored: unknown, part: unknown): boolean {
  const isOperators =
    typeof part === 'object' && part !== null && !(part instanceof Date || part instanceof Uint8Array);
  if (!isOperators) return same(stored, part, false);
  const { ignoreCase = false, ...operators } = part as Record<string, unknown>;
  return Object.entries(operators).every(([operator, operand]) =>
    holds(stored, operator, operand, ignoreCase === true),
  );
}

function holds(stored: unknown, operator: string, operand: unknown, ignoreCase: boolean): boolean {
  const fold = (text: unknown): string => (ignoreCase ? (text as string).toLowerCase() : (text as string));
  switch (operator) {
    case 'eq':
      return same(stored, operand, ignoreCase);
    case 'ne':
      return !same(stored, operand, ignoreCase);
    case 'in':
      return (operand as unknown[]).some((value) => same(stored, value, ignoreCase));
    case 'nin':
      return !(operand as unknown[]).some((value) => same(stored, value, ignoreCase));
    default:
  }
  if (stored === null) return false;
  switch (operator) {
    case 'gt':
      return compare(stored, operand) > 0;
    case 'gte':
      return compare(stored, operand) >= 0;
    case 'lt':
      return compare(stored, operand) < 0;
    case 'lte':
      return compare(stored, operand) <= 0;
    case 'startsWith':
      return fold(stored).startsWith(fold(operand));
    case 'endsWith':
      return fold(stored).endsWith(fold(operand));
    case 'contains':
      return fold(stored).includes(fold(operand));
    default:
      throw new Error(`The model does not know ${operator}.`);
  }
}

/** The rows in order; `id` decides last, in the direction of the field before it. */
export function sorted(rows: readonly Thing[], sort: Sort<Thing>): Thing[] {
  const order = [
    ...sort,
    ...(sort.some(([field]) => field === 'id') ? [] : [['id', sort.at(-1)?.[1] ?? 'asc'] as const]),
  ];
  return [...rows].sort((a, b) => {
    for (const [field, direction] of order) {
      const difference = compare(numeric(field, a[field]), numeric(field, b[field]));
      if (difference !== 0) return direction === 'asc' ? difference : -difference;
    }
    return 0;
  });
}
