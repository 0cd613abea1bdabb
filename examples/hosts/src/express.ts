import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createExpressListener, exchangeOf } from '@ent/middleware/express';
import express from 'express';
import { listening, middleware } from './middleware.ts';

const app = express();
app.get('/users/broken', () => {
  throw new Error('what nobody outside is to read');
});
app.get('/users/:id', (req, res) => {
  console.error('asked for a user', exchangeOf(req)?.id);
  res.json({ id: req.params.id });
});

const server = createServer(createExpressListener(app, { middleware }));
server.listen(0, '127.0.0.1', () => listening((server.address() as AddressInfo).port));
