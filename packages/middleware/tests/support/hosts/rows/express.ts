import { createServer } from 'node:http';
import { pipeline } from 'node:stream';
import { createExpressListener, exchangeOf } from '@ent/middleware/express';
import express, { type Response, Router } from 'express';
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
import { type Host, listenOn } from '../host.ts';

function send(res: Response, type: string, source: AsyncGenerator<Buffer>): void {
  res.type(type);
  pipeline(stream(source), res, () => {});
}

function app(): express.Express {
  const all = express();
  all.use(express.raw({ type: OCTETS, limit: LIMIT }), express.json({ limit: LIMIT }));
  all.get('/text', (_req, res) => void res.set('x-own', '1').type(PLAIN).send(TEXT));
  all.get('/json/:id', (req, res) => void res.json({ id: req.params['id'] }));
  all.get('/bytes', (_req, res) => void res.type(OCTETS).send(BYTES));
  all.get('/empty', (_req, res) => void res.status(204).end());
  all.get('/cookies', (_req, res) => void res.set('set-cookie', COOKIES).type(PLAIN).send('two'));
  all.get('/redirect', (_req, res) => void res.status(302).location('/text').end());
  all.get('/framed', (_req, res) => void res.set(FRAMED).type(PLAIN).send('framed'));
  all.get('/stream', (_req, res) => send(res, PLAIN, abc()));
  all.get('/big', (_req, res) => send(res, OCTETS, big()));
  all.get('/huge', (_req, res) => send(res, OCTETS, huge()));
  all.get('/half', (req, res) => send(res, PLAIN, half(queryOf(req))));
  all.get('/gate', (req, res) => send(res, PLAIN, gated(queryOf(req))));
  all.post('/slow', async (req, res) => void res.type(PLAIN).send(await slow(queryOf(req))));
  all.get('/never', async (req) => never(exchangeOf(req)));
  all.get('/reject', async () => {
    await contextId();
    throw failureAt('/reject');
  });
  all.all('/context', async (_req, res) => void res.type(PLAIN).send(await contextId()));
  all.get('/id', (req, res) => void res.type(PLAIN).send(exchangeOf(req)?.id));
  all.get('/peer', (req, res) => void res.type(PLAIN).send(exchangeOf(req)?.peer));
  all.all('/echo', (req, res) => void res.type(OCTETS).send(Buffer.isBuffer(req.body) ? req.body : Buffer.alloc(0)));
  all.post('/parsed', (req, res) => void res.json(req.body));
  all.get('/busy', () => {
    throw Object.assign(new Error('busy'), { status: 409, expose: true });
  });
  all.get(['/throw', '/known', '/limited'], (req) => {
    throw failureAt(req.path);
  });
  all.get('/encoded', (_req, res, next) => {
    res.set({ 'content-encoding': 'gzip', etag: '"1"', 'set-cookie': 'kept=1' });
    next(failureAt('/throw'));
  });
  const nested = Router({ mergeParams: true });
  nested.use((_req, _res, next) => next());
  nested.get('/deep/:b', (req, res) => {
    const { a, b } = req.params as { a?: string; b?: string };
    res.type(PLAIN).send(`${a} ${b}`);
  });
  nested.get('/fail', () => {
    throw failureAt('/throw');
  });
  all.use('/nested/:a', nested);
  return all;
}

export const expressHost: Host = {
  name: 'Express',
  features: { targets: 'as sent', refusesBadEncoding: true, noted: false, shapes: 'problems' },
  start: ({ middleware, prepare }) => listenOn(createServer(createExpressListener(app(), { middleware })), prepare),
};
