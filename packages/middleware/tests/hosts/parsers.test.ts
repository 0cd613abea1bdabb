// What the parser of a framework refuses has the code and text of our own readers.
import type { RequestListener } from 'node:http';
import { accessLog } from '@ent/middleware';
import { createExpressListener } from '@ent/middleware/express';
import { fastifyOptions, fastifyProblems } from '@ent/middleware/fastify';
import { createHonoHandler } from '@ent/middleware/hono';
import { getRequestListener } from '@hono/node-server';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import { expect, it, onTestFinished } from 'vitest';
import { serve } from '../support/serve.ts';

const LIMIT = 100;
const logged: unknown[] = [];
const middleware = [accessLog({ info: (_message, fields) => void logged.push(fields['error.type']) })];
const listening = async (listener: RequestListener): Promise<string> => (await serve(listener)).url;

const HOSTS: Record<string, () => Promise<string>> = {
  async Express() {
    const app = express();
    app.use(express.json({ limit: LIMIT }), express.urlencoded({ limit: LIMIT, parameterLimit: 2 }));
    app.use((req, res) => void res.json(req.body));
    return listening(createExpressListener(app, { middleware }));
  },
  async Fastify() {
    const app = Fastify({ ...fastifyOptions({ middleware }), bodyLimit: LIMIT });
    await app.register(fastifyProblems);
    app.post('/', (request) => request.body);
    onTestFinished(() => app.close());
    return app.listen({ port: 0, host: '127.0.0.1' });
  },
  async Hono() {
    const app = new Hono();
    const fetch = createHonoHandler(app, { middleware });
    app.post('/', async (c) => c.json(await c.req.json()));
    const listener = getRequestListener(fetch);
    return listening((req, res) => void listener(req, res));
  },
};

const JSON_TYPE = 'application/json';
const long = JSON.stringify('x'.repeat(LIMIT));

it.each([
  ['Express', JSON_TYPE, '{"a":', 400, 'body_unparsable', /JSON/],
  ['Express', JSON_TYPE, long, 413, 'body_too_large', /large/],
  ['Express', 'application/x-www-form-urlencoded', 'a=1&b=2&c=3', 413, 'body_too_large', /many parameters/],
  ['Express', `${JSON_TYPE}; charset=x-none`, '{}', 415, 'unsupported_media_type', /^Send the body/],
  ['Fastify', JSON_TYPE, '{"a":', 400, 'body_unparsable', /JSON/],
  ['Fastify', JSON_TYPE, '', 400, 'body_unparsable', /empty/],
  ['Fastify', JSON_TYPE, long, 413, 'body_too_large', /large/],
  ['Hono', JSON_TYPE, '{"a":', 400, 'body_unparsable', /JSON/],
  ['Hono', JSON_TYPE, '', 400, 'body_unparsable', /JSON/],
  ['Fastify', 'application/xml', '<a/>', 415, 'unsupported_media_type', /^Send the body/],
] as const)('%s, for %s and %j: %d', async (host, type, body, status, code, detail) => {
  logged.length = 0;
  const url = await HOSTS[host]!();
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': type }, body });
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
  expect(await answer.json()).toMatchObject({
    status,
    code: `middleware.${code}`,
    detail: expect.stringMatching(detail) as string,
  });
  await expect.poll(() => logged).toEqual([`middleware.${code}`]);
});

it('what is no refusal of a parser stays what it is, whatever it says of itself', async () => {
  const app = Fastify(fastifyOptions({ middleware }));
  await app.register(fastifyProblems);
  app.get('/type', () => {
    throw Object.assign(new Error('secret'), { type: 'entity.unknown', code: 'FST_ERR_OTHER' });
  });
  onTestFinished(() => app.close());
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  const answer = await fetch(`${url}/type`);
  expect([answer.status, await answer.text()]).toEqual([500, expect.not.stringContaining('secret')]);
});

it('what is no JSON is for who catches it in Hono the error that it was, and no other error of that kind is one', async () => {
  const app = new Hono();
  const handle = createHonoHandler(app);
  app.post('/caught', async (c) => c.text(await c.req.json().catch((error: unknown) => String(error).split(':')[0])));
  app.post('/own', () => JSON.parse('{') as never);
  app.post('/valid', async (c) => c.json([await c.req.json(), await c.req.json(), await c.req.text()]));
  const post = (path: string, body: string): Promise<Response> =>
    handle(new Request(`http://a${path}`, { method: 'POST', body }));
  expect(await (await post('/caught', '{')).text()).toBe('SyntaxError');
  expect((await post('/own', '{}')).status).toBe(500);
  expect(await (await post('/valid', '{"a":1}')).json()).toEqual([{ a: 1 }, { a: 1 }, '{"a":1}']);
});
