import type { AggregateValue, DriverAggregate, Row } from '../driver.ts';
import type { EntityField, EntityModel } from '../entity.ts';
import { databaseErrors } from '../errors.ts';
import { expectOrder, fieldOf, type FilterRules } from './conditions.ts';
import { invalidQuery } from './problems.ts';

/** What of an aggregate is asked of the driver, and how its answer is read. */
export interface AggregatePlan {
  readonly query: Omit<DriverAggregate, 'where'>;
  /** A group of the driver as the caller named its values. */
  answer(group: Row): Row;
}

type Path = readonly (string | number)[];
type Read = (group: Row) => unknown;

const OPERATIONS: ReadonlySet<string> = new Set(['count', 'sum', 'avg', 'min', 'max']);
const NUMBERS: ReadonlySet<string> = new Set(['int', 'bigint', 'decimal', 'double']);
/** UUIDs and their like, which databases order and have no MIN of. */
const UNRANKED: ReadonlySet<string | undefined> = new Set(['uuid', 'binary(16)', 'objectId']);

/** Checks what is to be aggregated, and brings it into the drivers' form. */
export function parseAggregate(
  entity: EntityModel,
  { by = [], values }: { readonly by?: unknown; readonly values?: unknown },
  rules: FilterRules,
): AggregatePlan {
  const asked = new Asked(entity);
  const groups = groupsOf(entity, by, rules);
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw invalidQuery(entity.name, ['values'], 'invalid_type', "must be an object, such as { rows: 'count' }");
  }
  const reads = Object.entries(values).map(([name, value]): [string, Read] => {
    const path = ['values', name];
    if (groups.includes(name)) throw invalidQuery(entity.name, path, 'duplicate', 'has the name of a field in "by"');
    return [name, readOf(entity, value, rules, asked, path)];
  });
  if (reads.length === 0) throw invalidQuery(entity.name, ['values'], 'empty', 'names nothing to answer');
  return {
    query: { by: groups, values: asked.values },
    answer: (group) =>
      Object.fromEntries([
        ...groups.map((name) => [name, group[name]] as const),
        ...reads.map(([name, read]) => [name, read(group)] as const),
      ]),
  };
}

/** What the driver is asked for, each value once; their names are those of no field. */
class Asked {
  readonly values: AggregateValue[] = [];
  readonly #entity: EntityModel;

  constructor(entity: EntityModel) {
    this.#entity = entity;
  }

  /** Asks for a value and answers how to read it. */
  read(op: AggregateValue['op'], field?: string): Read {
    let value = this.values.find((other) => other.op === op && other.field === field);
    if (value === undefined) {
      value = { name: `_${this.values.length}`, op, field };
      this.values.push(value);
    }
    const { name } = value;
    return (group) => group[name];
  }

  /** The sum as its field can hold it. */
  sum({ name, type }: EntityField): Read {
    const read = this.read('sum', name);
    return (group) => {
      const sum = read(group);
      if (type === 'decimal') return sum ?? '0';
      if (type === 'bigint') {
        if (BigInt.asIntN(64, (sum ?? 0n) as bigint) === (sum ?? 0n)) return sum ?? 0n;
      } else if (type === 'double') {
        if (Number.isFinite(sum ?? 0)) return sum ?? 0;
      } else if (Number.isSafeInteger(Number(sum))) return Number(sum);
      throw this.#unfit(name);
    };
  }

  average({ name, type }: EntityField): Read {
    const sumOf = this.read('sum', name);
    const countOf = this.read('count', name);
    return (group) => {
      const sum = sumOf(group) as number | bigint | string | null;
      const count = countOf(group) as number;
      if (sum === null || count === 0) return null;
      if (type === 'double' && !Number.isFinite(sum)) throw this.#unfit(name);
      if (type === 'double') return Number(sum) / count;
      const quotient = divided(String(sum), BigInt(count));
      return type === 'int' ? Number(quotient) : quotient;
    };
  }

  #unfit(field: string): Error {
    const { name } = this.#entity;
    return databaseErrors.bad_data(`${name}.aggregate: the sum of "${field}" does not fit the field.`, {
      details: { entity: name, fields: [field] },
    });
  }
}

function readOf(entity: EntityModel, value: unknown, rules: FilterRules, asked: Asked, path: Path): Read {
  if (value === 'count') return asked.read('count');
  const [entry, ...others] = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  const [operation, name] = entry ?? [];
  if (operation === undefined || !OPERATIONS.has(operation) || typeof name !== 'string' || others.length > 0) {
    const detail = "must be 'count', or one of { count, sum, avg, min, max } with a field: { sum: 'price' }";
    throw invalidQuery(entity.name, path, 'invalid_type', detail);
  }
  const field = fieldOf(entity, name, path);
  if (operation === 'count') return asked.read('count', name);
  if (operation === 'min' || operation === 'max') {
    expectOrder(entity, field, rules, path);
    if (field.type !== 'boolean' && !UNRANKED.has(field.as)) return asked.read(operation, name);
    throw invalidQuery(entity.name, path, 'unordered', `is not possible of a ${field.as ?? field.type} field`);
  }
  if (!NUMBERS.has(field.type)) throw invalidQuery(entity.name, path, 'not_a_number', `needs a number, not ${name}`);
  // Where they have no order, they are no numbers to the database.
  expectOrder(entity, field, rules, path);
  return operation === 'sum' ? asked.sum(field) : asked.average(field);
}

function groupsOf(entity: EntityModel, by: unknown, rules: FilterRules): readonly string[] {
  if (!Array.isArray(by)) throw invalidQuery(entity.name, ['by'], 'invalid_type', 'must be an array of fields');
  for (const [index, name] of by.entries()) {
    expectOrder(entity, fieldOf(entity, String(name), ['by', index]), rules, ['by', index]);
    if (by.indexOf(name) < index) throw invalidQuery(entity.name, ['by', index], 'duplicate', 'is there twice');
  }
  return by as string[];
}

/** Of the average of what is exact: more than a double tells. */
const DIGITS = 20;

/** A decimal divided by a whole number, rounded to 20 digits after the point, halves away from zero. */
function divided(decimal: string, by: bigint): string {
  const [whole = '', fraction = ''] = decimal.replace('-', '').split('.');
  const scale = Math.max(DIGITS, fraction.length);
  const numerator = BigInt(whole + fraction.padEnd(scale, '0'));
  const step = by * 10n ** BigInt(scale - DIGITS);
  const digits = String((numerator + step / 2n) / step).padStart(DIGITS + 1, '0');
  const text = `${digits.slice(0, -DIGITS)}.${digits.slice(-DIGITS)}`.replace(/\.?0+$/, '');
  return decimal.startsWith('-') && text !== '0' ? `-${text}` : text;
}
