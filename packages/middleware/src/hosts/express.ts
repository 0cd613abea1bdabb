import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { middlewareErrors } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { createAppListener, forgetBody, patternText } from './app.ts';
import { exchangeOf, noRoute } from './exchange-of.ts';
import type { NodeHostOptions } from './node.ts';

export { exchangeOf };

/** An application or a router of Express 5, as far as it is called here. */
export type ExpressApp = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => unknown;

/**
 * Makes a listener for `http.createServer` out of an application of Express, with middlewares around all of it.
 *
 * What the application throws or hands to `next`, and has no error handler for, becomes a problem reply; so does a path
 * without a route. `exchange.route` is the pattern of the route with those of the routers that it is in, which Express
 * says on its channel `express.router.request`.
 *
 * @throws `middleware.invalid_options` for what is no application, and like `createNodeListener`
 * @example
 * ```ts
 * import { createServer } from 'node:http';
 * import express from 'express';
 * import { requestId } from '@ent/middleware';
 * import { createExpressListener } from '@ent/middleware/express';
 *
 * const app = express().get('/users/:id', (req, res) => void res.json({ id: req.params.id }));
 * const server = createServer(createExpressListener(app, { middleware: [requestId()] }));
 * ```
 */
export function createExpressListener(app: ExpressApp, options: NodeHostOptions = {}): RequestListener {
  if (typeof app !== 'function') {
    throw middlewareErrors.invalid_options('createExpressListener: the application must be one of Express.');
  }
  listenForRoutes();
  const serve = ({ req, res }: { req: IncomingMessage; res: ServerResponse }): Promise<undefined> =>
    new Promise((resolve, reject) => {
      app(req, res, (error) => {
        // It answered, and went on all the same.
        if (error === undefined && res.headersSent) return resolve(undefined);
        if (!res.headersSent) forgetBody(res);
        reject((error as Error | undefined | null) ?? noRoute());
      });
    });
  return createAppListener(serve, options);
}

interface RoutedRequest extends IncomingMessage {
  readonly baseUrl?: string;
  readonly route?: { readonly path: unknown };
}

/** What Express says of each function that it calls; `route` is the pattern that this function was registered with. */
interface RouterOperation {
  readonly req: RoutedRequest;
  readonly route?: unknown;
  readonly param?: string;
  readonly errorHandler?: boolean;
}

let listening = false;

function listenForRoutes(): void {
  if (listening) return;
  listening = true;
  subscribe('tracing:express.router.request:start', (operation) => label(operation as RouterOperation));
}

/** The patterns behind the paths that routers are mounted at: `/tenants/5` is `/tenants/:tenant`. */
const MOUNTS = Symbol('mounts');

function label({ req, route, param, errorHandler }: RouterOperation): void {
  if (param !== undefined || errorHandler === true || route === undefined) return;
  const exchange = exchangeOf(req);
  if (exchange === undefined) return;
  const pattern = patternText(route);
  const base = req.baseUrl ?? '';
  if (isOf(req.route, route)) exchange.route = joined(mountsOf(exchange).get(base) ?? '', pattern);
  else if (base !== '' && !mountsOf(exchange).has(base)) {
    const mounts = mountsOf(exchange);
    mounts.set(base, joined(mounts.get(parentOf(base, pattern)) ?? '', pattern));
  }
}

function isOf(route: RoutedRequest['route'], pattern: unknown): boolean {
  if (route === undefined) return false;
  return Array.isArray(route.path) ? route.path.includes(pattern) : route.path === pattern;
}

function mountsOf({ state }: Exchange): Map<string, string> {
  const known = state.get(MOUNTS) as Map<string, string> | undefined;
  if (known !== undefined) return known;
  const mounts = new Map<string, string>();
  state.set(MOUNTS, mounts);
  return mounts;
}

/** The path without as many segments at its end as the pattern has. */
function parentOf(path: string, pattern: string): string {
  const segments = path.split('/');
  return segments.slice(0, Math.max(0, segments.length - segmentsOf(pattern))).join('/');
}

function segmentsOf(pattern: string): number {
  return pattern.split('/').filter((segment) => segment !== '').length;
}

function joined(base: string, pattern: string): string {
  return base === '' ? pattern : pattern === '/' ? base : base + pattern;
}
