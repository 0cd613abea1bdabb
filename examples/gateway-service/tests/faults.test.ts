// Services that are slow, broken or away: what a client sees, and how often a service is asked.
import { once } from 'node:events';
import { connect } from 'node:net';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { RouteDefinition } from '../src/routes.ts';
import { everythingTo, gateway, nobody, raw, upstream } from './gateway.ts';

/** A service that answers with its name, and can be told otherwise. */
async function named(name: string) {
  const calls: string[] = [];
  const state: { answer: RequestListener } = { answer: (_, res) => void res.end(name) };
  const service = await upstream((req: IncomingMessage, res: ServerResponse) => {
    calls.push(`${req.method} ${req.url}`);
    state.answer(req, res);
  });
  return Object.assign(service, { calls, state });
}

const withRoute = (targets: string[], route: Partial<RouteDefinition>) => {
  const table = everythingTo(...targets);
  return { ...table, routes: [{ ...(table.routes[0] as RouteDefinition), ...route }] };
};

const codeOf = async (response: Response): Promise<unknown> => ((await response.json()) as { code?: unknown }).code;

describe('instances', () => {
  it('share the calls', async () => {
    await using a = await named('a');
    await using b = await named('b');
    await using edge = await gateway(everythingTo(a.url, b.url));
    for (let i = 0; i < 10; i++) await (await fetch(edge.url)).text();
    expect([a.calls.length, b.calls.length]).toEqual([5, 5]);
  });

  it('that are gone are gone around, also for what may be done only once', async () => {
    await using b = await named('b');
    await using edge = await gateway(everythingTo(await nobody(), b.url));
    for (let i = 0; i < 20; i++) {
      const response = await fetch(edge.url, { method: 'POST', body: 'x' });
      expect([response.status, await response.text()]).toEqual([200, 'b']);
    }
    expect(b.calls.length).toBe(20);
  });

  it('that fail again and again are left out, and come back', async () => {
    await using a = await named('a');
    await using b = await named('b');
    a.state.answer = (_, res) => void res.writeHead(503).end();
    await using edge = await gateway(withRoute([a.url, b.url], { retries: 0 }));
    const statuses: number[] = [];
    for (let i = 0; i < 20; i++) {
      const response = await fetch(edge.url);
      statuses.push(response.status);
      await response.arrayBuffer();
    }
    // In turn it would have had ten. On a machine that takes seconds for this, it is tried again in between.
    expect(a.calls.length).toBeGreaterThanOrEqual(5);
    expect(a.calls.length).toBeLessThan(9);
    expect(statuses.filter((status) => status === 503).length).toBe(a.calls.length);
    a.state.answer = (_, res) => void res.end('a');
    await expect.poll(async () => (await fetch(edge.url)).text()).toBe('a');
  });

  it('that all are left out are a 503 at once, which says when to ask again', async () => {
    await using a = await named('a');
    a.state.answer = (_, res) => void res.writeHead(502).end();
    await using edge = await gateway(withRoute([a.url], { retries: 0 }));
    for (let i = 0; i < 5; i++) expect((await fetch(edge.url)).status).toBe(502);
    const response = await fetch(edge.url);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await codeOf(response)).toBe('gateway.service_unavailable');
    expect(a.calls.length).toBe(5);
  });
});

describe('a client that does wrong', () => {
  it('leaves no instance out: bodies that break off, are too long, or are sent to what undici does not take', async () => {
    await using a = await named('a');
    a.state.answer = (req, res) => void req.resume().once('end', () => res.end('a'));
    await using edge = await gateway(everythingTo(a.url));
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n';
    for (let i = 0; i < 8; i++) {
      const { hostname, port } = new URL(edge.url);
      const before = a.calls.length;
      const socket = connect(Number(port), hostname, () => socket.write(`${head}Content-Length: 100\r\n\r\nhalf`));
      await expect.poll(() => a.calls.length).toBeGreaterThan(before);
      socket.destroy();
      await once(socket, 'close');
    }
    const chunk = `${(128 * 1024).toString(16)}\r\n${'x'.repeat(128 * 1024)}\r\n`;
    const long = `${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(9)}0\r\n\r\n`;
    for (let i = 0; i < 8; i++) expect(await raw(edge.url, long, 'body_too_large')).toContain('gateway.body_too_large');
    const odd = [
      'GET /\u00e9 HTTP/1.1',
      'GET /a|b HTTP/1.1',
      'PURGE / HTTP/1.1',
      'GET /"<> HTTP/1.1',
      'GET /a#b HTTP/1.1',
    ];
    for (const line of [...odd, ...odd])
      await raw(edge.url, Buffer.from(`${line}\r\nHost: a\r\nConnection: close\r\nX-Odd: \u00ff\r\n\r\n`, 'latin1'));
    expect((await fetch(edge.url)).status).toBe(200);
  });

  it('leaves no instance out by waiting for a moment only', async () => {
    await using a = await named('a');
    a.state.answer = () => {};
    await using edge = await gateway(everythingTo(a.url));
    for (let i = 0; i < 8; i++) {
      expect((await fetch(edge.url, { headers: { 'x-request-timeout-ms': '1' } })).status).toBe(504);
    }
    a.state.answer = (_, res) => void res.end('a');
    expect((await fetch(edge.url)).status).toBe(200);
  });
});

