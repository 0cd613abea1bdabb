import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { createFetchHandler } from '@ent/middleware/fetch';
import { createNodeListener } from '@ent/middleware/node';
import { replies } from '../app.ts';
import { type Host, listenOn } from '../host.ts';

export const node: Host = {
  name: 'node:http',
  features: { targets: 'as sent', refusesBadEncoding: false, noted: true, shapes: 'all' },
  start: ({ middleware, prepare }) => listenOn(createServer(createNodeListener(replies, { middleware })), prepare),
};

export type Env = readonly [{ readonly incoming: IncomingMessage }];
export const peer = (_request: Request, { incoming }: Env[0]): string | undefined => incoming.socket.remoteAddress;

/** Without its own classes in the place of the global ones, as a host of another make would be. */
export function serveFetch(fetch: (request: Request, ...rest: Env) => Promise<Response>): ReturnType<Host['start']> {
  return listenOn(createAdaptorServer({ fetch: fetch as never, overrideGlobalObjects: false }) as never);
}

export const fetchReplies: Host = {
  name: 'fetch',
  features: { targets: 'as a URL', refusesBadEncoding: false, noted: true, shapes: 'all' },
  start: ({ middleware }) => serveFetch(createFetchHandler<Env>(replies, { middleware, peer })),
};
