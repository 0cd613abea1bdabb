import type { Principal } from '@ent/auth';
import type { Database } from '@ent/database';
import { type Authenticator, type Route, route } from '@ent/http';
import { z } from 'zod';
import { CURRENCY, money } from '../money.ts';
import { STATES } from '../orders/machine.ts';
import { policy } from '../orders/policy.ts';
import { Amount } from '../orders/routes.ts';
import { orderViews, sales } from './view.ts';

const tags = ['reports'];
const State = z.enum(STATES);
const Summary = z
  .object({ id: z.uuid(), customerId: z.string(), state: State, total: Amount, placedAt: z.iso.datetime() })
  .meta({ id: 'OrderSummary' });
const OrderPage = z.object({ items: z.array(Summary), next: z.string().nullable() }).meta({ id: 'OrderPage' });
const OrderQuery = z.strictObject({
  limit: z.int().min(1).max(100).default(20),
  cursor: z.string().max(4096).optional(),
  state: State.optional(),
});
const Sales = z
  .object({
    states: z.array(z.object({ state: State, orders: z.int(), total: Amount })),
    products: z.array(z.object({ sku: z.string(), pieces: z.int() })),
    currency: z.literal(CURRENCY),
  })
  .meta({ id: 'Sales' });

/** What is answered by the read side: a moment behind the orders, and fast. */
export function viewRoutes(db: Database, authenticate: Authenticator<Principal>): Route[] {
  const views = db.repo(orderViews);
  const totals = db.repo(sales);

  const list = route({
    method: 'GET',
    path: '/api/v1/orders/',
    operationId: 'listOrders',
    summary: 'List orders, the latest first: yours, or all as an administrator',
    description: '`next` of a page is the `cursor` of the one that follows; it is null on the last.',
    tags,
    auth: authenticate,
    query: OrderQuery,
    responses: { 200: OrderPage },
    async handler({ query: { limit, cursor, state }, principal }) {
      const { items, next } = await views.window({
        where: { $and: [policy.filterFor(principal, 'orders:read'), state === undefined ? {} : { state }] },
        sort: [['placedAt', 'desc']],
        limit,
        after: cursor,
      });
      return {
        items: items.map(({ cents, placedAt, ...view }) => ({
          ...view,
          total: money(cents),
          placedAt: placedAt.toISOString(),
        })),
        next,
      };
    },
  });

  const report = route({
    method: 'GET',
    path: '/api/v1/sales',
    operationId: 'getSales',
    summary: 'What was sold, as an administrator',
    description: 'Orders by their state with what they cost, to the cent, and the products that sell best.',
    tags,
    auth: authenticate,
    guards: [(principal) => policy.authorize(principal, 'sales:read')],
    responses: { 200: Sales },
    async handler() {
      const states = await views.aggregate({ by: ['state'], values: { orders: 'count', cents: { sum: 'cents' } } });
      const best = await totals.find({ where: { pieces: { gt: 0 } }, sort: [['pieces', 'desc']], limit: 10 });
      return {
        states: states.map(({ cents, ...each }) => ({ ...each, total: money(cents) })),
        products: best.map(({ id, pieces }) => ({ sku: id, pieces })),
        currency: CURRENCY,
      };
    },
  });

  return [list, report];
}