describe('a call that fails', () => {
  it('is tried again where that does no harm, and not where it might', async () => {
    await using a = await named('a');
    await using b = await named('b');
    const cut: RequestListener = (_, res) => void res.destroy();
    a.state.answer = cut;
    b.state.answer = cut;
    await using edge = await gateway(everythingTo(a.url, b.url));
    const outcome = async (method: string, body?: string) => {
      a.calls.length = b.calls.length = 0;
      const response = await fetch(edge.url, { method, ...(body !== undefined && { body }) });
      return [response.status, await codeOf(response), a.calls.length + b.calls.length];
    };
    expect(await outcome('GET')).toEqual([502, 'gateway.bad_gateway', 2]);
    expect(await outcome('DELETE')).toEqual([502, 'gateway.bad_gateway', 2]);
    expect(await outcome('POST')).toEqual([502, 'gateway.bad_gateway', 1]);
    expect(await outcome('PUT', 'x')).toEqual([502, 'gateway.bad_gateway', 1]);
  });

  it('is tried again for a fifth of the calls at most', async () => {
    const services = await Promise.all(Array.from({ length: 40 }, (_, i) => named(`${i}`)));
    for (const { state } of services) state.answer = (_, res) => void res.writeHead(503).end();
    await using edge = await gateway(everythingTo(...services.map(({ url }) => url)));
    // Fewer than five for each, so that none is left out.
    for (let i = 0; i < 100; i++) await (await fetch(edge.url)).arrayBuffer();
    const asked = services.reduce((sum, { calls }) => sum + calls.length, 0);
    expect(asked).toBeGreaterThan(100);
    expect(asked).toBeLessThanOrEqual(100 + 10 + 20);
    await Promise.all(services.map((service) => service[Symbol.asyncDispose]()));
  });

  it('is the answer of the service, when no try is left', async () => {
    await using a = await named('a');
    a.state.answer = (_, res) => void res.writeHead(503, { 'x-why': 'maintenance' }).end('closed');
    await using edge = await gateway(everythingTo(a.url));
    const response = await fetch(edge.url);
    expect([response.status, response.headers.get('x-why'), await response.text()]).toEqual([
      503,
      'maintenance',
      'closed',
    ]);
    expect(a.calls.length).toBe(2);
  });
});

describe('a deadline', () => {
  const hang: RequestListener = () => {};

  it('is a 504, and ends the call to the service', async () => {
    await using a = await named('a');
    let cut = 0;
    a.state.answer = (_, res) => void res.once('close', () => cut++);
    await using edge = await gateway(withRoute([a.url], { timeoutMs: 200 }));
    const response = await fetch(edge.url);
    expect([response.status, await codeOf(response)]).toEqual([504, 'gateway.timed_out']);
    await expect.poll(() => cut).toBe(1);
  });

  it('is told to the service, less what is gone', async () => {
    await using a = await named('a');
    a.state.answer = (req, res) => void res.end(req.headers['x-request-timeout-ms']);
    await using edge = await gateway(withRoute([a.url], { timeoutMs: 9_000 }));
    const left = async (given?: string) =>
      Number(
        await (await fetch(edge.url, { headers: given === undefined ? {} : { 'x-request-timeout-ms': given } })).text(),
      );
    expect(await left()).toBeLessThanOrEqual(9_000);
    expect(await left('5000')).toBeLessThanOrEqual(5_000);
    expect(await left('60000')).toBeLessThanOrEqual(9_000);
  });

  it('of a caller that waits for less than the route is the caller’s', async () => {
    await using a = await named('a');
    a.state.answer = hang;
    await using edge = await gateway(withRoute([a.url], { timeoutMs: 600_000 }));
    expect((await fetch(edge.url, { headers: { 'x-request-timeout-ms': '100' } })).status).toBe(504);
  });

  it('does not end an answer that has begun', async () => {
    await using a = await named('a');
    let end = (): void => {};
    a.state.answer = (_, res) => {
      res.write('begun ');
      end = () => void res.end('ended');
    };
    await using edge = await gateway(withRoute([a.url], { timeoutMs: 200 }));
    const response = await fetch(edge.url);
    a.state.answer = hang;
    // Its deadline is later than that of the first.
    expect((await fetch(edge.url)).status).toBe(504);
    end();
    expect(await response.text()).toBe('begun ended');
  });
});

describe('a share of the calls', () => {
  it('goes to the canary: those that ask for it, and always the same clients', async () => {
    await using stable = await named('stable');
    await using canary = await named('canary');
    const table = {
      services: { stable: { targets: [stable.url] }, canary: { targets: [canary.url] } },
      routes: [
        {
          prefix: '/',
          service: 'stable',
          auth: 'token',
          canary: { service: 'canary', header: 'x-canary', weight: 0.3 },
        } as RouteDefinition,
      ],
    };
    await using edge = await gateway(table);
    const ask = async (subject: string, headers: Record<string, string> = {}): Promise<string> =>
      (await fetch(edge.url, { headers: { authorization: `Bearer ${await edge.token(subject)}`, ...headers } })).text();
    const first = await Promise.all(Array.from({ length: 100 }, (_, i) => ask(`user-${i}`)));
    // By a hash of the name: it is the same in each run.
    expect(first.filter((name) => name === 'canary').length).toBeGreaterThan(15);
    expect(first.filter((name) => name === 'canary').length).toBeLessThan(45);
    expect(await Promise.all(Array.from({ length: 100 }, (_, i) => ask(`user-${i}`)))).toEqual(first);
    expect(await ask(`user-${first.indexOf('stable')}`, { 'x-canary': '1' })).toBe('canary');
  });
});
