import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import Fastify, { LogController } from 'fastify';
import { type Caller, LIMIT, ORIGIN, Refusal, ROUTE, userSchema, type Work } from './work.ts';

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller | null;
  }
}

/** The service as its guide writes one: hooks, plugins of its own, and the answer by its schema. */
export async function fastifyService(work: Work): Promise<Server> {
  const logController = new LogController({ disableRequestLogging: true });
  const app = Fastify({ loggerInstance: work.log, logController, genReqId: () => randomUUID() });
  await app.register(helmet);
  await app.register(cors, { origin: [ORIGIN] });
  await app.register(rateLimit, { max: LIMIT, timeWindow: '1 minute' });
  app.decorateRequest('caller', null);
  app.addHook('onSend', async (request, reply) => void reply.header('x-request-id', request.id));
  app.addHook('onResponse', async (request, reply) => {
    work.answered(request.method, reply.statusCode, reply.elapsedTime);
  });
  app.setErrorHandler((error, _request, reply) => {
    const status = error instanceof Refusal ? error.status : 500;
    return reply.code(status).type('application/problem+json').send({ status });
  });
  app.get<{ Params: { id: string } }>(
    ROUTE,
    {
      schema: { response: { 200: userSchema } },
      async onRequest(request) {
        request.caller = await work.authenticate(request.headers.authorization);
        work.permit(request.caller, request.params.id);
      },
    },
    async (request, reply) => {
      const user = work.user(request.params.id);
      reply.header('etag', work.etag(user)).header('cache-control', 'private, no-cache');
      return user;
    },
  );
  await app.ready();
  return app.server;
}
