import { createServer } from 'node:http';
import Router from '@koa/router';
import { readJson } from '@ent/middleware';
import { createKoaListener, exchangeOf } from '@ent/middleware/koa';
import Koa from 'koa';
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
  slow,
  stream,
  TEXT,
} from '../app.ts';
import { type Host, listenOn } from '../host.ts';

function routes(): Router {
  const all = new Router();
  const send = (path: string, type: string, body: (query: string) => unknown): void => {
    all.get(path, (ctx) => {
      ctx.type = type;
      ctx.body = body(ctx.querystring);
    });
  };
  all.get('/text', (ctx) => {
    ctx.set('x-own', '1');
    ctx.type = PLAIN;
    ctx.body = TEXT;
  });
  all.get('/json/:id', (ctx) => {
    ctx.body = { id: ctx['params'].id as string };
  });
  send('/bytes', OCTETS, () => BYTES);
  all.get('/empty', (ctx) => {
    ctx.status = 204;
  });
  all.get('/cookies', (ctx) => {
    ctx.set('set-cookie', COOKIES);
    ctx.body = 'two';
  });
  all.get('/redirect', (ctx) => {
    ctx.status = 302;
    ctx.set('location', '/text');
    ctx.body = '';
  });
  all.get('/framed', (ctx) => {
    ctx.set(FRAMED);
    ctx.body = 'framed';
  });
  send('/stream', PLAIN, () => stream(abc()));
  send('/big', OCTETS, () => stream(big()));
  send('/huge', OCTETS, () => stream(huge()));
  send('/half', PLAIN, (query) => stream(half(query)));
  send('/gate', PLAIN, (query) => stream(gated(query)));
  all.post('/slow', async (ctx) => {
    ctx.body = await slow(ctx.querystring);
  });
  all.get('/never', async (ctx) => never(exchangeOf(ctx.req)));
  all.get('/reject', async () => {
    await contextId();
    throw failureAt('/reject');
  });
  all.all('/context', async (ctx) => {
    const exchange = exchangeOf(ctx.req);
    if (ctx.method === 'POST' && exchange !== undefined) await readJson(exchange);
    ctx.body = await contextId();
  });
  all.get('/id', (ctx) => {
    ctx.body = exchangeOf(ctx.req)?.id;
  });
  all.get('/peer', (ctx) => {
    ctx.body = exchangeOf(ctx.req)?.peer;
  });
  all.all('/echo', async (ctx) => {
    ctx.type = OCTETS;
    ctx.body = Buffer.from((await exchangeOf(ctx.req)?.bytes(LIMIT)) ?? []);
  });
  all.post('/parsed', async (ctx) => {
    const exchange = exchangeOf(ctx.req);
    ctx.body = exchange === undefined ? undefined : await readJson(exchange, { maxBytes: LIMIT });
  });
  all.get('/busy', (ctx) => ctx.throw(409, 'busy'));
  for (const path of ['/throw', '/known', '/limited']) {
    all.get(path, () => {
      throw failureAt(path);
    });
  }
  all.get('/encoded', (ctx) => {
    ctx.set({ 'content-encoding': 'gzip', etag: '"1"', 'set-cookie': 'kept=1' });
    throw failureAt('/throw');
  });
  const nested = new Router();
  nested.get('/deep/:b', (ctx) => {
    ctx.body = `${ctx['params'].a} ${ctx['params'].b}`;
  });
  nested.get('/fail', () => {
    throw failureAt('/throw');
  });
  return all.use('/nested/:a', nested.routes());
}

export const koaHost: Host = {
  name: 'Koa',
  features: { targets: 'as sent', refusesBadEncoding: false, noted: false, shapes: 'problems' },
  start({ middleware, prepare }) {
    const app = new Koa();
    app.silent = true;
    const listener = createKoaListener(app, { middleware });
    app.use(routes().routes());
    return listenOn(createServer(listener), prepare);
  },
};
