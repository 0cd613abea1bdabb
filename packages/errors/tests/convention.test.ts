import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import bodyParser from 'body-parser';
import Fastify, { type FastifyRequest } from 'fastify';
import createError from 'http-errors';
import Koa from 'koa';
import { describe, expect, it } from 'vitest';
import { EntError, InternalError, NotFoundError, RateLimitedError, toErrorRecord } from '../src/index.ts';

// How other libraries say what a server should answer, asked of those libraries themselves.

/** What `work` throws when it is the listener of a server that gets one request. */
async function thrownBy(
  work: (...args: Parameters<RequestListener>) => Promise<unknown>,
  init: RequestInit = {},
): Promise<unknown> {
  let thrown: unknown;
  const server = createServer((req, res) => {
    work(req, res)
      .catch((error: unknown) => (thrown = error))
      .finally(() => res.end());
  }).listen(0);
  await once(server, 'listening');
  try {
    await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, init);
  } finally {
    server.close();
    server.closeAllConnections();
  }
  return thrown;
}

function json(body: string): RequestInit {
  return { method: 'POST', body, headers: { 'content-type': 'application/json' } };
}

describe('an error of http-errors', () => {
  it('has its status, and its message where it exposes one', () => {
    const original = createError(404, 'There is no such page.');
    const error = EntError.from(original);
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error.cause).toBe(original);
    expect(error.toProblem()).toEqual({
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      code: 'not_found',
      detail: 'There is no such page.',
    });
    expect(EntError.from(createError(429))).toBeInstanceOf(RateLimitedError);
    expect(EntError.from(createError(418)).toProblem()).toMatchObject({ status: 418, code: 'bad_request' });
  });

  it('is not shown where it is not exposed', () => {
    const hidden = EntError.from(createError(403, 'ann is not an admin', { expose: false }));
    expect(hidden.toProblem()).toEqual({ type: 'about:blank', title: 'Forbidden', status: 403, code: 'forbidden' });
    expect(hidden.message).toBe('ann is not an admin');
    const down = EntError.from(createError(503, 'db-7 is down', { expose: true }));
    expect(down.toProblem()).toEqual({
      type: 'about:blank',
      title: 'Service Unavailable',
      status: 503,
      code: 'internal',
    });
  });

  it('hands on the headers of its status, and no other', () => {
    const headers = {
      Allow: 'GET',
      'Retry-After': 5,
      'Set-Cookie': 'a=b',
      'content-type': 'text/html',
      accept: 'a\nb',
    };
    expect(EntError.from(createError(405, { headers })).headers).toEqual({ allow: 'GET', 'retry-after': '5' });
  });

  it('is asked after the mappers', () => {
    const mine = new InternalError('mine');
    expect(EntError.from(createError(404), [() => mine])).toBe(mine);
  });
});

describe('what a framework throws', () => {
  it('body-parser, for a body that is no JSON and for one that is too large', async () => {
    const parse =
      (limit: number) =>
      (...[req, res]: Parameters<RequestListener>): Promise<unknown> =>
        new Promise((resolve, reject) => {
          bodyParser.json({ limit })(req, res, (error) => (error === undefined ? resolve(0) : reject(error as Error)));
        });
    expect(EntError.from(await thrownBy(parse(100), json('{bad'))).toProblem()).toMatchObject({
      status: 400,
      code: 'bad_request',
      detail: expect.stringContaining('JSON'),
    });
    expect(EntError.from(await thrownBy(parse(2), json('{"a":1}'))).toProblem()).toMatchObject({
      status: 413,
      title: 'Content Too Large',
    });
  });

  it('ctx.throw of Koa', async () => {
    let thrown: unknown;
    const app = new Koa().use((ctx: { throw: (status: number, text: string, more: object) => void }) => {
      try {
        ctx.throw(401, 'The token has expired.', { user: 'ann' });
      } catch (error) {
        thrown = error;
      }
    });
    await thrownBy(async (req, res) => app.callback()(req, res));
    expect(EntError.from(thrown).toProblem()).toEqual({
      type: 'about:blank',
      title: 'Unauthorized',
      status: 401,
      code: 'unauthenticated',
      detail: 'The token has expired.',
    });
  });

  it('Fastify: its own errors with their message, those of handlers with their status alone', async () => {
    const app = Fastify();
    let thrown: unknown;
    app.setErrorHandler((error: unknown, _request: FastifyRequest, reply) => {
      thrown = error;
      return reply.code(500).send('');
    });
    app.post('/', { schema: { body: { type: 'object', required: ['name'] } } }, () => '');
    app.get('/', () => {
      throw Object.assign(new Error('no user 42 of tenant acme'), { statusCode: 404 });
    });
    const problem = async (request: object): Promise<object> => {
      await app.inject({ url: '/', ...request });
      return EntError.from(thrown).toProblem();
    };
    expect(await problem({ method: 'POST', payload: {} })).toMatchObject({
      status: 400,
      detail: "body must have required property 'name'",
    });
    const text = { method: 'POST', payload: 'x', headers: { 'content-type': 'foo/bar' } };
    expect(await problem(text)).toMatchObject({ status: 415, title: 'Unsupported Media Type' });
    expect(await problem({})).toEqual({ type: 'about:blank', title: 'Not Found', status: 404, code: 'not_found' });
    await app.close();
  });
});

