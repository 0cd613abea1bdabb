import { NotFoundError } from '@ent/errors';
import { z } from 'zod';
import { route } from '../../src/index.ts';

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
