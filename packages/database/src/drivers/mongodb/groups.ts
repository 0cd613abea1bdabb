import { Decimal128, type Document } from 'mongodb';
import type { AggregateValue, DriverAggregate, Row } from '../../driver.ts';
import type { EntityModel } from '../../entity.ts';
import { databaseErrors } from '../../errors.ts';
import { type Codecs, fieldOf, keyOf, plainOf } from './codec.ts';

/** What a value is called in the group, and what counts the values of a sum, which is null where there are none. */
const valueKey = (index: number): string => `v${index}`;
const countKey = (index: number): string => `n${index}`;

/** The groups, as the server makes them. */
export function pipelineOf(entity: EntityModel, filter: Document, { by, values }: DriverAggregate): Document[] {
  // Missing and null are one group.
  const key = Object.fromEntries(by.map((name) => [name, { $ifNull: [`$${keyOf(entity, name)}`, null] }]));
  const group: Document = { _id: by.length === 0 ? null : key };
  for (const [index, value] of values.entries()) {
    group[valueKey(index)] = accumulatorOf(entity, value);
    if (value.op === 'sum') group[countKey(index)] = countOf(entity, value);
  }
  const sort = Object.fromEntries(by.map((name) => [`_id.${name}`, 1]));
  return [{ $match: filter }, { $group: group }, ...(by.length === 0 ? [] : [{ $sort: sort }])];
}

function accumulatorOf(entity: EntityModel, value: AggregateValue): Document {
  const { op, field } = value;
  if (op === 'count' || field === undefined) return countOf(entity, value);
  const stored = `$${keyOf(entity, field)}`;
  const { type } = fieldOf(entity, field);
  // A sum of 64-bit integers that does not fit would go on as a double.
  if (op === 'sum') return { $sum: type === 'int' || type === 'bigint' ? { $toDecimal: stored } : stored };
  return { [`$${op}`]: stored };
}

function countOf(entity: EntityModel, { field }: AggregateValue): Document {
  if (field === undefined) return { $sum: 1 };
  return { $sum: { $cond: [{ $in: [{ $type: `$${keyOf(entity, field)}` }, ['missing', 'null']] }, 0, 1] } };
}

/** The groups of the server as the contract has them. */
export function groupsFrom(
  codecs: Codecs,
  entity: EntityModel,
  { by, values }: DriverAggregate,
  documents: readonly Document[],
): Row[] {
  // Of no documents there is no group, and the contract has one.
  const found = documents.length === 0 && by.length === 0 ? [{ _id: null } as Document] : documents;
  return found.map((document) => {
    const row: Row = {};
    const key = document['_id'] as Document;
    const decode = (name: string, stored: unknown): unknown =>
      (stored ?? null) === null ? null : codecs.decode(fieldOf(entity, name), stored);
    for (const name of by) row[name] = decode(name, key[name]);
    for (const [index, { name, op, field }] of values.entries()) {
      const stored: unknown = document[valueKey(index)];
      if (op === 'count' || field === undefined) row[name] = Number(stored ?? 0);
      else if (op !== 'sum') row[name] = decode(field, stored);
      else row[name] = Number(document[countKey(index)] ?? 0) === 0 ? null : sumFrom(entity, field, stored);
    }
    return row;
  });
}

function sumFrom(entity: EntityModel, field: string, stored: unknown): unknown {
  const { type } = fieldOf(entity, field);
  if (type === 'double') return expectFinite(entity, field, Number(stored));
  const text = stored instanceof Decimal128 ? plainOf(stored.toString()) : String(stored);
  return type === 'decimal' ? text : BigInt(text);
}

/** The groups of rows that were read: for a server that cannot make them. */
export function groupsOf(entity: EntityModel, { by, values }: DriverAggregate, rows: readonly Row[]): Row[] {
  const groups = new Map<string, Row[]>();
  if (by.length === 0) groups.set('', []);
  for (const row of rows) {
    const key = by.length === 0 ? '' : JSON.stringify(by.map((name) => keyText(row[name])));
    const members = groups.get(key);
    if (members === undefined) groups.set(key, [row]);
    else members.push(row);
  }
  const answers = [...groups.values()].map((members) => ({
    ...Object.fromEntries(by.map((name) => [name, members[0]?.[name]])),
    ...Object.fromEntries(values.map((value) => [value.name, valueOf(entity, value, members)])),
  }));
  return answers.sort(
    (a: Row, b: Row) => by.map((name) => compare(a[name], b[name])).find((order) => order !== 0) ?? 0,
  );
}

function valueOf(entity: EntityModel, { op, field }: AggregateValue, rows: readonly Row[]): unknown {
  if (field === undefined) return rows.length;
  const present = rows.map((row) => row[field]).filter((value) => value !== null);
  if (op === 'count') return present.length;
  if (present.length === 0) return null;
  if (op === 'min' || op === 'max') {
    const sign = op === 'min' ? 1 : -1;
    return present.reduce((best, value) => (sign * compare(value, best) < 0 ? value : best));
  }
  if (fieldOf(entity, field).type === 'double') {
    return expectFinite(
      entity,
      field,
      (present as number[]).reduce((sum, value) => sum + value, 0),
    );
  }
  return (present as (number | bigint)[]).reduce<bigint>((sum, value) => sum + BigInt(value), 0n);
}

function expectFinite({ name }: EntityModel, field: string, sum: number): number {
  if (Number.isFinite(sum)) return sum;
  throw databaseErrors.bad_data(`${name}.aggregate: the sum of "${field}" does not fit the field.`, {
    details: { entity: name, fields: [field] },
  });
}

function keyText(value: unknown): string | null {
  if (value === null) return null;
  if (value instanceof Uint8Array) return value.join();
  return String(value instanceof Date ? value.getTime() : (value as string | number | bigint | boolean));
}

/** As the server orders: null first, text by its bytes, which is by code point. */
function compare(a: unknown, b: unknown): number {
  if (a === null || b === null) return Number(a !== null) - Number(b !== null);
  if (typeof a === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b as string));
  const [left, right] = [a as number, b as number];
  return left < right ? -1 : Number(left > right);
}
