import { defineEntity, type EntityOf, typed } from '@ent/database';
import { cents } from '../money.ts';
import type { OrderState } from '../orders/machine.ts';
import type { OrderLine, StoredEvent } from '../orders/order.ts';

/** An order as lists show it. Made of the events alone, so that it can be thrown away and made again. */
export const orderViews = defineEntity({
  name: 'order_views',
  fields: {
    id: 'string',
    customerId: 'string',
    lines: typed<OrderLine[]>('json'),
    /** What it costs, in cents: a number that every database adds up exactly. */
    cents: 'bigint',
    state: typed<OrderState>('string'),
    placedAt: 'date',
    /** The version of the order up to which its events are in here. */
    seen: 'int',
  },
});

export type OrderView = EntityOf<typeof orderViews>;

/** How many pieces of each product are sold, and stay so. Its id is the SKU. */
export const sales = defineEntity({ name: 'sales', fields: { id: 'string', pieces: 'int' } });

/** The view after one more event. */
export function apply(view: OrderView | undefined, { orderId, version, state, placed, at }: StoredEvent): OrderView {
  if (view !== undefined) return { ...view, state, seen: version };
  if (placed === null) throw new Error(`The history of the order ${orderId} does not begin with its placing.`);
  const { customerId, lines, total } = placed;
  return { id: orderId, customerId, lines, cents: cents(total), state, placedAt: at, seen: version };
}

/** How the pieces that are sold change with it: 1, -1, or not at all. */
export function sold(before: OrderView | undefined, after: OrderView): number {
  return Number(after.state === 'confirmed') - Number(before?.state === 'confirmed');
}
