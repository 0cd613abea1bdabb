import { AuthenticationError, ConflictError, EntError, NotFoundError, TimeoutError } from '@ent/errors';
import { entityTag, requestId } from '@ent/middleware';
import { createFetchHandler } from '@ent/middleware/fetch';
import { createServer as createTcpServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { listen, serve, stop } from '../../middleware/tests/support/serve.ts';
import { createClient } from '../src/client.ts';
import { createHandler, createListener, createServer, drain, reply, route } from '../src/index.ts';

const tag = entityTag('1');
const Seen = z.object({
  at: z.string(),
  big: z.string(),
  list: z.array(z.string()),
  page: z.number(),
  on: z.boolean(),
});
const routes = [
  route({
    method: 'GET',
    path: '/items/:id',
    responses: { 200: z.object({ id: z.string() }) },
    handler: ({ params }) => reply(200, { id: params.id }, { etag: tag }),
  }),
  route({
    method: 'GET',
    path: '/seen',
    query: z.object({ at: z.date(), big: z.bigint(), list: z.array(z.string()), page: z.int(), on: z.boolean() }),
    responses: { 200: Seen },
    handler: ({ query }) => ({ ...query, at: query.at.toISOString(), big: String(query.big) }),
  }),
  route({
    method: 'POST',
    path: '/items',
    headers: z.object({ 'x-tenant': z.string() }),
    body: z.object({ name: z.string().min(1), at: z.date(), big: z.bigint() }),
    responses: { 201: z.object({ name: z.string(), tenant: z.string(), at: z.date() }) },
    handler: ({ body, headers }) => {
      if (body.name === 'taken') throw new ConflictError('There is one of this name.', { retryAfterMs: 3000 });
      return reply(201, { name: body.name, tenant: headers['x-tenant'], at: body.at }, { location: '/items/8' });
    },
  }),
  route({
    method: 'DELETE',
    path: '/items/:id',
    auth: (exchange) => {
      if (exchange.header('authorization') === 'Bearer t2') return { id: 1 };
      throw new AuthenticationError('Who are you?');
    },
    responses: { 204: {}, 404: z.object({ hint: z.string() }) },
    handler: ({ params }) => (params.id === 'none' ? reply(404, { hint: 'look elsewhere' }) : reply(204)),
  }),
  route({ method: 'GET', path: '/text', responses: { 200: { contentType: 'text/plain' } }, handler: () => 'grüße' }),
  route({
    method: 'GET',
    path: '/bytes',
    responses: { 200: { contentType: 'application/octet-stream' } },
    handler: () => new Uint8Array([0, 255]),
  }),
  route({
    method: 'GET',
    path: '/never',
    responses: { 200: z.object({}) },
    handler: ({ exchange }) =>
      new Promise<Record<string, never>>((_resolve, reject) =>
        exchange.signal.addEventListener('abort', () => reject(new Error('gone'))),
      ),
  }),
  route({
    method: 'GET',
    path: '/moved',
    responses: { 303: {} },
    handler: () => reply(303, undefined, { location: '/text' }),
  }),
];

async function start(): Promise<string> {
  const { url } = await serve(createListener(routes, { middleware: [requestId()] }));
  return url;
}
const open = async () => createClient<typeof routes>(await start());

/** A server that answers with these bytes and closes. */
async function answering(bytes: string): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(Buffer.from(bytes, 'latin1')));
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}
const http = (status: string, type: string, body: string): string =>
  `HTTP/1.1 ${status}\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`;

const rejection = async (call: Promise<unknown>): Promise<EntError> => {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(EntError);
  return error as EntError;
};

