// Who calls, in the context: what an application adds before a body is read reaches its handlers, on each host.
import type { RequestListener } from 'node:http';
import { text } from 'node:stream/consumers';
import { getContext, withContext } from '@ent/logging';
import { requestContext, requestId } from '@ent/middleware';
import { createExpressListener } from '@ent/middleware/express';
import { fastifyOptions, fastifyProblems } from '@ent/middleware/fastify';
import { createHonoHandler } from '@ent/middleware/hono';
import { createKoaListener } from '@ent/middleware/koa';
import { getRequestListener } from '@hono/node-server';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import { describe, expect, it, onTestFinished } from 'vitest';
import { serve } from '../support/serve.ts';

const middleware = [requestId(), requestContext()];

const HOSTS: Record<string, () => Promise<string>> = {
  async Express() {
    const app = express();
    app.use((req, _res, next) => {
      withContext({ user: req.get('x-user') }, next);
    });
    app.use(express.json());
    app.use((_req, res) => void res.json(getContext()));
    return listening(createExpressListener(app, { middleware }));
  },
  async Fastify() {
    const app = Fastify(fastifyOptions({ middleware }));
    await app.register(fastifyProblems);
    await app.register(async (guarded) => {
      guarded.addHook('onRequest', (request, _reply, done) => {
        withContext({ user: request.headers['x-user'] }, done);
      });
      guarded.route({ method: ['GET', 'POST', 'PUT'], url: '/', handler: () => ({ ...getContext() }) });
    });
    onTestFinished(() => app.close());
    return app.listen({ port: 0, host: '127.0.0.1' });
  },
  async Koa() {
    const app = new Koa();
    const listener = createKoaListener(app, { middleware });
    app.use((ctx, next) => withContext({ user: ctx.get('x-user') }, next));
    app.use(async (ctx) => {
      await text(ctx.req);
      ctx.body = { ...getContext() };
    });
    return listening(listener);
  },
  async Hono() {
    const app = new Hono();
    const handler = createHonoHandler(app, { middleware });
    app.use((c, next) => withContext({ user: c.req.header('x-user') }, next));
    app.all('/', async (c) => {
      await c.req.text();
      return c.json(getContext() as Record<string, string>);
    });
    const listener = getRequestListener(handler);
    return listening((req, res) => void listener(req, res));
  },
};

async function listening(listener: RequestListener): Promise<string> {
  return (await serve(listener)).url;
}

describe.each(Object.keys(HOSTS))('on %s', (host) => {
  it.each([
    ['GET', 0],
    ['POST', 0],
    ['POST', 2],
    ['PUT', 90_000],
  ])('the handler of a %s of %d bytes knows', async (method, bytes) => {
    const url = await HOSTS[host]!();
    const body = bytes === 0 ? {} : { body: JSON.stringify(['x'.repeat(bytes)]) };
    const ask = async (user: string): Promise<unknown> => {
      const headers = {
        'x-user': user,
        'x-request-id': `of-${user}`,
        ...(bytes > 0 && { 'content-type': 'application/json' }),
      };
      return (await fetch(url, { method, headers, ...body })).json();
    };
    expect(await Promise.all(['ann', 'bob'].map(ask))).toEqual([
      { user: 'ann', requestId: 'of-ann' },
      { user: 'bob', requestId: 'of-bob' },
    ]);
  });
});
