import { ReadableStream } from 'node:stream/web';
import { createAdaptorServer } from '@hono/node-server';
import { readJson } from '@ent/middleware';
import { createHonoHandler, exchangeOf } from '@ent/middleware/hono';
import { Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
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
  TEXT,
} from '../app.ts';
import { type Host, listenOn } from '../host.ts';

const web = (source: AsyncGenerator<Buffer>): ReadableStream => ReadableStream.from(source);

function routes(app: Hono): void {
  const send = (path: string, type: string, body: (query: string) => ReadableStream): void => {
    app.get(path, (c) => c.body(body(c.req.url.split('?')[1] ?? '') as never, 200, { 'content-type': type }));
  };
  app.get('/text', (c) => c.text(TEXT, 200, { 'x-own': '1' }));
  app.get('/json/:id', (c) => c.json({ id: c.req.param('id') }));
  app.get('/bytes', (c) => c.body(new Uint8Array(BYTES), 200, { 'content-type': OCTETS }));
  app.get('/empty', (c) => c.body(null, 204));
  app.get('/cookies', (c) => {
    for (const cookie of COOKIES) c.header('set-cookie', cookie, { append: true });
    return c.text('two');
  });
  app.get('/redirect', (c) => c.redirect('/text'));
  app.get('/framed', (c) => c.text('framed', 200, FRAMED));
  send('/stream', PLAIN, () => web(abc()));
  send('/big', OCTETS, () => web(big()));
  send('/huge', OCTETS, () => web(huge()));
  send('/half', PLAIN, (query) => web(half(query)));
  send('/gate', PLAIN, (query) => web(gated(query)));
  app.post('/slow', async (c) => c.text(await slow(c.req.url.split('?')[1] ?? '')));
  app.get('/never', async (c) => {
    await never(exchangeOf(c.req));
    return c.body(null, 204);
  });
  app.get('/reject', async () => {
    await contextId();
    throw failureAt('/reject');
  });
  app.get('/context', async (c) => c.text(await contextId()));
  app.post('/context', async (c) => {
    await c.req.json();
    return c.text(await contextId());
  });
  app.get('/id', (c) => c.text(exchangeOf(c.req)?.id ?? ''));
  app.get('/peer', (c) => c.text(exchangeOf(c.req)?.peer ?? ''));
  app.all('/echo', async (c) => c.body(await c.req.arrayBuffer(), 200, { 'content-type': OCTETS }));
  app.post('/parsed', async (c) => {
    const exchange = exchangeOf(c.req);
    return c.json(exchange === undefined ? null : ((await readJson(exchange, { maxBytes: LIMIT })) as object));
  });
  app.get('/busy', () => {
    throw new HTTPException(409, { message: 'busy' });
  });
  for (const path of ['/throw', '/known', '/limited']) {
    app.get(path, () => {
      throw failureAt(path);
    });
  }
  app.get('/encoded', (c) => {
    c.header('content-encoding', 'gzip');
    throw failureAt('/throw');
  });
  const nested = new Hono();
  nested.use(async (_c, next) => next());
  nested.get('/deep/:b', (c) => c.text(`${c.req.param('a' as never)} ${c.req.param('b')}`));
  nested.get('/fail', () => {
    throw failureAt('/throw');
  });
  app.route('/nested/:a', nested);
}

export const honoHost: Host = {
  name: 'Hono',
  features: { targets: 'as a URL', refusesBadEncoding: false, noted: true, shapes: 'problems' },
  start({ middleware, prepare }) {
    const app = new Hono();
    const fetch = createHonoHandler(app, {
      middleware,
      peer: (_request, env) =>
        (env as { incoming: { socket: { remoteAddress?: string } } }).incoming.socket.remoteAddress,
    });
    routes(app);
    return listenOn(createAdaptorServer({ fetch }) as never, prepare);
  },
};
