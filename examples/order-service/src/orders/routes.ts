import type { Principal } from '@ent/auth';
import { type Authenticator, reply, type Route, route } from '@ent/http';
import { idempotencyKeyPattern } from '@ent/middleware';
import { z } from 'zod';
import { CURRENCY, exact } from '../money.ts';
import { orderErrors } from './errors.ts';
import { STATES } from './machine.ts';
import type { Order, StoredEvent } from './order.ts';
import { policy } from './policy.ts';
import type { OrderService } from './service.ts';

/** No NUL and no half of a character: not every database can keep them, or look for them. */
export const STORABLE = /^[^\u0000\ud800-\udfff]*$/u;
export const Sku = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[\w.-]+$/);
export const Amount = z
  .string()
  .regex(/^\d{1,12}\.\d\d$/)
  .meta({ description: `Exact, in ${CURRENCY}.` });

const Line = z.strictObject({ sku: Sku, quantity: z.int().min(1).max(1000) });
const NewOrder = z
  .strictObject({
    lines: z
      .array(Line)
      .min(1)
      .max(50)
      .refine((lines) => new Set(lines.map(({ sku }) => sku)).size === lines.length, 'Name each product once.'),
    card: z
      .string()
      .min(1)
      .max(100)
      .regex(STORABLE)
      .meta({ description: 'The token of a card, as the provider gave it.' }),
  })
  .meta({ id: 'NewOrder', examples: [{ lines: [{ sku: 'book', quantity: 2 }], card: 'tok_good' }] });

const State = z.enum(STATES);
const OrderView = z
  .object({
    id: z.uuid(),
    customerId: z.string(),
    state: State,
    lines: z.array(z.object({ sku: z.string(), quantity: z.int(), price: Amount })),
    total: Amount,
    currency: z.literal(CURRENCY),
    history: z.array(z.object({ event: z.string(), state: State, at: z.iso.datetime() })),
  })
  .meta({ id: 'Order' });

function viewOf(
  { id, customerId, state, lines, total }: Order,
  events: readonly StoredEvent[],
): z.input<typeof OrderView> {
  const history = events.map(({ event, state: led, at }) => ({ event, state: led, at: at.toISOString() }));
  return { id, customerId, state, lines, total: exact(total), currency: CURRENCY, history };
}

const tags = ['orders'];
const IdempotencyKey = z.object({ 'idempotency-key': z.string().regex(idempotencyKeyPattern).optional() });
const ById = z.object({ id: z.uuid() });

/** `/api/v1/orders/`: placing, reading and cancelling one. Lists are the business of the read side. */
export function orderRoutes(orders: OrderService, authenticate: Authenticator<Principal>): Route[] {
  /** The order, for who may do this to it; for others it does not exist. */
  const allowed = async (principal: Principal, permission: 'orders:read' | 'orders:cancel', id: string) => {
    const { order, events } = await orders.get(id);
    if (!policy.can(principal, permission, order)) throw orderErrors.not_found('There is no order with this id.');
    return viewOf(order, events);
  };

  const place = route({
    method: 'POST',
    path: '/api/v1/orders/',
    operationId: 'placeOrder',
    summary: 'Place an order',
    description:
      'What comes of it is told by its `state`, a moment later. With an `Idempotency-Key` the order is placed once, however ' +
      'often the request is sent.',
    tags,
    auth: authenticate,
    guards: [(principal) => policy.authorize(principal, 'orders:place')],
    headers: IdempotencyKey,
    body: NewOrder,
    responses: { 201: { schema: OrderView, headers: { location: 'Where the order is.' } } },
    problems: [409, 422],
    async handler({ body: { lines, card }, headers, principal }) {
      // With quotes or without, as the hook reads it.
      const key = headers['idempotency-key']?.replace(/^"(.*)"$/, '$1');
      const { id } = await orders.place({ customerId: principal.subject, key, lines, card });
      return reply(201, await allowed(principal, 'orders:read', id), { location: `/api/v1/orders/${id}` });
    },
  });

  const read = route({
    method: 'GET',
    path: '/api/v1/orders/:id',
    operationId: 'getOrder',
    summary: 'Read an order and its history: one of yours, or any as an administrator',
    description: 'As it is now.',
    tags,
    auth: authenticate,
    params: ById,
    responses: { 200: OrderView },
    problems: [404],
    handler: ({ params, principal }) => allowed(principal, 'orders:read', params.id),
  });

  const cancel = route({
    method: 'POST',
    path: '/api/v1/orders/:id/cancel',
    operationId: 'cancelOrder',
    summary: 'Take an order back, also one that is paid',
    description: 'The money goes back, then the stock. Once more changes nothing.',
    tags,
    auth: authenticate,
    params: ById,
    responses: { 202: OrderView },
    problems: [404, 409],
    async handler({ params, principal }) {
      await allowed(principal, 'orders:cancel', params.id);
      await orders.cancel(params.id);
      return reply(202, await allowed(principal, 'orders:cancel', params.id));
    },
  });

  return [place, read, cancel];
}
