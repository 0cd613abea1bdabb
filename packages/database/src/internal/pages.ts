import type { Awaitable, Condition, DriverQuery, Order, Row } from '../driver.ts';
import type { EntityModel } from '../entity.ts';
import { ALL, and } from './conditions.ts';
import { decodeCursor, encodeCursor, reversed, rowsAfter } from './cursor.ts';
import { expectWhole } from './criteria.ts';
import { invalidQuery } from './problems.ts';

/** Which rows are paged through, and how they are read. */
export interface Paging<T> {
  readonly entity: EntityModel;
  readonly where: Condition;
  /** Total, so that a row is a place in it. */
  readonly order: Order;
  /** The fields to answer, where not all are. */
  readonly select: readonly string[] | undefined;
  readonly read: (query: DriverQuery) => Awaitable<T[]>;
}

/** Which page. */
export interface Page {
  readonly limit: number;
  readonly after?: string | null | undefined;
  readonly before?: string | null | undefined;
}

/** One page, by the keys of its neighbours, and cursors for them. */
export async function pageOf<T extends object>(
  { entity, where, order, select, read }: Paging<T>,
  { limit, after = null, before = null }: Page,
  cursorSecret: string,
): Promise<{ items: T[]; next: string | null; prev: string | null }> {
  expectWhole(entity, 'limit', limit ?? Number.NaN, 1);
  if (after !== null && before !== null) {
    throw invalidQuery(entity.name, ['before'], 'conflict', 'cannot be combined with after');
  }
  const backward = before !== null;
  const direction = backward ? reversed(order) : order;
  const parts = [where];
  const cursor = after ?? before;
  if (cursor !== null) parts.push(rowsAfter(entity, direction, decodeCursor(entity, order, cursor, cursorSecret)));
  // One more than asked for tells whether there is a next one.
  const fields = withPlace(select, order);
  const found = await read({ where: and(parts), order: direction, limit: limit + 1, fields });
  const more = found.length > limit;
  const items = found.slice(0, limit);
  if (backward) items.reverse();
  const cursorOf = (row: T | undefined): string | null =>
    row === undefined ? null : encodeCursor(entity, order, row as Row, cursorSecret);
  return {
    items: pickedOf(items, select),
    next: backward || more ? cursorOf(items.at(-1)) : null,
    prev: (backward ? more : cursor !== null) ? cursorOf(items[0]) : null,
  };
}

/** All rows, a batch at a time: each batch is a query of its own, after the last row of the one before. */
export async function* batchesOf<T extends object>(
  { entity, where, order, select, read }: Paging<T>,
  batchSize: number,
): AsyncGenerator<T[], void, undefined> {
  expectWhole(entity, 'batchSize', batchSize, 1);
  let after: Condition = ALL;
  for (;;) {
    const rows = await read({ where: and([where, after]), order, limit: batchSize, fields: withPlace(select, order) });
    yield pickedOf(rows, select);
    const last = rows.at(-1) as Row | undefined;
    if (last === undefined || rows.length < batchSize) return;
    const place = order.map(({ field }) => last[field]);
    after = rowsAfter(entity, order, place);
  }
}

/** What is selected, and the fields that tell where a row stands. */
function withPlace(select: readonly string[] | undefined, order: Order): readonly string[] | undefined {
  return select && [...new Set([...select, ...order.map(({ field }) => field)])];
}

/** The rows with what was asked for, and no more. */
function pickedOf<T extends object>(rows: T[], select: readonly string[] | undefined): T[] {
  if (select === undefined) return rows;
  return rows.map((row) => Object.fromEntries(select.map((name) => [name, (row as Row)[name]])) as T);
}
