import type { Server, ServerResponse } from 'node:http';
import { chain } from '@ent/internal';
import type { ArgumentsHost, HttpServer, INestApplication } from '@nestjs/common';
import { middlewareErrors } from '../errors.ts';
import { forgetBody } from './app.ts';
import { exchangeOf, problemFor, type WholeReply } from './exchange-of.ts';
import { createExpressListener, type ExpressApp } from './express.ts';
import { tellRoutes } from './fastify-routes.ts';
import type { NodeHostOptions } from './node.ts';

export { exchangeOf };

/**
 * Sets up an application of NestJS, before it listens: a global filter turns what is thrown into problem replies, and
 * `exchange.route` is the pattern of the route.
 *
 * On Express the middlewares are given here, and put around all that its server answers. On Fastify they are
 * given to the adapter, whose server is made by then: `new FastifyAdapter(fastifyOptions({ middleware }))`.
 *
 * @throws `middleware.invalid_options` for what is no application, for another adapter, for options on Fastify; and
 *   like `createNodeListener`
 * @example
 * ```js
 * const app = await NestFactory.create(AppModule);
 * setUpNest(app, { middleware: [requestId()] });
 * await app.listen(3000);
 * ```
 */
export function setUpNest(app: INestApplication, options?: NodeHostOptions): void {
  const adapter = (app as INestApplication | undefined)?.getHttpAdapter?.();
  const type: unknown = adapter?.getType();
  if (type === 'express') {
    const server = app.getHttpServer() as Server;
    const listener = createExpressListener(app.getHttpAdapter().getInstance() as ExpressApp, options);
    server.removeAllListeners('request').on('request', listener);
  } else if (type === 'fastify') {
    if (options !== undefined) {
      throw middlewareErrors.invalid_options(
        'setUpNest: on Fastify give the options to the adapter: new FastifyAdapter(fastifyOptions({ ... })).',
      );
    }
    tellRoutes(app.getHttpAdapter().getInstance() as Parameters<typeof tellRoutes>[0]);
  } else {
    throw middlewareErrors.invalid_options('setUpNest takes an application of NestJS on Express or Fastify.');
  }
  app.useGlobalFilters({ catch: (error: unknown, host: ArgumentsHost) => answer(app, error, host) });
}

function answer(app: INestApplication, error: unknown, host: ArgumentsHost): void {
  const adapter = app.getHttpAdapter();
  const http = host.switchToHttp();
  const response = http.getResponse<Response>();
  void chain(problemFor(http.getRequest<object>(), error), (problem) => write(adapter, response, problem));
}

/** Of either adapter. */
interface Response {
  readonly raw?: unknown;
  removeHeader(name: string): unknown;
}

function write(adapter: HttpServer, response: Response, { status, headers, body }: WholeReply): void {
  if (adapter.isHeadersSent(response)) {
    // The head is out: a cut connection is the only honest signal left.
    ((response.raw ?? response) as { destroy(): void }).destroy();
    return;
  }
  forgetBody(response);
  for (const [name, value] of Object.entries(headers)) adapter.setHeader(response, name, value as string);
  if (adapter.getType() === 'express') sendAsIs(response as unknown as ServerResponse, status, body);
  else adapter.reply(response, body, status);
}

/** `res.send` of Express gives the text of a problem an ETag, which a client takes for that of what it asked for. */
function sendAsIs(res: ServerResponse, status: number, body: Buffer): void {
  res.statusCode = status;
  res.setHeader('content-length', body.byteLength);
  res.end(body);
}
