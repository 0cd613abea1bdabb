import { once } from 'node:events';
import { createServer as createPlainServer } from 'node:http';
import { connect } from 'node:net';
import { AuthenticationError, AuthorizationError } from '@ent/errors';
import { channels, memoryRateLimitStore, type Middleware, rateLimit, requestId, timeout } from '@ent/middleware';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { eventually, listen, type Served, stop } from '../../middleware/tests/support/serve.ts';
import { bearer, createListener, createServer, drain, drainable, route } from '../src/index.ts';
import { acceptWebSockets, type AcceptWebSocketsOptions, webSocket, type WebSocketRoute } from '../src/websocket.ts';

const hello = route({
  method: 'GET',
  path: '/hello',
  responses: { 200: { contentType: 'text/plain' } },
  handler: () => 'hello',
});
const echo = webSocket({
  path: '/echo',
  handler: ({ socket }) => void socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })),
});

async function start(
  routes: readonly WebSocketRoute[] = [echo],
  options: AcceptWebSocketsOptions = {},
  server = createServer(createListener([hello])),
): Promise<Served> {
  acceptWebSockets(server, routes, options);
  const served = await listen(server);
  onTestFinished(() => stop(server));
  return served;
}

/** Connects, and is open; or gives the answer that came in its place. */
async function dial(
  { port }: Served,
  path: string,
  headers: Record<string, string> = {},
  protocols: string[] = [],
): Promise<{ socket: WebSocket; status: number; json?: unknown; headers?: Record<string, unknown> }> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, { headers });
  onTestFinished(() => socket.terminate());
  socket.on('error', () => {});
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve({ socket, status: 101 }));
    socket.once('close', () => reject(new Error('It was closed without an answer.')));
    socket.once('unexpected-response', (_req, incoming) => {
      let text = '';
      incoming.on('data', (chunk: Buffer) => (text += chunk.toString()));
      incoming.on('end', () => {
        const { statusCode = 0, headers: given } = incoming;
        resolve({ socket, status: statusCode, json: text === '' ? undefined : JSON.parse(text), headers: given });
      });
    });
  });
}

async function closeOf(socket: WebSocket): Promise<[code: number, reason: string]> {
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
  return [code, reason.toString()];
}

const handshake = (path: string, more = ''): string =>
  `GET ${path} HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n` +
  `sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`;

const closing = (request: string): string => request.replace('connection: Upgrade', 'connection: Upgrade, close');

