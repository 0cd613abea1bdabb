import { defineEntity, type EntityOf, nullable, typed } from '@ent/database';
import type { Money } from '../money.ts';
import type { OrderEvent, OrderState } from './machine.ts';

/** So many of one thing, at the price of the moment in which it was ordered. */
export interface OrderLine {
  readonly sku: string;
  readonly quantity: number;
  readonly price: Money;
}

/** An order as it is now. */
export const orders = defineEntity({
  name: 'orders',
  fields: {
    id: 'string',
    customerId: 'string',
    /** Of the request that placed it: the same request makes no second order. */
    requestKey: nullable('string'),
    lines: typed<OrderLine[]>('json'),
    total: 'decimal',
    card: 'string',
    state: typed<OrderState>('string'),
    /** When the saga has waited for long enough; null where it waits for nothing. */
    dueAt: nullable('date'),
    createdAt: 'date',
    updatedAt: 'date',
    version: 'int',
  },
  unique: [['requestKey']],
  createdAt: 'createdAt',
  updatedAt: 'updatedAt',
  version: 'version',
});

export type Order = EntityOf<typeof orders>;

/** What an order was when it was placed: what a reader of its history needs to begin with. */
export type Placed = Pick<Order, 'customerId' | 'lines' | 'total'>;

/** All that ever happened to orders: one row for each version. Rows are added, and never changed. */
export const orderEvents = defineEntity({
  name: 'order_events',
  id: ['orderId', 'version'],
  fields: {
    orderId: 'string',
    version: 'int',
    event: typed<'placed' | OrderEvent>('string'),
    /** Where it led. */
    state: typed<OrderState>('string'),
    /** With the first event alone. */
    placed: nullable(typed<Placed>('json')),
    at: 'date',
  },
});

export type StoredEvent = EntityOf<typeof orderEvents>;
