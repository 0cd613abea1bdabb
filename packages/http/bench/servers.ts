// One of the compared servers, in a process of its own: `node servers.ts <name>`. Says its port to its parent.
import { randomUUID } from 'node:crypto';
import { createServer as createPlainServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cors, rateLimit, requestContext, requestId, securityHeaders } from '@ent/middleware';
import fastifyCors from '@fastify/cors';
import fastifyHelmet from '@fastify/helmet';
import fastifyRateLimit from '@fastify/rate-limit';
import Fastify, { type FastifyInstance } from 'fastify';
import { z } from 'zod';
import { createListener, createServer, route } from '../src/index.ts';

/** The origin of each request that the usual middleware sees. */
export const ORIGIN = 'https://app.example.com';
// Nobody gets there.
const LIMIT = 1_000_000_000;

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
  '@ent: id, context, headers': () =>
    createServer(createListener(routes, { middleware: [requestId(), requestContext(), securityHeaders()] })),
  fastify: () => served(Fastify()),
  '@ent with the usual middleware': () =>
    createServer(
      createListener(routes, {
        middleware: [
          requestId(),
          securityHeaders(),
          cors({ origins: [ORIGIN] }),
          rateLimit({ limit: LIMIT, window: '1m' }),
        ],
      }),
    ),
  async 'fastify with the usual plugins'() {
    const app = Fastify({ genReqId: () => randomUUID() });
    app.addHook('onSend', async (request, reply) => void reply.header('x-request-id', request.id));
    await app.register(fastifyHelmet);
    await app.register(fastifyCors, { origin: [ORIGIN] });
    await app.register(fastifyRateLimit, { max: LIMIT, timeWindow: '1 minute' });
    return served(app);
  },
};

/** The same routes on Fastify, checked and written by its own schemas. */
async function served(app: FastifyInstance): Promise<Server> {
  const tags = { type: 'array', items: { type: 'string' } };
  const helloSchema = { type: 'object', properties: { hello: { type: 'string' }, id: { type: 'number' }, tags } };
  const personSchema = {
    type: 'object',
    required: ['name', 'age', 'tags'],
    additionalProperties: false,
    properties: { name: { type: 'string', minLength: 1 }, age: { type: 'integer' }, tags },
  };
  app.get('/hello', { schema: { response: { 200: helloSchema } } }, () => hello);
  app.post('/people', { schema: { body: personSchema, response: { 200: personSchema } } }, (request) => request.body);
  await app.ready();
  return app.server;
}

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
