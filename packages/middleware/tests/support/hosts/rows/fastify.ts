import { exchangeOf, fastifyOptions, fastifyProblems } from '@ent/middleware/fastify';
import Fastify, { type FastifyInstance } from 'fastify';
import {
  abc,
  big,
  huge,
  BYTES,
  contextId,
  COOKIES,
  failureAt,
  FRAMED,
  gated,
  half,
  LIMIT,
  never,
  OCTETS,
  PLAIN,
  queryOf,
  slow,
  stream,
  TEXT,
} from '../app.ts';
import { type Host, running } from '../host.ts';

function routes(app: FastifyInstance): void {
  app.addContentTypeParser(OCTETS, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.get('/text', (_request, reply) => reply.header('x-own', '1').type(PLAIN).send(TEXT));
  app.get('/json/:id', (request) => request.params);
  app.get('/bytes', (_request, reply) => reply.type(OCTETS).send(BYTES));
  app.get('/empty', (_request, reply) => reply.status(204).send());
  app.get('/cookies', (_request, reply) => reply.header('set-cookie', COOKIES).type(PLAIN).send('two'));
  app.get('/redirect', (_request, reply) => reply.redirect('/text'));
  app.get('/framed', (_request, reply) => reply.headers(FRAMED).type(PLAIN).send('framed'));
  app.get('/stream', (_request, reply) => reply.type(PLAIN).send(stream(abc())));
  app.get('/big', (_request, reply) => reply.type(OCTETS).send(stream(big())));
  app.get('/huge', (_request, reply) => reply.type(OCTETS).send(stream(huge())));
  app.get('/half', (request, reply) => reply.type(PLAIN).send(stream(half(queryOf(request)))));
  app.get('/gate', (request, reply) => reply.type(PLAIN).send(stream(gated(queryOf(request)))));
  app.post('/slow', async (request, reply) => reply.type(PLAIN).send(await slow(queryOf(request))));
  app.get('/never', async (request) => never(exchangeOf(request)));
  app.get('/reject', async () => {
    await contextId();
    throw failureAt('/reject');
  });
  app.route({
    method: ['GET', 'POST'],
    url: '/context',
    handler: async (_request, reply) => reply.type(PLAIN).send(await contextId()),
  });
  app.get('/id', (request, reply) => reply.type(PLAIN).send(exchangeOf(request)?.id));
  app.get('/peer', (request, reply) => reply.type(PLAIN).send(exchangeOf(request)?.peer));
  app.route({
    method: ['POST', 'PUT', 'PATCH', 'DELETE'],
    url: '/echo',
    handler: (request, reply) => reply.type(OCTETS).send(request.body ?? Buffer.alloc(0)),
  });
  app.post('/parsed', (request, reply) => reply.send(request.body));
  app.get('/busy', () => {
    throw Object.assign(new Error('busy'), { statusCode: 409, expose: true });
  });
  for (const path of ['/throw', '/known', '/limited']) {
    app.get(path, () => {
      throw failureAt(path);
    });
  }
  app.get('/encoded', (_request, reply) => {
    void reply.headers({ 'content-encoding': 'gzip', etag: '"1"', 'set-cookie': 'kept=1' });
    throw failureAt('/throw');
  });
  app.register(
    async (nested) => {
      nested.get('/deep/:b', (request, reply) => {
        const { a, b } = request.params as { a: string; b: string };
        return reply.type(PLAIN).send(`${a} ${b}`);
      });
      nested.get('/fail', () => {
        throw failureAt('/throw');
      });
    },
    { prefix: '/nested/:a' },
  );
}

export const fastifyHost: Host = {
  name: 'Fastify',
  features: { targets: 'as sent', refusesBadEncoding: true, noted: false, shapes: 'problems' },
  async start({ middleware, prepare }) {
    const app = Fastify({ ...fastifyOptions({ middleware }), bodyLimit: LIMIT });
    await app.register(fastifyProblems);
    routes(app);
    prepare?.(app.server);
    await app.listen({ port: 0, host: '127.0.0.1' });
    return running(app.server, () => app.close());
  },
};
