import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { chain } from '@ent/internal';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import { middlewareErrors } from '../errors.ts';
import { demandMethods } from '../internal/demand.ts';
import { createAppListener, forgetBody } from './app.ts';
import { exchangeOf, nothingThere, problemFor, type WholeReply } from './exchange-of.ts';
import { tellRoutes } from './fastify-routes.ts';
import type { NodeHostOptions } from './node.ts';

export { exchangeOf };

/** Options of Fastify that put middlewares around all that it answers. */
export interface FastifyHostOptions {
  readonly serverFactory: NonNullable<FastifyServerOptions['serverFactory']>;
  readonly frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => void;
}

/**
 * Gives options for `Fastify()`, by which its server has the middlewares around everything, what the router refuses
 * included. Requests of `app.inject()` do not come through a server, and so not through them.
 *
 * With {@link fastifyProblems} registered first, what is thrown becomes a problem reply, and routes have their names.
 *
 * @throws `middleware.invalid_options` like `createNodeListener`, and from `Fastify()` when `http2` is asked for
 * @example
 * ```ts
 * import Fastify from 'fastify';
 * import { requestId } from '@ent/middleware';
 * import { fastifyOptions, fastifyProblems } from '@ent/middleware/fastify';
 *
 * const app = Fastify(fastifyOptions({ middleware: [requestId()] }));
 * await app.register(fastifyProblems);
 * app.get('/users/:id', (request) => request.params);
 * ```
 */
export function fastifyOptions(options: NodeHostOptions = {}): FastifyHostOptions {
  const listenerFor = (handler: RequestListener): RequestListener =>
    createAppListener(({ req, res }) => handler(req, res), options);
  // A mistake in the options is told here, and not by Fastify.
  listenerFor(() => {});
  return {
    // Called for each address that Fastify listens on.
    serverFactory: (handler, settings) => serverFor(listenerFor(handler), settings),
    frameworkErrors(error, request, reply) {
      void chain(problemFor(request, error), (problem) => answer(reply, problem));
    },
  };
}

/** What Fastify itself does where no `serverFactory` is given. */
function serverFor(listener: RequestListener, settings: Record<string, unknown>): Server {
  const { http = {}, https, keepAliveTimeout, requestTimeout, connectionTimeout, maxRequestsPerSocket } = settings;
  if (settings['http2'] === true) {
    throw middlewareErrors.invalid_options('fastifyOptions: middlewares are for HTTP/1.1; leave "http2" out.');
  }
  const secure = https === true ? {} : https;
  const server =
    secure === undefined || secure === null || secure === false
      ? createServer(http as object, listener)
      : createSecureServer(secure, listener);
  // Fastify writes its defaults into the settings.
  server.keepAliveTimeout = keepAliveTimeout as number;
  server.requestTimeout = requestTimeout as number;
  server.setTimeout(connectionTimeout as number);
  if ((maxRequestsPerSocket as number) > 0) server.maxRequestsPerSocket = maxRequestsPerSocket as number;
  return server;
}

/**
 * A plugin of Fastify, to be registered before all others: what is thrown, and a path without a route, becomes a
 * problem reply; `exchange.route` is the pattern of the route; the asynchronous context of the exchange reaches
 * handlers also where Fastify read a body, whose events come without it.
 */
export async function fastifyProblems(app: FastifyInstance): Promise<void> {
  demandMethods(app, ['addHook', 'setErrorHandler', 'setNotFoundHandler'], 'fastifyProblems: the application');
  tellRoutes(app);
  app.setErrorHandler((error, request, reply) =>
    chain(problemFor(request, error), (problem) => answer(reply, problem)),
  );
  app.setNotFoundHandler((request, reply) => chain(nothingThere(request), (problem) => answer(reply, problem)));
}

// As fastify-plugin does: its hooks are for all of the application, and not for what is registered in it.
Object.assign(fastifyProblems, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@ent/middleware',
  [Symbol.for('plugin-meta')]: { name: '@ent/middleware', fastify: '5.x' },
});

function answer(reply: FastifyReply, { status, headers, body }: WholeReply): FastifyReply {
  forgetBody(reply);
  return reply.status(status).headers(headers).send(body);
}