describe('acceptWebSockets', () => {
  it('hands over an open socket, and answers all else as before', async () => {
    const served = await start();
    const { socket } = await dial(served, '/echo');
    socket.send('grüße');
    expect(String((await once(socket, 'message'))[0])).toBe('grüße');
    expect(await (await fetch(`${served.url}/hello`)).text()).toBe('hello');
    // What is asked for the path without an upgrade goes where it always went.
    expect((await fetch(`${served.url}/echo`)).status).toBe(404);
  });

  it('speaks the handshake of the standard, and takes frames that come with it', async () => {
    const served = await start();
    const socket = connect(served.port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    // "hi", masked by zeros.
    const frame = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]);
    socket.write(Buffer.concat([Buffer.from(handshake('/echo')), frame]));
    let received = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
    await eventually(() => {
      const text = received.toString('latin1');
      // RFC 6455, section 1.3.
      expect(text).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
      expect(text.endsWith('\r\n\r\n\x81\x02hi')).toBe(true);
    });
  });

  it('gives the handler the validated request and the principal', async () => {
    const room = webSocket({
      path: '/rooms/:room',
      params: z.object({ room: z.coerce.number().int() }),
      query: z.object({ since: z.int().default(0) }),
      cookies: z.object({ theme: z.string().optional() }),
      auth: bearer((token) => ({ id: token })),
      handler: ({ socket, params, query, cookies, principal, exchange }) =>
        socket.send(JSON.stringify([params.room, query.since, cookies.theme, principal.id, exchange.route])),
    });
    const served = await start([room]);
    const origin = served.url;
    const headers = { authorization: 'Bearer ada', cookie: 'theme=dark', origin };
    const message = new Promise((resolve) => {
      const socket = new WebSocket(`ws://127.0.0.1:${served.port}/rooms/7?since=3`, { headers });
      onTestFinished(() => socket.terminate());
      socket.once('message', (data) => resolve(JSON.parse((data as Buffer).toString())));
    });
    expect(await message).toEqual([7, 3, 'dark', 'ada', '/rooms/:room']);
  });

  it('refuses before the upgrade, with a problem, by the hooks that all requests have', async () => {
    const statuses: (number | undefined)[] = [];
    const noting: Middleware = { name: 'noting', done: (_exchange, { status }) => void statuses.push(status) };
    const closed = webSocket({
      path: '/closed/:n',
      params: z.object({ n: z.int() }),
      auth: bearer((token) => {
        if (token === 'bad') throw new AuthenticationError('No.');
        return { id: token };
      }),
      guards: [
        ({ id }) => {
          if (id !== 'admin') throw new AuthorizationError('Only for admins.');
        },
      ],
      handler: () => {},
    });
    const limit = rateLimit({ limit: 5, window: '1h', store: memoryRateLimitStore() });
    const served = await start([closed], { middleware: [requestId(), noting, limit] });
    const asked = async (path: string, token?: string): Promise<unknown[]> => {
      const { status, json, headers } = await dial(served, path, token ? { authorization: `Bearer ${token}` } : {});
      return [status, (json as { code?: string } | undefined)?.code, headers?.['x-request-id'] !== undefined];
    };
    expect(await asked('/closed/1')).toEqual([401, 'http.token_missing', true]);
    expect(await asked('/closed/1', 'bad')).toEqual([401, 'unauthenticated', true]);
    expect(await asked('/closed/1', 'user')).toEqual([403, 'forbidden', true]);
    expect(await asked('/closed/x', 'admin')).toEqual([422, 'http.invalid_request', true]);
    expect(await asked('/closed/1', 'admin')).toEqual([101, undefined, false]);
    expect(await asked('/closed/1', 'admin')).toEqual([429, 'middleware.rate_limited', true]);
    await eventually(() => expect(statuses).toEqual([401, 401, 403, 422, 101, 429]));
  });

  it('ASVS 4.4.2: pages of the own origin connect, and of those that are listed', async () => {
    const routes = [
      webSocket({ path: '/listed', origins: ['https://app.example.com'], handler: () => {} }),
      webSocket({ path: '/any', origins: false, handler: () => {} }),
    ];
    const served = await start([echo, ...routes]);
    const statusOf = async (path: string, headers: Record<string, string>): Promise<number> =>
      (await dial(served, path, headers)).status;
    const own = `http://127.0.0.1:${served.port}`;
    const evil = { origin: 'https://evil.example' };
    expect(await statusOf('/echo', {})).toBe(101);
    expect(await statusOf('/echo', { origin: own, cookie: 'a=b' })).toBe(101);
    expect(await statusOf('/echo', evil)).toBe(403);
    expect(await statusOf('/echo', { ...evil, 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(await statusOf('/echo', { origin: 'null' })).toBe(403);
    expect(await statusOf('/echo', { cookie: 'a=b' })).toBe(403);
    expect(await statusOf('/listed', { origin: 'https://app.example.com', 'sec-fetch-site': 'same-site' })).toBe(101);
    expect(await statusOf('/listed', evil)).toBe(403);
    expect(await statusOf('/any', evil)).toBe(101);
  });

  it.each<[string, string, number]>([
    ['another version', handshake('/echo').replace('version: 13', 'version: 8'), 426],
    ['no key', handshake('/echo').replace(/sec-websocket-key.*\r\n/, ''), 400],
    ['a key that is none', handshake('/echo').replace('dGhlIHNhbXBsZSBub25jZQ==', 'short'), 400],
    ['an unknown path', handshake('/nothing'), 404],
    ['a path with broken encoding', handshake('/%zz'), 400],
    ['a method that is none for it', handshake('/echo').replace('GET', 'DELETE'), 404],
    ['another protocol', handshake('/hello').replace('upgrade: websocket', 'upgrade: h2c'), 200],
  ])('answers a request with %s by HTTP', async (_name, request, status) => {
    const served = await start();
    const answer = await served.raw(closing(request));
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });

  it('answers the same where node asks nobody before it hands over', async () => {
    // Before 22.21 and 24.9.
    const served = await start();
    Object.assign(served.server, { shouldUpgradeCallback: () => true });
    const statuses: Record<string, string> = {
      [handshake('/nothing')]: '404',
      [handshake('/hello').replace('upgrade: websocket', 'upgrade: h2c')]: '200',
      [handshake('/hello', 'content-length: 3\r\n').replace('GET', 'POST')]: '501',
    };
    for (const [request, status] of Object.entries(statuses)) {
      const answer = await served.raw(request);
      expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*\r\nconnection: close\r\n`, 'i'));
    }
    const { socket } = await dial(served, '/echo');
    socket.send('a');
    expect(String((await once(socket, 'message'))[0])).toBe('a');
    expect(await drain(served.server, { grace: 0, deadline: '60s' })).toEqual({ cut: 0 });
  });

  it('speaks the first subprotocol of the client that it knows', async () => {
    const chat = webSocket({ path: '/', protocols: ['chat.v1', 'chat.v2'], handler: () => {} });
    const served = await start([chat]);
    expect((await dial(served, '/', {}, ['chat.v3', 'chat.v2', 'chat.v1'])).socket.protocol).toBe('chat.v2');
    expect((await dial(served, '/')).socket.protocol).toBe('');
  });

  it('closes a socket with 1009 for a message over its limit', async () => {
    const small = webSocket({
      path: '/',
      maxMessageBytes: 10,
      handler: ({ socket }) => void socket.on('message', () => {}),
    });
    const { socket } = await dial(await start([small]), '/');
    socket.send('x'.repeat(10));
    socket.send('x'.repeat(11));
    expect((await closeOf(socket))[0]).toBe(1009);
  });

  it('closes with 1011 what a handler fails at, and publishes why', async () => {
    const errors: unknown[] = [];
    const note = (operation: unknown): void => void errors.push((operation as { error: unknown }).error);
    channels.hook.error.subscribe(note);
    onTestFinished(() => {
      channels.hook.error.unsubscribe(note);
    });
    const failing = [
      webSocket({
        path: '/now',
        handler: () => {
          throw new Error('now');
        },
      }),
      webSocket({ path: '/later', handler: async () => Promise.reject(new Error('later')) }),
    ];
    const served = await start(failing);
    for (const path of ['/now', '/later']) {
      const socket = new WebSocket(`ws://127.0.0.1:${served.port}${path}`);
      expect((await closeOf(socket))[0]).toBe(1011);
    }
    expect(errors).toMatchObject([{ message: 'now' }, { message: 'later' }]);
  });

  it('aborts the signal of the exchange when the socket is closed', async () => {
    const aborted = Promise.withResolvers<unknown>();
    const waiting = webSocket({
      path: '/',
      handler: ({ exchange }) => {
        expect(exchange.signal.aborted).toBe(false);
        exchange.signal.addEventListener('abort', () => aborted.resolve(exchange.signal.reason));
      },
    });
    const { socket } = await dial(await start([waiting]), '/');
    socket.terminate();
    expect(await aborted.promise).toMatchObject({ code: 'http.socket_closed' });
  });

  it('cuts a client that gives no sign of life, and keeps one that does', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    const closed = Promise.withResolvers<void>();
    const watched = webSocket({ path: '/', handler: ({ socket }) => void socket.on('close', () => closed.resolve()) });
    const served = await start([echo, watched], { heartbeat: '1h' });
    const { socket: alive } = await dial(served, '/echo');
    // It never answers.
    const silent = connect(served.port, '127.0.0.1');
    silent.on('error', () => {});
    silent.write(handshake('/'));
    await once(silent, 'data');
    silent.resume();
    for (let beat = 0; beat < 2; beat++) {
      const asked = once(alive, 'ping');
      vi.advanceTimersByTime(3_600_000);
      await asked;
      // Behind its sign of life.
      alive.send('there');
      await once(alive, 'message');
    }
    await closed.promise;
    expect(alive.readyState).toBe(WebSocket.OPEN);
  });

  it('closes sockets with 1001 when the server is drained', async () => {
    const served = await start();
    const { socket } = await dial(served, '/echo');
    const closed = closeOf(socket);
    expect(await drain(served.server, { grace: 0, deadline: '60s' })).toEqual({ cut: 0 });
    expect(await closed).toEqual([1001, 'The server stops.']);
  });

  it('does not take an open socket for idle', async () => {
    const served = await start();
    const first = connect(served.port, '127.0.0.1');
    onTestFinished(() => void first.destroy());
    // Behind a request that was answered, and together with it.
    first.write(`GET /hello HTTP/1.1\r\nhost: a\r\n\r\n${handshake('/echo')}`);
    let text = '';
    first.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    await eventually(() => expect(text).toMatch(/hello[^]*101 Switching Protocols/));
    served.server.closeIdleConnections();
    first.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
    await eventually(() => expect(text.endsWith('\x81\x02hi')).toBe(true));
  });

  it('hands nothing over where the client left, or was answered, while its guards took their time', async () => {
    const gate = Promise.withResolvers<void>();
    let handled = 0;
    const asked: string[] = [];
    const slow = webSocket({
      path: '/',
      guards: [
        async (_principal, { exchange }) => {
          asked.push(exchange.method);
          await gate.promise;
        },
      ],
      handler: () => void handled++,
    });
    const served = await start([slow], { middleware: [timeout(200)] });
    const leaving = connect(served.port, '127.0.0.1');
    leaving.write(handshake('/'));
    await eventually(() => expect(asked).toHaveLength(1));
    leaving.destroy();
    expect((await dial(served, '/')).status).toBe(503);
    gate.resolve();
    expect((await dial(served, '/')).status).toBe(101);
    expect(handled).toBe(1);
  });

  it('works on a server that was made elsewhere', async () => {
    const plain = drainable(createPlainServer((_req, res) => res.end('plain')));
    const served = await start([echo], {}, plain);
    const { socket } = await dial(served, '/echo');
    socket.send('a');
    expect(String((await once(socket, 'message'))[0])).toBe('a');
    expect(await served.raw(closing(handshake('/other')))).toContain('plain');
    const closed = closeOf(socket);
    await drain(served.server, { grace: 0, deadline: '60s' });
    expect((await closed)[0]).toBe(1001);
  });

  it('refuses mistakes at set-up', () => {
    const refused = (code: string) => expect.objectContaining({ code: `http.${code}` }) as Error;
    const server = createServer(createListener([]));
    expect(() => acceptWebSockets(createPlainServer(), [echo])).toThrow(refused('invalid_options'));
    expect(() => acceptWebSockets(server, [echo], { denyByDefault: true })).toThrow(refused('undeclared_auth'));
    expect(() => acceptWebSockets(server, [echo, echo])).toThrow(refused('duplicate_route'));
    expect(() => acceptWebSockets(server, [echo], { heartbeat: 'never' })).toThrow(refused('invalid_options'));
    acceptWebSockets(server, [echo]);
    expect(() => acceptWebSockets(server, [echo])).toThrow(refused('invalid_options'));
    const handler = (): void => {};
    expect(() => webSocket({ path: '/', handler, body: 1 } as never)).toThrow(refused('invalid_route'));
    expect(() => webSocket({ path: '/', handler, maxMessageBytes: -1 })).toThrow(refused('invalid_route'));
    expect(() => webSocket({ path: '/', handler, protocols: ['a b'] })).toThrow(refused('invalid_route'));
    expect(() => webSocket({ path: '/', handler, origins: ['*'] })).toThrow(
      expect.objectContaining({ code: 'middleware.invalid_options' }),
    );
  });
});
