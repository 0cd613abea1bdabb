import { createServer, type IncomingMessage, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { HTTPException } from 'hono/http-exception';
import { requestId } from 'hono/request-id';
import { secureHeaders } from 'hono/secure-headers';
import { ORIGIN, Refusal, ROUTE, UserView, type Work } from './work.ts';

/** The service with the middleware that Hono has. */
export function honoService(work: Work): Server {
  const app = new Hono<{ Bindings: { incoming: IncomingMessage } }>();
  app.use(async (c, next) => {
    const startedAt = performance.now();
    await next();
    work.answered(c.req.method, c.res.status, performance.now() - startedAt);
  });
  app.use(requestId(), secureHeaders(), cors({ origin: [ORIGIN] }));
  app.use(async (c, next) => {
    const headers = work.admit(c.env.incoming.socket.remoteAddress ?? '');
    await next();
    for (const [name, value] of Object.entries(headers)) c.header(name, value);
  });
  app.onError((error) => {
    const status = error instanceof Refusal ? error.status : error instanceof HTTPException ? error.status : 500;
    return Response.json({ status }, { status, headers: { 'content-type': 'application/problem+json' } });
  });
  app.get(ROUTE, async (c) => {
    const id = c.req.param('id');
    work.permit(await work.authenticate(c.req.header('authorization')), id);
    const user = work.user(id);
    return c.json(UserView.parse(user), 200, { etag: work.etag(user), 'cache-control': 'private, no-cache' });
  });
  const listener = getRequestListener(app.fetch);
  return createServer((req, res) => void listener(req, res));
}
