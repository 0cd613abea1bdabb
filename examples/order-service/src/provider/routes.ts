import { reply, type Route, route } from '@ent/http';
import { z } from 'zod';
import type { Books } from './payment.ts';

const Key = z.object({ 'idempotency-key': z.string().min(1).max(180) });
const Amount = z.string().regex(/^\d{1,12}(\.\d{1,2})?$/);
const NewPayment = z.strictObject({ amount: Amount, currency: z.literal('EUR'), card: z.string().min(1).max(200) });
const Status = z.object({ status: z.enum(['taken', 'declined', 'refunded', 'void']) });

/** `POST /v1/payments` and `/v1/refunds`: each with a key, under which it is done once. */
export function providerRoutes(books: Books): Route[] {
  const take = route({
    method: 'POST',
    path: '/v1/payments',
    auth: false,
    headers: Key,
    body: NewPayment,
    responses: { 200: Status, 402: Status, 409: Status },
    async handler({ headers, body: { amount, card } }) {
      const { status } = await books.take(headers['idempotency-key'], amount, card);
      if (status === 'taken') return reply(200, { status });
      return status === 'declined' ? reply(402, { status }) : reply(409, { status });
    },
  });

  const refund = route({
    method: 'POST',
    path: '/v1/refunds',
    auth: false,
    headers: Key,
    body: z.strictObject({ payment: z.string().min(1).max(180) }),
    responses: { 200: Status },
    handler: ({ body }) => books.refund(body.payment),
  });

  return [take, refund];
}
