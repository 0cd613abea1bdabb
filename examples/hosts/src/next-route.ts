// app/users/[id]/route.ts of an application of Next.js, which calls GET with the request and its parameters.
import { createFetchHandler } from '@ent/middleware/fetch';
import { middleware } from './middleware.ts';

type Params = readonly [{ readonly params: Promise<{ readonly id: string }> }];

export const GET = createFetchHandler<Params>(
  async (exchange) => {
    const { id } = await exchange.rest[0].params;
    exchange.route = '/users/[id]';
    if (id === 'broken') throw new Error('what nobody outside is to read');
    return Response.json({ id });
  },
  { middleware },
);
