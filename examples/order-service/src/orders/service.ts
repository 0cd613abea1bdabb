import { createHash } from 'node:crypto';
import { type Database, isUniqueViolation } from '@ent/database';
import { EntError } from '@ent/errors';
import { exact, totalOf } from '../money.ts';
import { products } from '../stock/product.ts';
import { orderErrors } from './errors.ts';
import { MACHINE } from './machine.ts';
import { type Order, orderEvents, type OrderLine, orders, type StoredEvent } from './order.ts';
import type { Saga } from './saga.ts';

/** An order that somebody wants to place. */
export interface Wish {
  readonly customerId: string;
  /** The `Idempotency-Key` of the request. */
  readonly key: string | undefined;
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[];
  readonly card: string;
}

export type OrderService = ReturnType<typeof createOrderService>;

/** What customers do with orders. It knows nothing of HTTP, and asks nobody for permission: its routes do. */
export function createOrderService({ db, saga }: { db: Database; saga: Saga }) {
  const stored = db.repo(orders);
  const history = db.repo(orderEvents);
  const catalogue = db.repo(products);

  /** The lines with the prices of now. */
  const priced = async (wanted: Wish['lines']): Promise<OrderLine[]> => {
    const found = await catalogue.find({ where: { id: { in: wanted.map(({ sku }) => sku) } } });
    const prices = new Map(found.map(({ id, price }) => [id, exact(price)]));
    return wanted.map(({ sku, quantity }, at) => {
      const price = prices.get(sku);
      if (price !== undefined) return { sku, quantity, price };
      const issue = {
        in: 'body' as const,
        pointer: `#/lines/${at}/sku`,
        code: 'unknown',
        detail: 'There is no such product.',
      };
      throw orderErrors.unknown_product('The order has a product that there is not.', { issues: [issue] });
    });
  };

  const place = async ({ customerId, key, lines: wanted, card }: Wish): Promise<Order> => {
    // Longer than the answer is kept by the hook, and also where a crash lost it: the request is known by its order.
    const requestKey = key === undefined ? null : hashOf([customerId, key]);
    const known = requestKey === null ? undefined : await placedBy(requestKey);
    if (known !== undefined) return same(known, wanted, card);
    const lines = await priced(wanted);
    try {
      return await db.transaction(() => saga.begin({ customerId, requestKey, lines, total: totalOf(lines), card }));
    } catch (error) {
      const first = isUniqueViolation(error) && requestKey !== null ? await placedBy(requestKey) : undefined;
      if (first === undefined) throw error;
      return same(first, wanted, card);
    }
  };

  const placedBy = async (requestKey: string): Promise<Order | undefined> =>
    (await stored.find({ where: { requestKey }, limit: 1 }))[0];

  /** @throws `orders.not_found` */
  const get = async (id: string): Promise<{ order: Order; events: StoredEvent[] }> => {
    const order = await stored.get(id);
    if (order === null) throw orderErrors.not_found('There is no order with this id.');
    return { order, events: await history.find({ where: { orderId: id }, sort: [['version', 'asc']] }) };
  };

  /**
   * Takes the order back: nothing is paid, and the stock is free again, in a moment. Once more changes nothing.
   *
   * @throws `orders.not_found`, `orders.not_yet`, `orders.over`
   */
  const cancel = async (id: string): Promise<void> => {
    for (;;) {
      const { state } = (await get(id)).order;
      if (state === 'refunding' || state === 'releasing' || state === 'cancelled') return;
      if (state === 'placed') {
        throw orderErrors.not_yet('The stock of the order is being reserved; try again.', { retryAfterMs: 1000 });
      }
      if (MACHINE[state].cancel_requested === undefined) {
        throw orderErrors.over(`The order is ${state}: there is nothing to take back.`);
      }
      try {
        await saga.happened(id, 'cancel_requested');
      } catch (error) {
        // Somebody else moved it in between.
        if (!EntError.is(error) || error.code !== 'database.version_conflict') throw error;
      }
    }
  };

  return { place, get, cancel };
}

const hashOf = (parts: readonly string[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex');

/** The order that the key made, for the request that made it. */
function same(order: Order, wanted: Wish['lines'], card: string): Order {
  const isSame =
    order.card === card &&
    JSON.stringify(order.lines.map(({ sku, quantity }) => [sku, quantity])) ===
      JSON.stringify(wanted.map(({ sku, quantity }) => [sku, quantity]));
  if (isSame) return order;
  throw orderErrors.key_reused('This Idempotency-Key has placed another order; take a new one for a new order.');
}
