import { chain } from '@ent/internal';
import type { Context, Hono } from 'hono';
import { matchedRoutes } from 'hono/route';
import { middlewareErrors } from '../errors.ts';
import { exchangeOf, nothingThere, problemFor, remember, type WholeReply } from './exchange-of.ts';
import { createFetchHandler, type FetchHostOptions } from './fetch.ts';

export { exchangeOf };

/** Any application of Hono 4. */
// oxlint-disable-next-line typescript/no-explicit-any
export type HonoApp = Pick<Hono<any, any, any>, 'fetch' | 'routes' | 'use' | 'onError' | 'notFound'>;

/**
 * Makes a fetch handler out of an application of Hono, with middlewares around all of it. To be called before the first
 * route: it puts a function at the beginning, and sets `onError` and `notFound`, so that what is thrown, and a path
 * without a route, becomes a problem reply. What comes after the request (`env`, an execution context) is handed on.
 *
 * `exchange.route` is the pattern of the route.
 *
 * @throws `middleware.invalid_options` for what is no application, or has routes already; and like
 *   `createFetchHandler`
 * @example
 * ```ts
 * import { Hono } from 'hono';
 * import { requestId } from '@ent/middleware';
 * import { createHonoHandler } from '@ent/middleware/hono';
 *
 * const app = new Hono();
 * const fetch = createHonoHandler(app, { middleware: [requestId()] });
 * app.get('/users/:id', (c) => c.json({ id: c.req.param('id') }));
 * console.log((await fetch(new Request('http://localhost/users/1'))).status);
 * ```
 */
export function createHonoHandler(
  app: HonoApp,
  options: FetchHostOptions = {},
): (request: Request, ...rest: readonly unknown[]) => Promise<Response> {
  if (typeof (app as HonoApp | undefined)?.fetch !== 'function') {
    throw middlewareErrors.invalid_options('createHonoHandler: the application must be one of Hono.');
  }
  if (app.routes.length > 0) {
    throw middlewareErrors.invalid_options('createHonoHandler: call it before the first route or app.use().');
  }
  const handler = createFetchHandler((exchange) => {
    remember(exchange.request, exchange);
    return app.fetch(exchange.request, ...(exchange.rest as []));
  }, options);
  app.use(async (context, next) => {
    const exchange = exchangeOf(context.req);
    if (exchange !== undefined) exchange.route = routeOf(context);
    noteNoJson(context.req);
    await next();
  });
  app.onError((error, { req }) => chain(problemFor(req, noJson.has(error) ? unparsable(error) : error), responseOf));
  app.notFound(({ req }) => chain(nothingThere(req), responseOf));
  return handler;
}

/** The last one that matches and is no middleware: as Hono's own list of routes has it, one that takes no `next`. */
function routeOf(context: Context): string | undefined {
  return matchedRoutes(context).findLast(({ handler }) => handler.length < 2)?.path;
}

/** What `c.req.json()` has thrown of bodies that are no JSON: the same error elsewhere is a fault of ours. */
const noJson = new WeakSet<Error>();

function noteNoJson(request: Context['req']): void {
  // Called with the request as `this` again.
  // oxlint-disable-next-line typescript/unbound-method
  const { json } = request;
  request.json = async <Body>() => {
    try {
      return (await json.call(request)) as Body;
    } catch (error) {
      if (error instanceof SyntaxError) noJson.add(error);
      throw error;
    }
  };
}

function unparsable(cause: Error): Error {
  return middlewareErrors.body_unparsable('The body is not JSON.', { cause });
}

function responseOf({ status, headers, body }: WholeReply): Response {
  const all = new Headers();
  for (const [name, value] of Object.entries(headers)) for (const each of [value].flat()) all.append(name, each);
  return new Response(body as ConstructorParameters<typeof Response>[0], { status, headers: all });
}
