import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { middlewareErrors } from '../errors.ts';
import { createAppListener, forgetBody, patternText } from './app.ts';
import { exchangeOf, nothingThere, problemFor, type WholeReply } from './exchange-of.ts';
import type { NodeHostOptions } from './node.ts';

export { exchangeOf };

/** The context of Koa, as far as it is used here. */
export interface KoaContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  status: number;
  body: unknown;
  /** `false` where Koa is not to end the response. */
  respond?: boolean;
  /** Of `@koa/router`: the pattern of the route. */
  readonly _matchedRoute?: unknown;
  set(headers: Record<string, string | string[]>): void;
}

/** An application of Koa 3, as far as it is called here. */
export interface KoaApp {
  readonly middleware: readonly unknown[];
  use(middleware: (context: KoaContext, next: () => Promise<unknown>) => Promise<void>): unknown;
  callback(): (req: IncomingMessage, res: ServerResponse) => unknown;
}

/**
 * Makes a listener for `http.createServer` out of an application of Koa, with middlewares around all of it. To be
 * called before the first `app.use`: it puts a function at the beginning, which turns what is thrown later into a
 * problem reply, and a path that nothing answers.
 *
 * `exchange.route` is the pattern of the route, where `@koa/router` found one.
 *
 * @throws `middleware.invalid_options` for what is no application, or has middleware already; and like
 *   `createNodeListener`
 * @example
 * ```ts
 * import { createServer } from 'node:http';
 * import Koa from 'koa';
 * import { requestId } from '@ent/middleware';
 * import { createKoaListener } from '@ent/middleware/koa';
 *
 * const app = new Koa();
 * const listener = createKoaListener(app, { middleware: [requestId()] });
 * app.use((ctx) => {
 *   ctx.body = 'hello';
 * });
 * const server = createServer(listener);
 * ```
 */
export function createKoaListener(app: KoaApp, options: NodeHostOptions = {}): RequestListener {
  if (typeof (app as KoaApp | undefined)?.callback !== 'function') {
    throw middlewareErrors.invalid_options('createKoaListener: the application must be one of Koa.');
  }
  if (app.middleware.length > 0) {
    throw middlewareErrors.invalid_options(
      'createKoaListener: call it before the first app.use(), or what that throws is not answered by a problem.',
    );
  }
  let callback: ReturnType<KoaApp['callback']> | undefined;
  const listener = createAppListener(({ req, res }) => {
    callback ??= app.callback();
    void callback(req, res);
  }, options);
  app.use(async (context, next) => {
    try {
      await next();
      // What Koa begins with, and nobody changed.
      if (context.status === 404 && isEmpty(context.body)) answer(context, await nothingThere(context.req));
      if (context.res.closed) endForNobody(context);
    } catch (error) {
      answer(context, await problemFor(context.req, error));
    } finally {
      const exchange = exchangeOf(context.req);
      const route = context._matchedRoute;
      if (exchange !== undefined && route !== undefined) exchange.route = patternText(route);
    }
  });
  return listener;
}

/** Where the client is gone, Koa ends the response without its body; who reads along is to see what it came to. */
function endForNobody(context: KoaContext): void {
  const { res, body } = context;
  if (res.writableEnded || context.respond === false) return;
  context.respond = false;
  if (isEmpty(body) || typeof body === 'string' || body instanceof Uint8Array) res.end(body);
  else if (Array.isArray(body) || Object.getPrototypeOf(body) === Object.prototype) res.end(JSON.stringify(body));
}

function isEmpty(body: unknown): boolean {
  return body === undefined || body === null;
}

function answer(context: KoaContext, { status, headers, body }: WholeReply): void {
  if (context.res.headersSent) {
    // The head is out: a cut connection is the only honest signal left.
    if (!context.res.writableEnded) context.res.destroy();
    return;
  }
  forgetBody(context.res);
  context.status = status;
  context.body = body;
  context.set(headers);
}
