// What a new user writes, as `tsc --init` sets the compiler, and with exactOptionalPropertyTypes. It is compiled and
// not run.
import { createCache } from '@ent/cache';
import { memory } from '@ent/cache/memory';
import { openCache } from '@ent/cache/open';
import { defineConfig, duration } from '@ent/config';
import { createDatabase, defineEntity } from '@ent/database';
import { sqlite } from '@ent/database/sqlite';
import { bearer, createListener, createServer, drain, reply, route } from '@ent/http';
import { docs } from '@ent/http/docs';
import { createLifecycle } from '@ent/lifecycle';
import { createLogger, type LogLevel } from '@ent/logging';
import { createMessaging } from '@ent/messaging';
import { memory as memoryBroker } from '@ent/messaging/memory';
import { cors, type Middleware, problemReply, requestId } from '@ent/middleware';
import { createNodeListener } from '@ent/middleware/node';
import fastify from 'fastify';
import { z } from 'zod';

const settings = defineConfig(
  z.object({
    LOG_LEVEL: z.enum(['debug', 'info']).optional(),
    TTL: duration().optional(),
    ORIGIN: z.string().optional(),
  }),
);
const config = settings.get();
const level: LogLevel | undefined = config.LOG_LEVEL;
const logger = createLogger({ level });

interface Account {
  subject: string;
}
const sessions = { verify: async (token: string): Promise<Account> => ({ subject: token }) };
const Id = z.object({ id: z.string() });

const routes = [
  route({
    method: 'GET',
    path: '/me/:id',
    auth: bearer((token) => sessions.verify(token)),
    guards: [(principal) => void principal.subject.trim()],
    responses: { 200: Id, 404: {} },
    handler: ({ principal, params }) => (params.id === '' ? reply(404) : { id: principal.subject + params.id }),
  }),
  route({ method: 'DELETE', path: '/a', responses: { 204: {} }, handler() {} }),
  route({ method: 'DELETE', path: '/b', responses: { 204: {} }, handler: async () => {} }),
  route({ method: 'POST', path: '/c', body: Id, responses: { 201: Id }, handler: ({ body }) => reply(201, body) }),
];
const hooks: Middleware[] = [
  { name: 'nothing', before() {}, head() {}, done() {} },
  { name: 'later', before: async () => {} },
  {
    name: 'sometimes',
    before(exchange) {
      if (exchange.path === '/') return { status: 204 };
      return;
    },
  },
  requestId({ header: config.ORIGIN }),
];
if (config.ORIGIN !== undefined) hooks.push(cors({ origins: [config.ORIGIN] }));
const server = createServer(
  createListener([...routes, ...docs(routes, { title: 'A', version: '1' })], { middleware: hooks }),
);
createNodeListener((exchange) => void exchange.res.end('x'), { middleware: hooks });

const cache = createCache({ driver: memory(), ttl: config.TTL });
const opened = openCache('memory:', {
  ttl: config.TTL,
  drivers: { mine: async () => ({ openDriver: () => memory() }) },
});

const users = defineEntity({
  name: 'users',
  fields: { id: 'string', email: 'string', at: 'date' },
  unique: [['email']],
});
const db = createDatabase({ driver: sqlite({ file: ':memory:' }) });
export async function emailOf(id: string): Promise<string | undefined> {
  const user = await cache.getOrSet(`user:${id}`, () => db.repo(users).get(id));
  return user?.email;
}

const messaging = createMessaging({ driver: memoryBroker() });
void messaging.subscribe('a', { group: 'g' }, () => {});
void messaging.subscribe('b', { group: 'g' }, async ({ data }) => void data);

createLifecycle({ stopTimeout: config.TTL })
  .add('http', { start: () => void server.listen(0), stop: () => drain(server) })
  .add('cache', { stop: async () => (await opened).close() });
logger.info('made', { url: config.ORIGIN });

const app = fastify();
app.setErrorHandler(async (error, _request, answer) => {
  const problem = problemReply(error);
  await answer.status(problem.status).headers(problem.headers).send(problem.body);
});
