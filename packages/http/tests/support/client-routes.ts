import { NotFoundError } from '@ent/errors';
import { z } from 'zod';
import { eventStream, lastEventId, reply, route } from '../../src/index.ts';

/** What a client in a browser calls, behind a prefix that its server has. */
export const clientRoutes = [
  route({
    method: 'GET',
    path: '/items/:id',
    responses: { 200: z.object({ id: z.string() }) },
    handler: ({ params }) => {
      if (params.id === 'none') throw new NotFoundError('There is no such item.');
      return { id: params.id };
    },
  }),
  route({
    method: 'GET',
    path: '/never',
    responses: { 204: {} },
    handler: ({ exchange }) =>
      new Promise<void>((resolve) => exchange.signal.addEventListener('abort', () => resolve())),
  }),
];

/** Three events, one on each connection. */
export const eventRoutes = [
  route({
    method: 'GET',
    path: '/events',
    responses: { 200: eventStream({ data: z.string(), retry: '10ms' }), 204: {} },
    handler: ({ exchange }) => {
      const next = Number(lastEventId(exchange) ?? 0) + 1;
      return next > 3 ? reply(204) : reply(200, one(String(next)));
    },
  }),
];

async function* one(id: string): AsyncGenerator<{ id: string; data: string }> {
  yield { id, data: 'an event' };
}
