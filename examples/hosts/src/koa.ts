import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createKoaListener } from '@ent/middleware/koa';
import Router from '@koa/router';
import Koa from 'koa';
import { listening, middleware } from './middleware.ts';

const app = new Koa();
// Before the first app.use(), so that it is around all of them.
const listener = createKoaListener(app, { middleware });
const router = new Router();
router.get('/users/broken', () => {
  throw new Error('what nobody outside is to read');
});
router.get('/users/:id', (ctx) => {
  ctx.body = { id: ctx['params'].id as string };
});
app.use(router.routes());

const server = createServer(listener);
server.listen(0, '127.0.0.1', () => listening((server.address() as AddressInfo).port));
