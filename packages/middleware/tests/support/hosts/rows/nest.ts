import 'reflect-metadata';
import { fastifyOptions } from '@ent/middleware/fastify';
import { exchangeOf, setUpNest } from '@ent/middleware/nest';
import {
  All,
  Body,
  ConflictException,
  Controller,
  Get,
  Module,
  Param,
  Post,
  Req,
  Res,
  StreamableFile,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
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

/** What both adapters' responses have. */
interface Response {
  status(status: number): Response;
  header(name: string, value: string | string[]): Response;
  send(body?: unknown): unknown;
}

const file = (source: AsyncGenerator<Buffer>, type: string): StreamableFile =>
  new StreamableFile(stream(source), { type });

class AppController {
  text(res: Response) {
    res.header('x-own', '1').header('content-type', PLAIN).send(TEXT);
  }
  json(id: string) {
    return { id };
  }
  bytes(res: Response) {
    res.header('content-type', OCTETS).send(BYTES);
  }
  empty(res: Response) {
    res.status(204).send();
  }
  cookies(res: Response) {
    res.header('set-cookie', COOKIES).header('content-type', PLAIN).send('two');
  }
  redirect(res: Response) {
    res.status(302).header('location', '/text').send();
  }
  framed(res: Response) {
    for (const [name, value] of Object.entries(FRAMED)) res.header(name, value);
    res.header('content-type', PLAIN).send('framed');
  }
  stream() {
    return file(abc(), PLAIN);
  }
  big() {
    return file(big(), OCTETS);
  }
  huge() {
    return file(huge(), OCTETS);
  }
  half(req: { url: string }) {
    return file(half(queryOf(req)), PLAIN);
  }
  gate(req: { url: string }) {
    return file(gated(queryOf(req)), PLAIN);
  }
  never(req: object) {
    return never(exchangeOf(req));
  }
  async slow(req: { url: string }, res: Response) {
    res
      .status(200)
      .header('content-type', PLAIN)
      .send(await slow(queryOf(req)));
  }
  async reject() {
    await contextId();
    throw failureAt('/reject');
  }
  async context(res: Response) {
    res.header('content-type', PLAIN).send(await contextId());
  }
  id(req: object, res: Response) {
    res.header('content-type', PLAIN).send(exchangeOf(req)?.id);
  }
  peer(req: object, res: Response) {
    res.header('content-type', PLAIN).send(exchangeOf(req)?.peer);
  }
  echo(body: unknown, res: Response) {
    res
      .status(200)
      .header('content-type', OCTETS)
      .send(Buffer.isBuffer(body) ? body : Buffer.alloc(0));
  }
  parsed(body: unknown, res: Response) {
    res.status(200).send(body);
  }
  busy() {
    throw new ConflictException('busy');
  }
  throw() {
    throw failureAt('/throw');
  }
  known() {
    throw failureAt('/known');
  }
  limited() {
    throw failureAt('/limited');
  }
  encoded(res: Response) {
    res.header('content-encoding', 'gzip').header('etag', '"1"').header('set-cookie', 'kept=1');
    throw failureAt('/throw');
  }
  deep(a: string, b: string, res: Response) {
    res.header('content-type', PLAIN).send(`${a} ${b}`);
  }
  fail() {
    throw failureAt('/throw');
  }
}

// By hand what the decorators do, which the runtime's type stripping does not.
type Name = Exclude<keyof AppController, symbol>;
const route = (decorator: MethodDecorator, name: Name, ...parameters: ParameterDecorator[]): void => {
  const prototype = AppController.prototype;
  parameters.forEach((parameter, index) => parameter(prototype, name, index));
  decorator(prototype, name, Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor);
};
for (const name of ['text', 'bytes', 'empty', 'cookies', 'redirect', 'framed', 'encoded'] as const) {
  route(Get(`/${name}`), name, Res());
}
for (const name of ['stream', 'big', 'huge', 'reject', 'busy', 'throw', 'known', 'limited'] as const) {
  route(Get(`/${name}`), name);
}
route(Get('/json/:id'), 'json', Param('id'));
route(Get('/gate'), 'gate', Req());
route(Get('/half'), 'half', Req());
route(Get('/never'), 'never', Req());
route(Post('/slow'), 'slow', Req(), Res());
route(All('/context'), 'context', Res());
route(Get('/id'), 'id', Req(), Res());
route(Get('/peer'), 'peer', Req(), Res());
route(All('/echo'), 'echo', Body(), Res());
route(Post('/parsed'), 'parsed', Body(), Res());
route(Get('/nested/:a/deep/:b'), 'deep', Param('a'), Param('b'), Res());
route(Get('/nested/:a/fail'), 'fail');
Controller()(AppController);

class AppModule {}
Module({ controllers: [AppController] })(AppModule);

const quiet = { logger: false } as const;

export const nestOnExpress: Host = {
  name: 'NestJS on Express',
  features: { targets: 'as sent', refusesBadEncoding: true, noted: false, shapes: 'problems' },
  async start({ middleware, prepare }) {
    const app = await NestFactory.create<NestExpressApplication>(AppModule, new ExpressAdapter(), quiet);
    app.useBodyParser('json', { limit: LIMIT }).useBodyParser('raw', { type: OCTETS, limit: LIMIT });
    setUpNest(app, { middleware });
    prepare?.(app.getHttpServer());
    await app.listen(0, '127.0.0.1');
    return running(app.getHttpServer(), () => app.close());
  },
};

export const nestOnFastify: Host = {
  name: 'NestJS on Fastify',
  features: { targets: 'as sent', refusesBadEncoding: true, noted: false, shapes: 'problems' },
  async start({ middleware, prepare }) {
    const adapter = new FastifyAdapter({ ...fastifyOptions({ middleware }), bodyLimit: LIMIT });
    const app = await NestFactory.create<NestFastifyApplication>(AppModule, adapter, quiet);
    app.useBodyParser(OCTETS);
    setUpNest(app);
    prepare?.(app.getHttpServer());
    await app.listen(0, '127.0.0.1');
    return running(app.getHttpServer(), () => app.close());
  },
};
