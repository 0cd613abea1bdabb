import { serve } from '@hono/node-server';
import { createHonoHandler } from '@ent/middleware/hono';
import { Hono } from 'hono';
import { listening, middleware } from './middleware.ts';

const app = new Hono();
// Before the first route, so that it is around all of them.
const fetch = createHonoHandler(app, { middleware });
app.get('/users/broken', () => {
  throw new Error('what nobody outside is to read');
});
app.get('/users/:id', (c) => c.json({ id: c.req.param('id') }));

serve({ fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => listening(port));