describe('a call', () => {
  it('gives status, body and headers', async () => {
    const client = await open();
    const { status, body, headers } = await client.get('/items/:id', { params: { id: 'a b/ü%?#' } });
    expect([status, body, headers.get('etag')]).toEqual([200, { id: 'a b/ü%?#' }, tag]);
    expect((await client.get('/text')).body).toBe('grüße');
    expect([...(await client.get('/bytes')).body]).toEqual([0, 255]);
  });

  it('writes each value as the route reads it', async () => {
    const client = await open();
    const at = new Date('2024-02-29T12:00:00Z');
    const query = { at, big: 2n ** 70n, list: ['only'], page: -5, on: false };
    expect((await client.get('/seen', { query })).body).toEqual({
      ...query,
      at: at.toISOString(),
      big: String(2n ** 70n),
    });
    const made = await client.post('/items', { headers: { 'x-tenant': 'a' }, body: { name: 'ü', at, big: -1n } });
    expect(made.body).toEqual({ name: 'ü', tenant: 'a', at: at.toISOString() });
    expect(made.headers.get('location')).toBe('/items/8');
  });

  it('asks for the headers of all calls before each', async () => {
    const tokens = ['t1', 't2'];
    const client = createClient<typeof routes>(await start(), {
      headers: async () => ({ authorization: `Bearer ${tokens.shift()}`, 'x-unset': undefined }),
    });
    const call = { params: { id: '1' } };
    expect(await rejection(client.delete('/items/:id', call))).toBeInstanceOf(AuthenticationError);
    expect(await client.delete('/items/:id', call)).toMatchObject({ status: 204, body: undefined });
    const own = { ...call, headers: { authorization: 'Bearer t2' } };
    expect((await client.delete('/items/:id', own)).status).toBe(204);
  });

  it('gives another answer than a success where it is expected', async () => {
    const client = await open();
    const call = { params: { id: 'none' }, headers: { authorization: 'Bearer t2' } };
    expect(await client.delete('/items/:id', { ...call, expect: [404] })).toMatchObject({
      status: 404,
      body: { hint: 'look elsewhere' },
    });
    expect(await rejection(client.delete('/items/:id', call))).toMatchObject({ code: 'http.unexpected_answer' });
    const again = { params: { id: '1' }, headers: { 'if-none-match': tag }, expect: [304] } as const;
    expect(await client.get('/items/:id', again)).toMatchObject({ status: 304, body: undefined });
  });

  it('throws problem details as the errors that they stand for', async () => {
    const client = await open();
    const at = new Date();
    const call = { headers: { 'x-tenant': 'a' }, body: { name: 'taken', at, big: 1n } };
    const taken = await rejection(client.post('/items', call));
    expect(taken).toBeInstanceOf(ConflictError);
    expect(taken).toMatchObject({
      code: 'conflict',
      message: 'There is one of this name.',
      retryAfterMs: 3000,
      expose: false,
    });
    expect((taken.cause as Error).message).toMatch(/^POST \/items answered 409 to the request [0-9a-f-]{36}\.$/);
    const wrong = await rejection(client.post('/items', { ...call, body: { name: '', at, big: 1n } }));
    expect(wrong).toMatchObject({
      code: 'http.invalid_request',
      status: 422,
      issues: [{ pointer: '#/name', in: 'body' }],
    });
    const elsewhere = createClient<typeof routes>(`${await start()}/elsewhere/`);
    expect(await rejection(elsewhere.get('/text', { expect: [404] }))).toBeInstanceOf(NotFoundError);
  });

  it('takes its own fetch, such as that of a handler without a network', async () => {
    const handle = createFetchHandler(createHandler(routes));
    const client = createClient<typeof routes>('http://localhost', {
      fetch: async (input, init) => handle(new Request(input, init)),
    });
    expect((await client.get('/text')).body).toBe('grüße');
  });

  it('lets a server drain: nothing of it is left open', async () => {
    const served = await listen(createServer(createListener(routes)));
    onTestFinished(() => stop(served.server));
    const client = createClient<typeof routes>(served.url);
    await client.get('/text');
    expect(await drain(served.server, { grace: 0 })).toEqual({ cut: 0 });
    expect(await rejection(client.get('/text'))).toMatchObject({ code: 'http.unreachable' });
  });
});

describe('what is no answer', () => {
  const call = (url: string, options?: { maxBodyBytes: number }) =>
    rejection(createClient<typeof routes>(url, options).get('/text'));

  it.each<[string, string, RegExp]>([
    ['a page of a proxy', http('502 Bad Gateway', 'text/html', '<h1>no</h1>'), /answered 502, without problem details/],
    ['JSON that is none', http('200 OK', 'application/json', '{"a":'), /no JSON, although it says so/],
    ['a problem that is none', http('404 Not Found', 'application/problem+json', 'oops'), /no JSON/],
    [
      'text that is not UTF-8',
      'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n\u00ff',
      /UTF-8/,
    ],
    ['too much', http('200 OK', 'text/plain', 'x'.repeat(101)), /more than 100 bytes/],
  ])('%s', async (_name, bytes, message) => {
    const error = await call(await answering(bytes), { maxBodyBytes: 100 });
    expect(error).toMatchObject({ code: 'http.unexpected_answer', status: 502, retryable: 'never' });
    expect(error.message).toMatch(message);
  });

  it('a redirect, which is not followed', async () => {
    const client = await open();
    // A table may declare it and nothing else; then only who expects it gets it.
    const get = client.get as unknown as (path: string, call?: object) => Promise<{ status: number }>;
    expect((await rejection(get('/moved'))).message).toMatch(/answered 303, and redirects are not followed/);
    expect((await get('/moved', { expect: [303] })).status).toBe(303);
  });

  it('keeps when to come back, of a problem and of anything else', async () => {
    const later = (type: string, body: string): Promise<string> =>
      answering(http('503 No\r\nretry-after: 7', type, body));
    expect(await call(await later('text/plain', 'busy'))).toMatchObject({
      retryAfterMs: 7000,
      details: { status: 503 },
    });
    expect(await call(await later('application/problem+json', '{"status":503}'))).toMatchObject({
      status: 503,
      retryAfterMs: 7000,
    });
  });

  it.each([
    ['nothing', ''],
    ['half a head', 'HTTP/1.1 200 OK\r\ncontent-'],
    ['half a body', 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 10\r\n\r\nhalf'],
    ['what is not HTTP', 'SSH-2.0-OpenSSH_9\r\n'],
  ])('%s, and the connection is cut', async (_name, bytes) => {
    const error = await call(await answering(bytes));
    expect(error).toMatchObject({ code: 'http.unreachable', status: 503, retryable: 'idempotent' });
    expect(error.message).toMatch(/^GET \/text has no answer, or not the whole of it/);
  });

  it('nobody listens', async () => {
    const served = await listen(createServer(() => {}));
    await stop(served.server);
    expect(await call(served.url)).toMatchObject({
      code: 'http.unreachable',
      message: expect.stringMatching(/ECONNREFUSED/),
    });
  });
});

describe('a call that is given up', () => {
  it('by its signal: with the reason, before and while it waits', async () => {
    const client = await open();
    const reason = new Error('enough');
    await expect(client.get('/text', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const waiting = client.get('/never', { signal: controller.signal });
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });

  it.each(['client', 'call'])('when its time is over, as the %s says', async (who) => {
    const url = await start();
    const client = createClient<typeof routes>(url, who === 'client' ? { timeout: 20 } : {});
    const error = await rejection(client.get('/never', who === 'call' ? { timeout: '20ms' } : {}));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ code: 'http.call_timeout', status: 504, retryable: 'idempotent' });
  });

  it('also when the head is there and the body does not come', async () => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 10\r\n\r\nhalf');
    }).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const client = createClient<typeof routes>(`http://127.0.0.1:${port}`);
    expect(await rejection(client.get('/text', { timeout: 100 }))).toMatchObject({ code: 'http.call_timeout' });
  });
});

