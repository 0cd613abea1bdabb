import { AuthorizationError } from '@ent/errors';
import { type ReplyHeaders, securityHeaders } from '@ent/middleware';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Served, serve } from '../../middleware/tests/support/serve.ts';
import { bearer, createHandler, createListener, type HandlerOptions, type Route, reply, route } from '../src/index.ts';

const nothing = { method: 'GET', path: '/', responses: { 204: {} }, handler: () => undefined } as const;

/** Sends a body to a route with this schema: the status, and either the issues or what the handler got. */
async function submit(schema: z.ZodType<unknown>, body: unknown): Promise<unknown> {
  const echo = route({
    method: 'POST',
    path: '/',
    body: schema,
    responses: { 200: z.unknown() },
    handler: (input) => input.body,
  });
  const { url } = await serve(createListener([echo]));
  const answer = await fetch(url, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
  const json = (await answer.json()) as { errors?: { pointer: string; code: string }[] };
  return answer.status === 422 ? json.errors?.map(({ pointer, code }) => `${pointer} ${code}`) : json;
}

interface Tree {
  name: string;
  kids?: Tree[] | undefined;
}
const Tree: z.ZodType<Tree> = z.object({
  name: z.string(),
  get kids() {
    return z.array(Tree).optional();
  },
});
const inner = z.object({ a: z.number() });
const extra = { a: 1, x: 2 };

describe('unknown fields', () => {
  it.each<[string, z.ZodType<unknown>, unknown, string]>([
    ['at the top', inner, extra, '#/x'],
    ['in an object', z.object({ o: inner }), { o: extra }, '#/o/x'],
    ['in an optional one', z.object({ o: inner.optional() }), { o: extra }, '#/o/x'],
    ['in a nullable one with a default', z.object({ o: inner.nullable().default(null) }), { o: extra }, '#/o/x'],
    ['in a list', z.object({ l: z.array(inner) }), { l: [{ a: 1 }, extra] }, '#/l/1/x'],
    ['in a tuple', z.object({ t: z.tuple([inner]) }), { t: [extra] }, '#/t/0/x'],
    ['in a record', z.object({ r: z.record(z.string(), inner) }), { r: { k: extra } }, '#/r/k/x'],
    ['in a union', z.union([inner, z.object({ b: z.string() })]), extra, '#/x'],
    [
      'in a discriminated union',
      z.discriminatedUnion('t', [z.object({ t: z.literal(1), a: z.number() }), z.object({ t: z.literal(2) })]),
      { t: 1, ...extra },
      '#/x',
    ],
    [
      'deep in a recursive schema',
      Tree,
      { name: 'a', kids: [{ name: 'b', kids: [{ name: 'c', x: 1 }] }] },
      '#/kids/0/kids/0/x',
    ],
    ['behind a lazy', z.lazy(() => inner), extra, '#/x'],
    ['behind a preprocess', z.preprocess((value) => value, inner), extra, '#/x'],
    ['before a transform', inner.transform(({ a }) => a), extra, '#/x'],
    ['of a refined object', inner.refine(() => true), extra, '#/x'],
  ])('are refused %s', async (_name, schema, body, pointer) => {
    expect(await submit(schema, body)).toEqual([`${pointer} unrecognized_keys`]);
  });

  it('are let through where the schema says so', async () => {
    expect(await submit(z.object({ o: z.looseObject({}) }), { o: { x: 1 } })).toEqual({ o: { x: 1 } });
    expect(await submit(z.object({ a: z.number() }).catchall(z.number()), extra)).toEqual(extra);
  });

  it('never reach the handler where they cannot be refused', async () => {
    expect(await submit(z.intersection(inner, z.object({ b: z.number() })), { ...extra, b: 3 })).toEqual({
      a: 1,
      b: 3,
    });
  });

  it('do not keep refinements, defaults and descriptions from working', async () => {
    const schema = inner
      .extend({ d: z.string().default('d') })
      .refine(({ a }) => a < 5, { path: ['a'], error: 'too much' });
    expect(await submit(schema, { a: 1 })).toEqual({ a: 1, d: 'd' });
    expect(await submit(schema, { a: 7 })).toEqual(['#/a custom']);
  });
});

it('a refinement that throws is a failure of ours, and is not run again', async () => {
  let runs = 0;
  const schema = z.object({ a: z.number() }).refine(() => {
    runs++;
    throw new Error('bug');
  });
  expect(await submit(schema, { a: 1 })).toMatchObject({ status: 500, code: 'internal' });
  expect(runs).toBe(1);
});

describe('auth and guards', () => {
  it('run in order, and see the principal and the decoded parameters', async () => {
    const order: string[] = [];
    const listener = createListener([
      route({
        method: 'GET',
        path: '/:name',
        auth: async () => (order.push('auth'), { id: 1 }),
        guards: [
          async ({ id }, { params, exchange }) => void order.push(`first ${id} ${params['name']} ${exchange.method}`),
          () => void order.push('second'),
        ],
        responses: { 200: z.object({ id: z.number() }) },
        handler: ({ principal }) => (order.push('handler'), { id: principal.id }),
      }),
    ]);
    const { url } = await serve(listener);
    expect(await (await fetch(`${url}/a%20b`)).json()).toEqual({ id: 1 });
    expect(order).toEqual(['auth', 'first 1 a b GET', 'second', 'handler']);
  });

  it.each([
    [
      'throws',
      () => {
        throw new AuthorizationError('no');
      },
    ],
    [
      'rejects',
      async () => {
        throw new AuthorizationError('no');
      },
    ],
  ])('let nothing through when a guard %s', async (_name, guard) => {
    let handled = false;
    const { url } = await serve(
      createListener([
        route({ ...nothing, auth: () => 1, guards: [guard, () => {}], handler: () => void (handled = true) }),
      ]),
    );
    expect((await fetch(url)).status).toBe(403);
    expect(handled).toBe(false);
  });

  it.each([undefined, null])('let nobody in when auth gives %s', async (nobody) => {
    const { url } = await serve(createListener([route({ ...nothing, auth: async () => nobody })]));
    const answer = await fetch(url);
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
  });

  /** A promise of another library: not of the class, and refused where it is an error. */
  const promised = (value: unknown): unknown => {
    const promise = value instanceof Error ? Promise.reject(value) : Promise.resolve(value);
    // oxlint-disable-next-line unicorn/no-thenable -- which is what such a promise is
    return { then: promise.then.bind(promise) };
  };
  const no = new AuthorizationError('No.');

  it.each<[string, () => unknown, () => unknown, number]>([
    ['at once', () => 'ada', () => undefined, 200],
    ['later', async () => 'ada', async () => undefined, 200],
    ['by promises of another make', () => promised('ada'), () => promised(undefined), 200],
    ['and find nobody', () => undefined, () => undefined, 401],
    ['and find nobody later', async () => null, () => undefined, 401],
    ['and find nobody by promises of another make', () => promised(undefined), () => undefined, 401],
    ['and a guard refuses later', () => 'ada', async () => Promise.reject(no), 403],
    ['and a guard refuses by another make', () => 'ada', () => promised(no), 403],
  ])('answer %s, with a body and without one', async (_name, auth, guard, expected) => {
    const seen: unknown[] = [];
    const shared = {
      path: '/',
      auth: auth as () => string,
      guards: [() => undefined, guard] as (() => void)[],
      responses: { 200: z.object({ a: z.int() }) },
    };
    const { url } = await serve(
      createListener([
        route({ ...shared, method: 'GET', handler: ({ principal }) => (seen.push(principal), { a: 1 }) }),
        route({
          ...shared,
          method: 'POST',
          body: inner,
          handler: ({ principal, body }) => (seen.push(principal), body),
        }),
      ]),
    );
    const headers = { 'content-type': 'application/json' };
    expect((await fetch(url)).status).toBe(expected);
    expect((await fetch(url, { method: 'POST', headers, body: '{"a":2}' })).status).toBe(expected);
    expect(seen).toEqual(expected === 200 ? ['ada', 'ada'] : []);
  });

  it('are a mistake that is found at set-up, where a route says nothing and everything is to be denied by default', () => {
    const deny =
      (item: Route): (() => unknown) =>
      () =>
        createHandler([item], { denyByDefault: true });
    expect(deny(route(nothing))).toThrow(/GET \/: set "auth"/);
    expect(deny(route({ ...nothing, auth: false }))).not.toThrow();
    expect(deny(route({ ...nothing, auth: bearer(() => 1) }))).not.toThrow();
  });
});

describe('responses', () => {
  it('of an undeclared status, or of an unnamed one among several, are failures', async () => {
    const two = { ...nothing, responses: { 200: z.object({}), 201: z.object({}) } } as const;
    const { url } = await serve(
      createListener([
        route({ ...nothing, path: '/undeclared', handler: () => reply(418) as never }),
        route({ ...two, path: '/unnamed', handler: () => ({}) as never }),
        route({ ...two, path: '/named', handler: () => reply(201, {}) }),
        route({
          ...nothing,
          path: '/not-a-body',
          responses: { 200: { contentType: 'text/plain' } },
          handler: () => 7 as never,
        }),
      ]),
    );
    const statuses = await Promise.all(
      ['/undeclared', '/unnamed', '/named', '/not-a-body'].map(async (path) => (await fetch(url + path)).status),
    );
    expect(statuses).toEqual([500, 500, 201, 500]);
  });

  it('that declare no body have none, whatever the handler gives', async () => {
    const { url } = await serve(
      createListener([route({ ...nothing, responses: { 200: {} }, handler: () => 'secret' as never })]),
    );
    const answer = await fetch(url);
    expect([answer.status, await answer.text()]).toEqual([200, '']);
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['reply(200, null)', reply(200, null)],
    ['a number', 7],
    ['a list', []],
  ])('of text give 500 for %s, and the process lives', async (_name, given) => {
    const { url } = await serve(
      createListener([
        route({ ...nothing, responses: { 200: { contentType: 'text/plain' } }, handler: () => given as string }),
      ]),
    );
    for (let i = 0; i < 2; i++) expect((await fetch(url)).status).toBe(500);
  });

  it.each<[string, z.ZodType, unknown]>([
    ['undefined', z.unknown(), undefined],
    ['a function', z.unknown(), () => 1],
    ['a bigint', z.unknown(), 1n],
    [
      'a circle',
      z.unknown(),
      (() => {
        const list: unknown[] = [];
        list.push(list);
        return list;
      })(),
    ],
  ])('of JSON give 500 for %s', async (_name, schema, given) => {
    const { url } = await serve(
      createListener([route({ ...nothing, responses: { 200: schema }, handler: () => given })]),
    );
    expect((await fetch(url)).status).toBe(500);
  });

  it('with another JSON content type are serialised through their schema', async () => {
    const health = {
      200: { contentType: 'application/health+json', schema: z.object({ status: z.string() }) },
    } as const;
    const { url } = await serve(
      createListener([route({ ...nothing, responses: health, handler: () => ({ status: 'pass', host: 'secret' }) })]),
    );
    const answer = await fetch(url);
    expect([answer.headers.get('content-type'), await answer.text()]).toEqual([
      'application/health+json',
      '{"status":"pass"}',
    ]);
  });
});

describe('a 304', () => {
  const start = (headers: ReplyHeaders): Promise<Served> =>
    serve(
      createListener(
        [
          route({
            ...nothing,
            responses: { 200: { contentType: 'text/html' } },
            handler: () => reply(200, '<p>', { etag: '"1"', ...headers }),
          }),
        ],
        { middleware: [securityHeaders()] },
      ),
    );

  // A browser keeps those of the 304 in the place of those of the 200.
  it('has each header that its 200 has, but those of the body', async () => {
    const { url } = await start({
      'Content-Security-Policy': "default-src 'self'",
      'X-Frame-Options': 'SAMEORIGIN',
      'Cross-Origin-Resource-Policy': 'cross-origin',
      'Cache-Control': 'public, max-age=60',
      'Last-Modified': 'Thu, 01 Jan 1970 00:00:00 GMT',
      'Content-Language': 'en',
      'x-own': 'a',
      vary: 'Accept',
    });
    const whole = await fetch(url);
    const kept = await fetch(url, { headers: { 'if-none-match': '"1"' } });
    expect([whole.status, kept.status]).toEqual([200, 304]);
    const moving = ['date', 'content-length', 'content-type', 'content-language'];
    const headersOf = (answer: Response): object =>
      Object.fromEntries([...answer.headers].filter(([name]) => !moving.includes(name)));
    expect(headersOf(kept)).toEqual(headersOf(whole));
    expect(kept.headers.get('content-security-policy')).toBe("default-src 'self'");
    expect(kept.headers.get('content-type')).toBeNull();
  });
});

describe('a mistake in a route stops the start', () => {
  const refuses = (code: string, items: Route[], options?: HandlerOptions): void => {
    expect(() => createHandler(items, options)).toThrow(expect.objectContaining({ code }) as Error);
  };
  const at = (path: string, more: Partial<Route> = {}): Route => ({ ...route(nothing), path, ...more });

  it.each([
    ['/a', '/a'],
    ['/a', '/a/'],
    ['/users/:id', '/users/:name'],
    ['/users/:id/', '/users/:name'],
  ])('two routes for the same requests: %s and %s', (one, other) => {
    refuses('http.duplicate_route', [at(one), at(other)]);
  });

  it('but not a literal beside a parameter, or another method', () => {
    expect(() => createHandler([at('/users/:id'), at('/users/me'), at('/users/:id', { method: 'PUT' })])).not.toThrow();
  });

  it.each([
    '',
    'a',
    '/a//b',
    '/*',
    '/:id(\\d+)',
    '/a-:id',
    '/:a-:b',
    '/:id?',
    '/{id}',
    '/a?b',
    '/a b',
    '/:',
    '/:a/:a',
    '/%61',
  ])('a path that could mean something else: %j', (path) => {
    refuses('http.invalid_route', [at(path)]);
  });

  it.each([
    ['a parameter without a schema', at('/:id', { params: z.object({}) })],
    ['a schema without a parameter', at('/', { params: z.object({ id: z.string() }) })],
    ['no response', at('/', { responses: {} })],
    ['a schema for text', at('/', { responses: { 200: { contentType: 'text/plain', schema: z.string() } } })],
  ])('%s', (_name, item) => {
    refuses('http.invalid_route', [item]);
  });
});
