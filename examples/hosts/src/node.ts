// A listener of node:http that answers by data.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createNodeListener } from '@ent/middleware/node';
import { listening, middleware } from './middleware.ts';

const listener = createNodeListener(
  (exchange) => {
    const id = /^\/users\/([^/]+)$/.exec(exchange.path)?.[1];
    if (id === undefined) return { status: 404 };
    exchange.route = '/users/:id';
    if (id === 'broken') throw new Error('what nobody outside is to read');
    return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ id }) };
  },
  { middleware },
);
const server = createServer(listener).listen(0, '127.0.0.1', () => listening((server.address() as AddressInfo).port));