describe('what cannot be sent', () => {
  const client = createClient<typeof routes>('http://127.0.0.1:1');
  const any = client as unknown as Record<'get' | 'post', (path: unknown, call?: unknown) => Promise<unknown>>;
  const body = { name: 'a', at: new Date(), big: 1n };
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;

  it.each<[string, () => Promise<unknown>, RegExp]>([
    ['a path that is none', () => any.get('items'), /a path is that of a route/],
    ['no path', () => any.get(undefined), /a path is that of a route/],
    ['a missing parameter', () => any.get('/items/:id'), /params\.id must be a text.*got undefined/],
    ['an empty parameter', () => client.get('/items/:id', { params: { id: '' } }), /params\.id must not be empty/],
    [
      'a parameter that climbs',
      () => client.get('/items/:id', { params: { id: '..' } }),
      /must not be empty, "\." or "\.\."/,
    ],
    ['half a character', () => client.get('/items/:id', { params: { id: '\ud800' } }), /surrogate/],
    ['another parameter', () => any.get('/text', { params: { id: '1' } }), /has no parameter "id"/],
    ['an object in the query', () => any.get('/text', { query: { a: {} } }), /query\.a must be a text/],
    ['a query that is none', () => any.get('/text', { query: 'a=1' }), /query must be an object/],
    [
      'a header of two lines',
      () => any.get('/text', { headers: { 'x-a': 'b\r\nc: d' } }),
      /the header "x-a" has a character/,
    ],
    ['a body with GET', () => any.get('/text', { body: {} }), /no body with GET/],
    ['a body with a circle', () => any.post('/items', { body: cyclic }), /cannot be said in JSON/],
    ['a body that is a function', () => any.post('/items', { body: () => {} }), /cannot be said in JSON/],
    ['a misspelt option', () => any.post('/items', { body, timeOut: 1 }), /no option "timeOut".*did you mean timeout/],
    ['a timeout that is none', () => any.get('/text', { timeout: 'soon' }), /timeout must be a positive number/],
    ['a signal that is none', () => any.get('/text', { signal: {} }), /signal must be an AbortSignal/],
    ['statuses that are none', () => any.get('/text', { expect: 304 }), /expect must be a list of statuses/],
  ])('%s', async (_name, call, message) => {
    const error = await rejection(call());
    expect(error).toMatchObject({ code: 'http.invalid_options' });
    expect(error.message).toMatch(message);
  });

  it.each<[unknown, RegExp]>([
    ['/v1', /URL is none/],
    ['ftp://a.example', /http: or https:/],
    ['https://user:secret@a.example', /has a user/],
    ['https://a.example/?a=1', /neither a query/],
    [7, /must be a text or a URL; got a number/],
  ])('to %s', (url, message) => {
    expect(() => createClient(url as string)).toThrow(message);
    expect(() => createClient(url as string)).not.toThrow(/secret/);
  });

  it.each<[object, RegExp]>([
    [{ retries: 3 }, /no option "retries"/],
    [{ timeout: 0 }, /timeout must be a positive number/],
    [{ maxBodyBytes: 'all' }, /maxBodyBytes must be a whole number/],
    [{ fetch: 'fetch' }, /fetch must be a function/],
    [{ headers: { 'x a': 'b' } }, /the header "x a"/],
  ])('by a client with %j', (options, message) => {
    expect(() => createClient('http://a.example', options)).toThrow(message);
  });
});
