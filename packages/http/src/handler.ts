import { refuseUnknown } from '@ent/internal';
import type { RequestListener } from 'node:http';
import { DEFAULT_MAX_BODY_BYTES, type Exchange, type Reply } from '@ent/middleware';
import { createNodeListener, type NodeHostOptions } from '@ent/middleware/node';
import { httpErrors } from './errors.ts';
import { checkRoute } from './internal/check-route.ts';
import { demandCount, demandList } from './internal/demand.ts';
import { compileEndpoint } from './internal/endpoint.ts';
import { limited } from './internal/limits.ts';
import { buildRouter } from './internal/router.ts';
import { joinVersions, versionsByPath } from './internal/versions.ts';
import type { Route } from './route.ts';

/** How routes are served. */
export interface HandlerOptions {
  /** Most bytes of a request body; a route may say otherwise. Default: 1 MiB. */
  maxBodyBytes?: number | undefined;
  /** Most levels of arrays and objects in each other in a request body. Default: 32. */
  maxBodyDepth?: number | undefined;
  /**
   * Refuses, at set-up, a route that does not say who may call it: `auth` is an
   * authenticator or, for everyone, `false`. Default: `false`.
   */
  denyByDefault?: boolean | undefined;
}

/**
 * Makes a handler out of routes that any host of `@ent/middleware` can run.
 *
 * For each request: route, `auth`, `guards`, body, validation, handler, response schema. A path that no route answers
 * is 404, a method that the path does not answer 405 with `Allow`; HEAD is answered by GET, OPTIONS with `Allow`.
 *
 * @throws `http.invalid_route`, `http.duplicate_route`, `http.undeclared_auth`, `http.invalid_options`: a mistake stops
 *   the start
 */
export function createHandler(
  routes: readonly Route[],
  options: HandlerOptions = {},
): (exchange: Exchange) => Reply | Promise<Reply> {
  refuseUnknown(options, HANDLER_OPTIONS, 'createHandler', httpErrors.invalid_options);
  demandList(routes, 'createHandler: the routes');
  const limits = {
    maxBodyBytes: options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES,
    maxBodyDepth: options.maxBodyDepth ?? 32,
  };
  for (const [name, limit] of Object.entries(limits)) demandCount(limit, `createHandler: ${name}`);
  for (const route of routes) checkRoute(route);
  if (options.denyByDefault === true) refuseUndeclared(routes);
  const endpoints = routes.map((route) => limited(compileEndpoint(route, limits)));
  const router = buildRouter(joinVersions(endpoints));
  const refuseVersion = versionsByPath(routes, (path) => router.allowed(path).length > 0);

  return (exchange) => {
    // Such as the `Request` of a fetch-like host.
    if (typeof (exchange as Exchange | undefined)?.path !== 'string') {
      throw httpErrors.invalid_options(
        'What createHandler makes takes the exchange of a host of @ent/middleware, such as createNodeListener.',
      );
    }
    const match = router.find(exchange.method, exchange.path);
    if (match === undefined) return unmatched(exchange, router.allowed(exchange.path), refuseVersion);
    exchange.route = match.store.route.path;
    return match.store.answer(exchange, match.params);
  };
}

const HANDLER_OPTIONS = { maxBodyBytes: true, maxBodyDepth: true, denyByDefault: true } as const;
const LISTENER_OPTIONS = { ...HANDLER_OPTIONS, middleware: true, trustProxies: true } as const;

/** How routes are served on `node:http`. */
export interface ListenerOptions extends HandlerOptions, NodeHostOptions {}

/**
 * Makes a plain request listener for `http.createServer` out of routes and middlewares.
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http';
 * import { createListener, route } from '@ent/http';
 * import { requestId } from '@ent/middleware';
 * import { z } from 'zod';
 *
 * const hello = route({
 *   method: 'GET',
 *   path: '/hello/:name',
 *   responses: { 200: z.object({ hello: z.string() }) },
 *   handler: ({ params }) => ({ hello: params.name }),
 * });
 * const server = createServer(createListener([hello], { middleware: [requestId()] }));
 * ```
 */
export function createListener(routes: readonly Route[], options: ListenerOptions = {}): RequestListener {
  refuseUnknown(options, LISTENER_OPTIONS, 'createListener', httpErrors.invalid_options);
  const { middleware, trustProxies, ...rest } = options;
  return createNodeListener(createHandler(routes, rest), { middleware, trustProxies });
}

function unmatched(exchange: Exchange, allowed: string[], refuseVersion: (exchange: Exchange) => void): Reply {
  // "OPTIONS *" asks about the server as a whole (RFC 9110, section 9.3.7).
  if (exchange.method === 'OPTIONS' && exchange.path === '*') return { status: 204 };
  if (allowed.length === 0) {
    refuseVersion(exchange);
    throw httpErrors.route_not_found('There is nothing at this path.');
  }
  const allow = allowed.join(', ');
  if (exchange.method === 'OPTIONS') return { status: 204, headers: { allow } };
  throw httpErrors.method_not_allowed(`This path answers ${allow}.`, { headers: { allow } });
}

function refuseUndeclared(routes: readonly Route[]): void {
  const silent = routes.filter((route) => route.auth === undefined).map((route) => `${route.method} ${route.path}`);
  if (silent.length === 0) return;
  throw httpErrors.undeclared_auth(
    `Say who may call ${silent.join(', ')}: set "auth" to an authenticator, or to false for everyone.`,
  );
}
