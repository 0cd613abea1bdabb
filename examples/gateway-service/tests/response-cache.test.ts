// Which answers are kept, for how long, and for whom (RFC 9111).
import type { RequestListener } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { RouteDefinition } from '../src/routes.ts';
import { everythingTo, type Gateway, gateway, type Upstream, upstream } from './gateway.ts';

/** A gateway that may keep answers, before a service that counts its calls. */
async function keeping(answer: RequestListener, route: Partial<RouteDefinition> = {}) {
  let calls = 0;
  const service: Upstream = await upstream((req, res) => {
    calls++;
    answer(req, res);
  });
  const table = everythingTo(service.url);
  const routes = [{ ...(table.routes[0] as RouteDefinition), cache: true, ...route }];
  const edge: Gateway = await gateway({ ...table, routes });
  return {
    edge,
    calls: () => calls,
    get: (path = '/', headers: Record<string, string> = {}) => fetch(edge.url + path, { headers }),
    async [Symbol.asyncDispose]() {
      await edge[Symbol.asyncDispose]();
      await service[Symbol.asyncDispose]();
    },
  };
}

/** Asks until an answer comes that was kept: it is written beside the answer to the first. */
async function kept(of: Awaited<ReturnType<typeof keeping>>, path = '/'): Promise<Response> {
  let response = await of.get(path);
  await expect
    .poll(async () => {
      await response.arrayBuffer();
      response = await of.get(path);
      return response.headers.has('age');
    })
    .toBe(true);
  return response;
}

describe('an answer', () => {
  it('that says that it is fresh is given again, with its age', async () => {
    await using one = await keeping((req, res) =>
      res.writeHead(200, { 'cache-control': 'max-age=60', 'x-url': req.url }).end('hello'),
    );
    const response = await kept(one, '/a?b=1');
    expect([response.status, response.headers.get('x-url'), await response.text()]).toEqual([200, '/a?b=1', 'hello']);
    const calls = one.calls();
    await (await one.get('/a?b=1')).text();
    expect(one.calls()).toBe(calls);
    expect((await one.get('/a?b=2')).headers.get('x-url')).toBe('/a?b=2');
  });

  it('that is for one client, or says nothing, is not kept', async () => {
    const heads: Record<string, Record<string, string>> = {
      '/private': { 'cache-control': 'private, max-age=60' },
      '/no-store': { 'cache-control': 'no-store' },
      '/nothing': {},
      '/cookie': { 'cache-control': 'max-age=60', 'set-cookie': 'session=1' },
      '/vary': { 'cache-control': 'max-age=60', vary: '*' },
    };
    await using one = await keeping((req, res) => res.writeHead(200, heads[req.url ?? '']).end('x'));
    for (const path of Object.keys(heads)) {
      const before = one.calls();
      for (let i = 0; i < 3; i++) await (await one.get(path)).text();
      expect(one.calls() - before, path).toBe(3);
    }
  });

  it('to a call with a token is kept only where it says public', async () => {
    await using one = await keeping(
      (req, res) =>
        res.writeHead(200, { 'cache-control': req.url === '/all' ? 'public, max-age=60' : 'max-age=60' }).end('x'),
      { auth: 'token' },
    );
    const headers = { authorization: `Bearer ${await one.edge.token()}` };
    for (let i = 0; i < 3; i++) await (await one.get('/mine', headers)).text();
    expect(one.calls()).toBe(3);
    await (await one.get('/all', headers)).text();
    await expect.poll(async () => (await one.get('/all', headers)).headers.has('age')).toBe(true);
    // Kept or not: who calls is looked at each time.
    expect((await one.get('/all')).status).toBe(401);
  });

  it('in another language than was asked for is not given', async () => {
    await using one = await keeping((req, res) =>
      res
        .writeHead(200, { 'cache-control': 'max-age=60', vary: 'accept-language' })
        .end(req.headers['accept-language']),
    );
    const inLanguage = async (language: string) => (await one.get('/', { 'accept-language': language })).text();
    for (const language of ['de', 'en', 'de', 'de', 'en']) expect(await inLanguage(language)).toBe(language);
  });

  it('that has to be asked for again is, by its tag, and the client does not see the 304', async () => {
    const asked: (string | undefined)[] = [];
    await using one = await keeping((req, res) => {
      asked.push(req.headers['if-none-match']);
      const headers = { 'cache-control': 'max-age=0, must-revalidate', etag: '"v1"' };
      if (req.headers['if-none-match'] === '"v1"') res.writeHead(304, headers).end();
      else res.writeHead(200, headers).end('body');
    });
    expect(await (await one.get()).text()).toBe('body');
    await expect
      .poll(async () => {
        const response = await one.get();
        expect([response.status, await response.text()]).toEqual([200, 'body']);
        return asked.at(-1);
      })
      .toBe('"v1"');
    // A client that has it already is told so.
    expect((await one.get('/', { 'if-none-match': '"v1"' })).status).toBe(304);
  });

  it('of the past is forgotten when something is written there', async () => {
    let value = 'old';
    await using one = await keeping((req, res) => {
      if (req.method === 'PUT') value = 'new';
      res.writeHead(200, { 'cache-control': 'max-age=60' }).end(value);
    });
    expect(await (await kept(one)).text()).toBe('old');
    await (await fetch(one.edge.url, { method: 'PUT' })).text();
    await expect.poll(async () => (await one.get()).text()).toBe('new');
  });

  it('that is cut is not kept', async () => {
    await using one = await keeping((_, res) => {
      res.writeHead(200, { 'cache-control': 'max-age=60', 'content-length': '10' });
      res.write('half', () => res.destroy());
    });
    for (let i = 0; i < 3; i++) await expect((await one.get()).text()).rejects.toThrow();
    expect(one.calls()).toBe(3);
  });
});
