// One of the compared servers, in a process of its own: `node servers.ts <name>`. Says its port to its parent.
import { createServer as createPlainServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { requestContext, requestId, securityHeaders } from '@ent/middleware';
import Fastify from 'fastify';
import { z } from 'zod';
import { createListener, createServer, route } from '../src/index.ts';

const hello = { hello: 'world', id: 7, tags: ['a', 'b'] };
const body = { name: 'Ada', age: 36, tags: ['a', 'b'] };

const Hello = z.object({ hello: z.string(), id: z.number(), tags: z.array(z.string()) });
const Person = z.object({ name: z.string().min(1), age: z.number().int(), tags: z.array(z.string()) });

const routes = [
  route({ method: 'GET', path: '/hello', responses: { 200: Hello }, handler: () => hello }),
  route({ method: 'POST', path: '/people', body: Person, responses: { 200: Person }, handler: (input) => input.body }),
];

const servers: Record<string, () => Server | Promise<Server>> = {
  // What a service would write by hand, without any check.
  raw: () =>
    createPlainServer((req, res) => {
      const send = (value: unknown): void => {
        const text = JSON.stringify(value);
        res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
      };
      if (req.method === 'GET') return send(hello);
      const chunks: Buffer[] = [];
      req.on('data', (chunk: Buffer) => chunks.push(chunk));
      req.on('end', () => send(JSON.parse(Buffer.concat(chunks).toString())));
    }),
  '@ent': () => createServer(createListener(routes)),
  '@ent: request id, context, security headers': () =>
    createServer(createListener(routes, { middleware: [requestId(), requestContext(), securityHeaders()] })),
  async fastify() {
    const app = Fastify();
    const helloSchema = {
      type: 'object',
      properties: {
        hello: { type: 'string' },
        id: { type: 'number' },
        tags: { type: 'array', items: { type: 'string' } },
      },
    };
    const person = {
      type: 'object',
      required: ['name', 'age', 'tags'],
      additionalProperties: false,
      properties: {
        name: { type: 'string', minLength: 1 },
        age: { type: 'integer' },
        tags: { type: 'array', items: { type: 'string' } },
      },
    };
    app.get('/hello', { schema: { response: { 200: helloSchema } } }, () => hello);
    app.post('/people', { schema: { body: person, response: { 200: person } } }, (request) => request.body);
    await app.ready();
    return app.server;
  },
};

export const subjects: readonly string[] = Object.keys(servers);
export const person: string = JSON.stringify(body);

if (import.meta.main) {
  const server = await (servers[process.argv[2] ?? ''] as () => Server | Promise<Server>)();
  // One subject waits while the others are measured.
  server.maxRequestsPerSocket = 0;
  server.keepAliveTimeout = 0;
  server.headersTimeout = 0;
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  process.once('disconnect', () => process.exit());
}
