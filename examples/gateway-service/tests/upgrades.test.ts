// Connections that become something else than HTTP.
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { RouteDefinition } from '../src/routes.ts';
import { everythingTo, gateway, raw, type Upstream, upstream } from './gateway.ts';

/** A service that switches to a protocol which says everything twice. */
async function twice(): Promise<Upstream & { readonly sockets: Duplex[]; readonly heads: Record<string, unknown>[] }> {
  const sockets: Duplex[] = [];
  const heads: Record<string, unknown>[] = [];
  const service = await upstream((_, res) => void res.end('plain'));
  service.server.on('upgrade', (req, socket, head) => {
    heads.push(req.headers);
    if (req.url === '/refused') return void socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
    sockets.push(socket);
    socket.on('error', () => {});
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: twice\r\nX-Said: 1\r\n\r\n');
    const say = (chunk: Buffer): void => void socket.write(Buffer.concat([chunk, chunk]));
    if (head.length > 0) say(head);
    socket.on('data', say).on('end', () => socket.end());
  });
  return Object.assign(service, { sockets, heads });
}

const upgrading = (url: string, more: Partial<RouteDefinition> = {}) => {
  const table = everythingTo(url);
  return { ...table, routes: [{ ...(table.routes[0] as RouteDefinition), upgrade: true, ...more }] };
};

const ask = (path = '/', headers = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: twice\r\n${headers}\r\n`;

/** Opens one through the gateway. */
async function open(url: string): Promise<Socket> {
  const call = request(url, { headers: { connection: 'upgrade', upgrade: 'twice' } });
  call.end();
  const [answer, socket] = (await once(call, 'upgrade')) as [{ headers: Record<string, string> }, Socket];
  expect(answer.headers['x-said']).toBe('1');
  return socket;
}

describe('an upgrade', () => {
  it('joins the two connections, also for what comes at once', async () => {
    await using one = await twice();
    await using edge = await gateway(upgrading(one.url));
    const text = await raw(edge.url, `${ask()}hello`, 'hellohello');
    expect(text).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
    expect(text).toMatch(/\r\nUpgrade: twice\r\n/);
    expect(one.heads[0]).toMatchObject({ upgrade: 'twice', 'x-forwarded-for': '127.0.0.1' });
  });

  it('carries megabytes in both directions', async () => {
    await using one = await twice();
    await using edge = await gateway(upgrading(one.url));
    const socket = await open(edge.url);
    const part = Buffer.alloc(1024 * 1024, 7);
    let received = 0;
    socket.on('data', (chunk: Buffer) => (received += chunk.length));
    for (let i = 0; i < 8; i++) socket.write(part);
    socket.end();
    await once(socket, 'end');
    expect(received).toBe(16 * 1024 * 1024);
  });

  it('ends on both sides when one is cut', async () => {
    await using one = await twice();
    await using edge = await gateway(upgrading(one.url));
    const byClient = await open(edge.url);
    byClient.destroy();
    await expect.poll(() => one.sockets[0]?.destroyed).toBe(true);
    const byService = await open(edge.url);
    byService.on('error', () => {});
    one.sockets[1]?.destroy();
    await expect.poll(() => byService.destroyed || byService.readableEnded).toBe(true);
  });

  it('that is refused is an ordinary answer: by the service, the gateway, or nobody there', async () => {
    await using one = await twice();
    await using edge = await gateway(upgrading(one.url, { auth: 'token' }));
    expect(await raw(edge.url, ask())).toMatch(/^HTTP\/1\.1 401 .*problem\+json/s);
    const authorization = `Authorization: Bearer ${await edge.token()}\r\n`;
    expect(await raw(edge.url, ask('/refused', authorization))).toMatch(/^HTTP\/1\.1 403 .*no$/s);
    await one[Symbol.asyncDispose]();
    expect(await raw(edge.url, ask('/', authorization))).toMatch(/^HTTP\/1\.1 502 .*gateway\.bad_gateway/s);
  });

  it('is not made where the route has none: the call is one like others', async () => {
    await using one = await twice();
    await using edge = await gateway(everythingTo(one.url));
    expect(await raw(edge.url, ask('/', 'Connection: close\r\n'), 'plain')).toMatch(/^HTTP\/1\.1 200 .*plain/s);
    expect(one.sockets).toEqual([]);
  });

  it('does not hold the gateway up when it stops', async () => {
    await using one = await twice();
    const edge = await gateway(upgrading(one.url));
    const socket = await open(edge.url);
    socket.on('error', () => {});
    await edge[Symbol.asyncDispose]();
    await expect.poll(() => socket.destroyed || socket.readableEnded).toBe(true);
  });

  it('of clients that leave before the answer harms nobody, and leaves no instance out', async () => {
    await using one = await upstream((_, res) => void res.end('plain'));
    let ended = 0;
    one.server.on('upgrade', (_, socket: Duplex) => {
      socket.on('error', () => {});
      socket
        .resume()
        .on('close', () => ended++)
        .on('end', () => socket.end());
    });
    await using edge = await gateway(upgrading(one.url));
    const { hostname, port } = new URL(edge.url);
    for (let i = 1; i <= 8; i++) {
      const asked = once(one.server, 'upgrade');
      const socket = connect(Number(port), hostname, () => socket.write(ask()));
      await asked;
      socket.destroy();
      await expect.poll(() => ended).toBe(i);
    }
    expect((await fetch(edge.url)).status).toBe(200);
  });
});
