import { ReadableStream } from 'node:stream/web';
import { createFetchHandler, type FetchExchange } from '@ent/middleware/fetch';
import type { Reply } from '@ent/middleware';
import { replies } from '../app.ts';
import type { Host } from '../host.ts';
import { type Env, peer, serveFetch } from './replies.ts';

/** An application that is there: it knows nothing of exchanges but what they are given here, and makes responses. */
async function app(exchange: FetchExchange): Promise<Response> {
  const { status, headers = {}, body }: Reply = await replies(exchange);
  const all = new Headers();
  for (const [name, value] of Object.entries(headers)) for (const each of [value].flat()) all.append(name, each);
  if (body === undefined || status === 204) return new Response(null, { status, headers: all });
  const source = typeof body === 'string' || body instanceof Uint8Array ? body : ReadableStream.from(body);
  return new Response(source as ConstructorParameters<typeof Response>[0], { status, headers: all });
}

export const fetchResponses: Host = {
  name: 'fetch around an application that makes responses',
  features: { targets: 'as a URL', refusesBadEncoding: false, noted: true, shapes: 'problems' },
  start: ({ middleware }) => serveFetch(createFetchHandler<Env>(app, { middleware, peer })),
};
