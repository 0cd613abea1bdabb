import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import cors from 'cors';
import express, { type ErrorRequestHandler } from 'express';
import helmet from 'helmet';
import { ORIGIN, Refusal, ROUTE, UserView, type Work } from './work.ts';

/** The service as people write one; express itself would make a second ETag, of the body. */
export function expressService(work: Work): Server {
  const app = express().disable('etag');
  app.use((req, res, next) => {
    const startedAt = performance.now();
    res.setHeader('x-request-id', randomUUID());
    res.on('finish', () => work.answered(req.method, res.statusCode, performance.now() - startedAt));
    next();
  });
  app.use(helmet());
  app.use(cors({ origin: [ORIGIN] }));
  app.use((req, res, next) => {
    res.set(work.admit(req.ip ?? ''));
    next();
  });
  app.get(ROUTE, async (req, res) => {
    const { id } = req.params;
    work.permit(await work.authenticate(req.headers.authorization), id);
    const user = work.user(id);
    res.set({ etag: work.etag(user), 'cache-control': 'private, no-cache' }).json(UserView.parse(user));
  });
  const refuse: ErrorRequestHandler = (error, _req, res, _next) => {
    const status = error instanceof Refusal ? error.status : 500;
    res.status(status).type('application/problem+json').send({ status });
  };
  app.use(refuse);
  return createServer(app);
}
