import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Condition, Order, Row } from '../driver.ts';
import type { EntityField, EntityModel } from '../entity.ts';
import { databaseErrors } from '../errors.ts';
import { ALL, and, equals, NONE, not, or } from './conditions.ts';
import { storable } from './values.ts';

// Changes when the meaning of a cursor does, so that one of an older deployment is refused instead of misread.
const FORMAT = 1;
const MAC_BYTES = 12;

/** Where a row stands in an order, as an opaque text: base64url of a MAC and the row's values of the order, as JSON. */
export function encodeCursor(entity: EntityModel, order: Order, row: Row, secret: string): string {
  const values = order.map(({ field }) => toJson(row[field]));
  const body = Buffer.from(JSON.stringify(values));
  return Buffer.concat([mac(entity, order, body, secret), body]).toString('base64url');
}

/**
 * The values of a cursor.
 *
 * @throws ValidationError `database.invalid_cursor` for anything that {@link encodeCursor} did not make for this
 *   entity, order and secret
 */
export function decodeCursor(entity: EntityModel, order: Order, cursor: unknown, secret: string): readonly unknown[] {
  try {
    if (typeof cursor !== 'string') throw refused(entity);
    const bytes = Buffer.from(cursor, 'base64url');
    // Node ignores what is not base64url; only the one spelling that we write is taken.
    if (bytes.length <= MAC_BYTES || bytes.toString('base64url') !== cursor) throw refused(entity);
    const body = bytes.subarray(MAC_BYTES);
    if (!timingSafeEqual(bytes.subarray(0, MAC_BYTES), mac(entity, order, body, secret))) throw refused(entity);
    const values = JSON.parse(body.toString()) as unknown[];
    return order.map(({ field: name }, index) => {
      const field = entity.fields.get(name) as EntityField;
      return storable({ ...field, nullable: true }, fromJson(field, values[index]));
    });
  } catch {
    throw refused(entity);
  }
}

function refused(entity: EntityModel): Error {
  return databaseErrors.invalid_cursor(
    'The cursor does not belong to this query. Start again without one, and keep the sort the same from page to page.',
    {
      issues: [{ pointer: '#/cursor', code: 'invalid_cursor', detail: 'is not a cursor of this query' }],
      details: { entity: entity.name },
    },
  );
}

/** The rows that come after those values: `(a > x) or (a = x and b > y) or ...`, aware that null is the smallest. */
export function rowsAfter(entity: EntityModel, order: Order, values: readonly unknown[]): Condition {
  const branches = order.map(({ field, descending }, index) => {
    const before = order.slice(0, index).map((part, earlier) => equals(part.field, values[earlier]));
    return and([...before, beyond(entity, field, descending ? 'lt' : 'gt', values[index])]);
  });
  const [first] = order;
  if (first === undefined || order.length === 1) return or(branches);
  // Implied by the branches, and what lets an index on the first field skip what was already read.
  const bound = beyond(entity, first.field, first.descending ? 'lte' : 'gte', values[0]);
  return and([bound, or(branches)]);
}

function beyond(entity: EntityModel, field: string, op: 'gt' | 'gte' | 'lt' | 'lte', value: unknown): Condition {
  const isNull: Condition = { op: 'null', field };
  if (value === null) return { gt: not(isNull), gte: ALL, lt: NONE, lte: isNull }[op];
  const compared: Condition = { op, field, value };
  const nullsFollow = (op === 'lt' || op === 'lte') && entity.fields.get(field)?.nullable === true;
  return nullsFollow ? or([compared, isNull]) : compared;
}

export function reversed(order: Order): Order {
  return order.map(({ field, descending }) => ({ field, descending: !descending }));
}

function mac(entity: EntityModel, order: Order, body: Buffer, secret: string): Buffer {
  const scope = JSON.stringify([FORMAT, entity.name, order.map(({ field, descending }) => [field, descending])]);
  return createHmac('sha256', secret).update(scope).update('\0').update(body).digest().subarray(0, MAC_BYTES);
}

function toJson(value: unknown): unknown {
  if (value instanceof Date) return value.getTime();
  return typeof value === 'bigint' ? value.toString() : value;
}

function fromJson(field: EntityField, value: unknown): unknown {
  if (value === null) return null;
  if (field.type === 'date') return new Date(value as number);
  return field.type === 'bigint' ? BigInt(value as string) : value;
}
