import { requestId, timeout } from '@ent/middleware';
import { describe, expect, expectTypeOf, it, vi } from 'vitest';
import { z } from 'zod';
import { eventually, serve } from '../../middleware/tests/support/serve.ts';
import { createClient } from '../src/client.ts';
import { docs } from '../src/docs.ts';
import { bearer, createHandler, createListener, mount, negotiated, reply, route, versions } from '../src/index.ts';
import { openapi } from '../src/openapi.ts';
import { ask } from './support/host.ts';

const about = { title: 'Shop', version: '1' };
const said = <const Path extends string = '/lamps/:id'>(text: string, path: Path = '/lamps/:id' as Path) =>
  route({
    method: 'GET',
    path,
    responses: { 200: z.object({ said: z.string() }) },
    handler: () => ({ said: text }),
  });
const problemOf = ({ body }: { body?: unknown }): unknown => JSON.parse(body as string);

describe('mount()', () => {
  const routes = mount('/api', [
    said('root', '/'),
    said('lamp'),
    ...mount('/inner', [route({ method: 'POST', path: '/lamps', responses: { 204: {} }, handler() {} })]),
  ]);

  it('puts routes under a prefix, and what is mounted under another one', async () => {
    const handler = createHandler(routes);
    expect(routes.map(({ path }) => path)).toEqual(['/api', '/api/lamps/:id', '/api/inner/lamps']);
    expect(await ask(handler, 'GET', '/api')).toMatchObject({ status: 200, body: '{"said":"root"}' });
    expect(await ask(handler, 'GET', '/api/')).toMatchObject({ status: 200 });
    expect(await ask(handler, 'HEAD', '/api/lamps/7')).toMatchObject({ status: 200 });
    expect(await ask(handler, 'OPTIONS', '/api/inner/lamps')).toMatchObject({ headers: { allow: 'POST, OPTIONS' } });
    expect(await ask(handler, 'GET', '/lamps/7')).toMatchObject({ status: 404 });
    expect(Object.keys(openapi(routes, about).paths)).toEqual(['/api', '/api/lamps/{id}', '/api/inner/lamps']);
  });

  it('keeps the types for a client', async () => {
    const { url } = await serve(createListener(routes));
    const client = createClient<typeof routes>(url);
    expect((await client.get('/api/lamps/:id', { params: { id: '1' } })).body.said).toBe('lamp');
    expect((await client.get('/api')).body.said).toBe('root');
    // @ts-expect-error without the prefix there is no such path
    await expect(client.get('/lamps/:id', { params: { id: '1' } })).rejects.toThrow('There is nothing at this path.');
    expectTypeOf((await client.post('/api/inner/lamps')).status).toEqualTypeOf<204>();
  });

  it('leaves the routes that it is given as they are', () => {
    const lamp = said('lamp');
    mount('/api', [lamp]);
    expect(lamp.path).toBe('/lamps/:id');
  });

  it.each(['', '/', 'api', '/api/', '//api', '/:tenant', '/a b', '/a?b', 7, undefined])(
    'refuses the prefix %j',
    (prefix) => {
      expect(() => mount(prefix as string, [])).toThrow(/mount: the prefix must begin with "\/"/);
    },
  );

  it('refuses what is no list of routes', () => {
    expect(() => mount('/api', said('lamp') as never)).toThrow('mount: the routes must be a list.');
    expect(() => mount('/api', [{ path: '/a' } as never])).toThrow(/method must be one of/);
  });

  it('serves the pages of a document where they are mounted', async () => {
    const { url } = await serve(createListener(mount('/shop', [said('lamp'), ...docs([said('lamp')], about)])));
    const text = async (path: string): Promise<string> => (await fetch(url + path)).text();
    const document = JSON.parse(await text('/shop/openapi.json'));
    expect([document.servers, Object.keys(document.paths)]).toEqual([[{ url: '/shop' }], ['/lamps/{id}']]);
    for (const page of ['/shop/docs', '/shop/redoc']) {
      const links = [...(await text(page)).matchAll(/(?:src|href)="(\/[^"]+)"/g)].map((match) => match[1] as string);
      expect(links.length).toBeGreaterThan(2);
      for (const link of links) {
        expect(link).toMatch(/^\/shop\//);
        expect((await fetch(url + link)).status).toBe(200);
      }
      expect(await text(`${page}/start.js`)).toContain('"/shop/openapi.json"');
    }
  });

  it('has the page of a document log in where the route for that is mounted', async () => {
    const token = route({ method: 'POST', path: '/token', responses: { 204: {} }, handler() {} });
    const own = route({
      method: 'GET',
      path: '/own',
      auth: bearer(() => 1, { passwordFlow: '/token' }),
      responses: { 204: {} },
      handler() {},
    });
    const table = [token, own, ...docs([token, own], { ...about, pages: [], basePath: '/edge' })];
    const { url } = await serve(createListener([...mount('/shop', table), ...mount('/mall', table), ...table]));
    for (const prefix of ['/shop', '/mall', '']) {
      const document = await (await fetch(`${url}${prefix}/openapi.json`)).json();
      expect(document).toMatchObject({
        servers: [{ url: `/edge${prefix}` }],
        components: {
          securitySchemes: { passwordFlow: { flows: { password: { tokenUrl: `/edge${prefix}/token` } } } },
        },
      });
    }
  });

  it('has the pages load what a proxy in front puts under a prefix, once it is told', async () => {
    const { url } = await serve(createListener(docs([said('lamp')], { ...about, basePath: '/edge' })));
    const forwarded = { headers: { 'x-forwarded-prefix': '/evil' } };
    const text = async (path: string): Promise<string> => (await fetch(url + path, forwarded)).text();
    expect(JSON.parse(await text('/openapi.json')).servers).toEqual([{ url: '/edge' }]);
    expect(await text('/docs')).toContain('src="/edge/docs/start.js"');
    expect(await text('/docs/start.js')).toContain('"/edge/openapi.json"');
    const own = docs([said('lamp')], {
      ...about,
      pages: [],
      basePath: '/edge',
      servers: [{ url: 'https://a.example' }],
    });
    const served = await serve(createListener(own));
    expect(JSON.parse(await (await fetch(`${served.url}/openapi.json`)).text()).servers).toEqual([
      { url: 'https://a.example' },
    ]);
    expect(() => docs([], { ...about, basePath: 'edge/' })).toThrow(/docs: basePath must begin with "\/"/);
  });
});

describe('versions()', () => {
  it('by the path: each its own table, and a problem for any other version', async () => {
    const table = versions({ v1: [said('one'), said('old', '/old'), said('root', '/')], v2: [said('two')] });
    const handler = createHandler([...mount('/api', table), said('users', '/api/users/lamps')]);
    expect(await ask(handler, 'GET', '/api/v1/lamps/7')).toMatchObject({ body: '{"said":"one"}' });
    expect(await ask(handler, 'GET', '/api/v2/lamps/7')).toMatchObject({ body: '{"said":"two"}' });
    for (const path of ['/api/v3/lamps/7', '/api/v12/old', '/api/v0']) {
      const refused = await ask(handler, 'GET', path);
      expect(problemOf(refused)).toMatchObject({
        code: 'http.unsupported_version',
        status: 404,
        detail: 'There is no such version; there are v1, v2.',
        details: { supported: ['v1', 'v2'] },
      });
    }
    for (const path of ['/api/v2/old', '/api/v3/nothing', '/api/users/old', '/v3/lamps/7', '/api/lamps/7']) {
      expect(problemOf(await ask(handler, 'GET', path))).toMatchObject({ code: 'http.route_not_found' });
    }
    const { url } = await serve(createListener(table));
    const client = createClient<typeof table>(url);
    expect((await client.get('/v2/lamps/:id', { params: { id: '7' } })).body.said).toBe('two');
  });

  describe('by a header', () => {
    const tables = { 1: [said('one'), said('old', '/old')], 2: [said('two')] };
    const start = async (options: {
      header: string;
      default?: string;
    }): Promise<(path: string, version?: string) => Promise<Response>> => {
      const { url } = await serve(createListener(versions(tables, options), { middleware: [requestId()] }));
      return (path, version) => fetch(url + path, version === undefined ? {} : { headers: { 'api-version': version } });
    };

    it('answers for the version that is asked for, or the default', async () => {
      const get = await start({ header: 'API-Version', default: '1' });
      for (const [version, text] of [
        ['1', 'one'],
        ['2', 'two'],
        [undefined, 'one'],
      ] as const) {
        const response = await get('/lamps/7', version);
        expect([await response.json(), response.headers.get('vary')]).toEqual([{ said: text }, 'api-version']);
      }
    });

    it('names the versions that there are to who asks for another one, or for none', async () => {
      const get = await start({ header: 'api-version' });
      for (const version of ['3', '', '1, 2', undefined]) {
        const response = await get('/lamps/7', version);
        expect(response.headers.get('vary')).toBe('api-version');
        expect(await response.json()).toMatchObject({
          status: 400,
          code: 'http.unsupported_version',
          detail: expect.stringContaining('1, 2'),
          details: { supported: ['1', '2'] },
        });
      }
    });

    it('says where something is that is not in a version', async () => {
      const get = await start({ header: 'api-version' });
      expect(await (await get('/old', '2')).json()).toMatchObject({
        status: 404,
        code: 'http.route_not_found',
        detail: 'There is nothing at this path in version 2; there is in 1.',
      });
      expect((await get('/lost', '3')).status).toBe(404);
    });

    it('shows those of the default, or else of the last version, in the document', () => {
      const shown = (options: { header: string; default?: string }) => openapi(versions(tables, options), about).paths;
      expect(Object.keys(shown({ header: 'api-version' }))).toEqual(['/lamps/{id}']);
      const paths = shown({ header: 'api-version', default: '1' });
      expect(Object.keys(paths)).toEqual(['/lamps/{id}', '/old']);
      expect(paths['/old']?.['get']).toMatchObject({
        parameters: [{ name: 'api-version', in: 'header', required: false, schema: { enum: ['1'] } }],
        responses: { 400: {} },
      });
    });

    it('adds to the Vary of a reply', async () => {
      const varied = route({
        method: 'GET',
        path: '/',
        responses: { 204: {} },
        handler: async () => reply(204, undefined, { Vary: 'accept' }),
      });
      const handler = createHandler(versions({ 1: [varied] }, { header: 'v', default: '1' }));
      expect((await ask(handler, 'GET', '/')).headers).toEqual({ vary: 'accept, v' });
    });
  });

  describe('by a media type', () => {
    const tables = { v1: [said('one'), said('old', '/old')], v2: [said('two'), said('new', '/new')] };
    const text = route({
      method: 'GET',
      path: '/text',
      responses: { 200: { contentType: 'text/csv' } },
      handler: () => 'a,b',
    });
    const by = (options: object = {}) =>
      createHandler(
        versions({ ...tables, v2: [...tables.v2, text] }, { mediaType: 'application/vnd.shop', ...options }),
      );
    const vendor = (version: string) => `application/vnd.shop.${version}+json`;

    it.each<[string | undefined, string, string]>([
      [undefined, 'two', 'application/json'],
      ['*/*', 'two', 'application/json'],
      ['application/json', 'two', 'application/json'],
      [vendor('v1'), 'one', vendor('v1')],
      [vendor('V1').toUpperCase(), 'one', vendor('v1')],
      ['application/json; version=v1', 'one', 'application/json; version=v1'],
      ['application/vnd.shop+json;version=v1', 'one', 'application/vnd.shop+json; version=v1'],
      [`${vendor('v1')};q=0.5, ${vendor('v2')}`, 'two', vendor('v2')],
      [`${vendor('v3')}, ${vendor('v1')};q=0.1`, 'one', vendor('v1')],
      [`${vendor('v2')};q=0, */*`, 'two', 'application/json'],
    ])('answers %s with %s', async (accept, word, type) => {
      const { status, headers, body } = await ask(
        by(),
        'GET',
        '/lamps/7',
        undefined,
        accept === undefined ? {} : { accept },
      );
      expect([status, body, headers]).toEqual([
        200,
        JSON.stringify({ said: word }),
        { 'content-type': type, vary: 'Accept' },
      ]);
    });

    it('takes the default of who does not say, and else the last that has the path', async () => {
      expect((await ask(by({ default: 'v1' }), 'GET', '/lamps/7')).body).toBe('{"said":"one"}');
      expect((await ask(by(), 'GET', '/old')).body).toBe('{"said":"old"}');
      // Who takes anything gets what there is, under its name.
      expect((await ask(by({ default: 'v1' }), 'GET', '/new')).headers).toMatchObject({ 'content-type': vendor('v2') });
    });

    it('refuses what there is not, with what there is', async () => {
      for (const accept of [vendor('v3'), 'application/json;version=3', `${vendor('v3')}, text/html`]) {
        const refused = await ask(by(), 'GET', '/lamps/7', undefined, { accept });
        expect(refused.headers).toMatchObject({ vary: 'Accept' });
        expect(problemOf(refused)).toMatchObject({
          status: 406,
          code: 'http.unsupported_version',
          detail: `This is there as ${vendor('v1')}, ${vendor('v2')}.`,
          details: { supported: ['v1', 'v2'] },
        });
      }
      const elsewhere = problemOf(await ask(by(), 'GET', '/old', undefined, { accept: vendor('v2') }));
      expect(elsewhere).toMatchObject({ status: 406, detail: `This is there as ${vendor('v1')}.` });
    });

    it('leaves what is no JSON to the route', async () => {
      const { headers, body } = await ask(by(), 'GET', '/text', undefined, { accept: 'text/csv' });
      expect([headers, body]).toEqual([{ 'content-type': 'text/csv', vary: 'Accept' }, 'a,b']);
      const choosing = route({
        method: 'GET',
        path: '/',
        responses: { 200: negotiated(z.string(), { 'text/csv': (given) => given }) },
        handler: () => 'a',
      });
      expect(() => versions({ v1: [choosing] }, { mediaType: 'application/vnd.shop' })).toThrow(/use a header/);
    });

    it('is in the document', () => {
      const { paths } = openapi(versions(tables, { mediaType: 'application/vnd.shop' }), about);
      const lamp = paths['/lamps/{id}']?.['get'] as { parameters: object[]; responses: Record<string, object> };
      expect(lamp.parameters).toHaveLength(1);
      expect(Object.keys(lamp.responses)).toContain('406');
      expect(lamp.responses['200']).toMatchObject({ headers: { vary: {} } });
      const { content } = lamp.responses['200'] as { content: object };
      expect(Object.keys(content)).toEqual(['application/json', vendor('v2')]);
    });
  });

  it('refuses a route twice, also in one version', () => {
    expect(() => createHandler(versions({ 1: [said('a'), said('b')] }, { header: 'v' }))).toThrow(
      /answers the same requests/,
    );
    expect(() => createHandler([...versions({ 1: [said('a')] }, { header: 'v' }), said('b')])).toThrow(/same requests/);
  });

  it.each<[object, object, RegExp]>([
    [{}, {}, /name at least one version/],
    [{ 'v 1': [] }, {}, /"v 1" is no name/],
    [{ v1: {} }, {}, /versions: v1 must be a list/],
    [{ v1: [] }, { header: 'a b' }, /header must be the name of one/],
    [{ v1: [] }, { default: 'v1' }, /default must be one of v1, and goes with a header or a mediaType/],
    [{ v1: [] }, { header: 'a', default: 'v2' }, /default must be one of v1/],
    [{ v1: [] }, { in: 'path' }, /no option "in"/],
    [{ v1: [] }, { mediaType: 'application/json' }, /mediaType must be one of a vendor/],
    [{ v1: [] }, { mediaType: 'application/vnd.a', header: 'b' }, /say header or mediaType/],
    [{ V1: [] }, { mediaType: 'application/vnd.a' }, /in lower case/],
    [[], {}, /versions takes its options as an object/],
  ])('refuses %j with %j', (tables, options, message) => {
    expect(() => versions(tables as never, options as never)).toThrow(message);
  });
});

describe('the limits of a route', () => {
  const aborted = vi.fn();
  const slow = route({
    method: 'GET',
    path: '/slow',
    timeout: '20ms',
    responses: { 204: {} },
    handler: ({ exchange }) =>
      new Promise<void>((_resolve, reject) => {
        exchange.signal.addEventListener('abort', () => {
          aborted(exchange.signal.reason);
          reject(exchange.signal.reason as Error);
        });
      }),
  });
  const patient = route({
    method: 'POST',
    path: '/patient',
    timeout: '1h',
    maxBodyBytes: 20,
    body: z.object({ a: z.string() }),
    responses: { 200: z.object({ a: z.string() }) },
    handler: async ({ body }) => body,
  });

  it('a time limit aborts the signal and answers 503, for this route alone', async () => {
    const { url } = await serve(createListener([slow, patient], { middleware: [timeout('1h')] }));
    const response = await fetch(`${url}/slow`);
    expect([response.status, await response.json()]).toMatchObject([503, { code: 'middleware.timed_out' }]);
    await eventually(() =>
      expect(aborted).toHaveBeenCalledWith(expect.objectContaining({ code: 'middleware.timed_out' })),
    );
    const post = (body: string) =>
      fetch(`${url}/patient`, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
    expect(await (await post('{"a":"b"}')).json()).toEqual({ a: 'b' });
    expect((await post('{"a":"bbbbbbbbbbbbbbbbbbbbb"}')).status).toBe(413);
    expect((await post('{"a":1}')).status).toBe(422);
  });

  it('is in the document, and a limit that is none stops the start', () => {
    expect(openapi([slow], about).paths['/slow']?.['get']).toMatchObject({ responses: { 503: {} } });
    for (const limit of [0, 'soon', Number.NaN, {}]) {
      const spec = { method: 'GET', path: '/slow', responses: { 204: {} }, handler() {} } as const;
      expect(() => route({ ...spec, timeout: limit as never })).toThrow(/GET \/slow: timeout must be a positive/);
    }
  });
});