describe('exceptions that make a response themselves', () => {
  // As @nestjs/common 11 and hono 4 have them.
  class HttpException extends Error {
    readonly response: unknown;
    readonly status: number;
    readonly options: object;
    constructor(response: unknown, status: number) {
      super(typeof response === 'string' ? response : 'Http Exception');
      this.response = response;
      this.status = status;
      this.options = {};
    }
    getStatus = (): number => this.status;
    getResponse = (): unknown => this.response;
  }
  class HTTPException extends Error {
    readonly res = undefined;
    readonly status: number;
    constructor(status: number, { message }: { message: string }) {
      super(message);
      this.status = status;
    }
    getResponse(): Response {
      return new Response(this.message, { status: this.status });
    }
  }

  it.each([new HttpException('No cat 42.', 404), new HTTPException(404, { message: 'No cat 42.' })])('%s', (thrown) => {
    const problem = { type: 'about:blank', title: 'Not Found', status: 404, detail: 'No cat 42.', code: 'not_found' };
    expect(EntError.from(thrown).toProblem()).toEqual(problem);
  });

  it.each([
    ['an array of texts', ['a must be b', 'c is absent']],
    ['a list of a pipe', { message: ['a must be b', 'c is absent'], error: 'Bad Request', statusCode: 400 }],
    ['the grouped form of a pipe', { message: { a: ['a must be b'], c: ['c is absent'] }, statusCode: 400 }],
  ])('tells the messages of a response: %s', (_name, response) => {
    const error = EntError.from(new HttpException(response, 400));
    expect(error.message).toBe('a must be b; c is absent');
    expect(error.toProblem()).toEqual({
      type: 'about:blank',
      title: 'Bad Request',
      status: 400,
      detail: 'a must be b; c is absent',
      code: 'bad_request',
      errors: [
        { pointer: '#', code: 'invalid', detail: 'a must be b' },
        { pointer: '#', code: 'invalid', detail: 'c is absent' },
      ],
    });
    expect(JSON.stringify(EntError.from(new HttpException(response, 503)))).not.toContain('a must be b');
    expect(toErrorRecord(new HttpException(response, 503)).message).toBe('a must be b; c is absent');
  });

  it('tells one message as a detail alone, and the words of a class to nobody', () => {
    const one = EntError.from(new HttpException({ message: ['a must be b'] }, 422)).toProblem();
    expect([one.title, one.detail, one.errors]).toEqual(['Unprocessable Content', 'a must be b', undefined]);
    const coded = EntError.from(new HttpException({ code: 'MY_CODE', reason: 'for us' }, 409));
    expect(coded.toProblem()).toEqual({ type: 'about:blank', title: 'Conflict', status: 409, code: 'conflict' });
    expect(coded.message).toBe('Conflict');
  });

  it('lives through a response that cannot be had', () => {
    const broken = Object.assign(new HttpException('No cat 42.', 404), { getResponse: fail });
    expect(EntError.from(broken).toProblem().detail).toBe('No cat 42.');
    const hostile = new HttpException(new Proxy({}, { get: fail }), 404);
    expect(EntError.from(hostile).status).toBe(404);
  });

  it.each([new HttpException('secret', 503), new HTTPException(503, { message: 'secret' })])('%s', (thrown) => {
    const error = EntError.from(thrown);
    expect(error.status).toBe(503);
    expect(JSON.stringify(error)).not.toContain('secret');
  });
});

describe('what has a status and is no answer of ours', () => {
  const request = { headers: { authorization: 'Bearer secret' } };
  it.each([
    ['the error of an HTTP client', Object.assign(new Error('secret'), { status: 404, request, response: {} })],
    ['an answer with its body', Object.assign(new Error('secret'), { statusCode: 401, body: 'secret', headers: {} })],
    ['a bare 500', Object.assign(new Error('secret'), { status: 503 })],
    ['two statuses that differ', Object.assign(new Error('secret'), { status: 404, statusCode: 500 })],
    ['a status of no error', Object.assign(new Error('secret'), { status: 200, expose: true })],
    ['a status that is a text', Object.assign(new Error('secret'), { status: '404' })],
    ['no error', { status: 404, message: 'secret', expose: true }],
    ['a claim to be one of ours', Object.create(NotFoundError.prototype)],
    ['headers that cannot be read', Object.assign(createError(404), { headers: new Proxy({}, { ownKeys: fail }) })],
  ])('%s stays a 500', (_name, value) => {
    const error = EntError.from(value);
    expect(error.status).toBe(500);
    expect(JSON.stringify(error)).not.toContain('secret');
  });
});

function fail(): never {
  throw new Error('no');
}

it('what is made of an error has one id, however often it is made', () => {
  for (const thrown of [new TypeError('x'), createError(404), Object.freeze(new Error('frozen')), {}]) {
    const { id } = EntError.from(thrown);
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(EntError.from(thrown).id).toBe(id);
  }
  expect(EntError.from(new TypeError('x')).id).not.toBe(EntError.from(new TypeError('x')).id);
  // A text is nothing that could be known again.
  expect(EntError.from('x').id).not.toBe(EntError.from('x').id);
});
