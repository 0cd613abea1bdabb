import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { request as httpsRequest } from 'node:https';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect as dial, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as dialTls } from 'node:tls';
import { type Exchange, requestId } from '@ent/middleware';
import { createNodeListener } from '@ent/middleware/node';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { eventually, listen, type Served, stop } from '../../middleware/tests/support/serve.ts';
import { createListener, createServer, drain, eventStream, reply, route, type ServerOptions } from '../src/index.ts';

interface Service extends Served {
  /** Lets what waits go on. */
  readonly waiting: (() => void)[];
  /** How each exchange ended. */
  readonly ends: { path: string; aborted: boolean }[];
  /** Why signals aborted. */
  readonly aborts: unknown[];
}

async function start(options: ServerOptions = {}): Promise<Service> {
  const [waiting, ends, aborts]: [(() => void)[], Service['ends'], unknown[]] = [[], [], []];
  const plain = { 200: { contentType: 'text/plain' } } as const;
  const routes = [
    route({ method: 'GET', path: '/', responses: plain, handler: ({ exchange }) => exchange.header('host') ?? '' }),
    route({ method: 'GET', path: '/big', responses: plain, handler: () => 'x'.repeat(5_000_000) }),
    route({
      method: 'GET',
      path: '/wait',
      responses: plain,
      handler: ({ exchange }) => {
        exchange.signal.addEventListener('abort', () => aborts.push(exchange.signal.reason));
        return new Promise<string>((resolve) => waiting.push(() => resolve('waited')));
      },
    }),
    route({
      method: 'GET',
      path: '/events',
      responses: { 200: eventStream() },
      handler: async function* ({ exchange }: { exchange: Exchange }) {
        yield { id: '1', data: 'one' };
        await once(exchange.signal, 'abort');
        aborts.push(exchange.signal.reason);
      },
    }),
    route({
      method: 'GET',
      path: '/stream',
      responses: plain,
      handler: async function* () {
        for (let count = 0; ; count++) {
          yield `${count} ${'x'.repeat(10_000)}\n`;
          await new Promise(setImmediate);
        }
      } as never,
    }),
    route({
      method: 'POST',
      path: '/echo',
      maxBodyBytes: 100_000,
      body: z.object({ a: z.string() }),
      responses: { 201: z.object({ a: z.string() }) },
      handler: ({ body }) => reply(201, body, { 'set-cookie': ['a=1', 'b=2'], connection: 'close' }),
    }),
  ];
  const note = {
    name: 'ends',
    done: (exchange: { path: string }, { aborted }: { aborted: boolean }) =>
      void ends.push({ path: exchange.path, aborted }),
  };
  const listener = createListener(routes, { middleware: [requestId(), note] });
  const served = await listen(createServer(listener, { http2: true, ...options }));
  onTestFinished(() => stop(served.server));
  return { ...served, waiting, ends, aborts };
}

function open({ url }: { url: string }, options: object = {}): ClientHttp2Session & { goaways: number[] } {
  const session = Object.assign(connect(url, options), { goaways: [] as number[] });
  session.on('goaway', (code: number) => session.goaways.push(code));
  session.on('error', () => {});
  onTestFinished(() => session.destroy());
  return session;
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: Record<string, unknown>;
  readonly body: string;
  readonly reset: number | undefined;
}

async function finish(stream: ClientHttp2Stream): Promise<Answer> {
  let headers: Record<string, unknown> = {};
  stream.once('response', (head) => (headers = head));
  stream.on('error', () => {});
  const body = await text(stream).catch(() => '');
  if (!stream.destroyed) await once(stream, 'close');
  return { status: headers[':status'] as number | undefined, headers, body, reset: stream.rstCode };
}

const get = (session: ClientHttp2Session, path: string, headers: OutgoingHttpHeaders = {}): Promise<Answer> =>
  finish(session.request({ ':path': path, ...headers }));
const post = (session: ClientHttp2Session, body: string, headers: OutgoingHttpHeaders = {}): Promise<Answer> => {
  const stream = session.request({
    ':method': 'POST',
    ':path': '/echo',
    'content-type': 'application/json',
    ...headers,
  });
  stream.end(body);
  return finish(stream);
};
const closed = async (session: ClientHttp2Session): Promise<void> => {
  if (!session.destroyed) await once(session, 'close');
};

/** A connection of bytes. */
async function bare({ port }: Served): Promise<Socket & { received: string }> {
  const socket = Object.assign(dial(port, '127.0.0.1'), { received: '' });
  socket.on('data', (chunk: Buffer) => (socket.received += chunk.toString('latin1')));
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** The server's ends of connections. */
function acceptedBy({ server }: Served): Socket[] {
  const accepted: Socket[] = [];
  server.on('connection', (socket) => accepted.push(socket));
  return accepted;
}

describe('HTTP/2 without TLS', () => {
  it('answers many requests of a connection at a time, with bodies both ways', async () => {
    const service = await start();
    const session = open(service);
    const all = await Promise.all(Array.from({ length: 50 }, (_, n) => post(session, JSON.stringify({ a: `${n}` }))));
    expect(all.map(({ status, body }) => [status, body])).toEqual(
      all.map((_, n) => [201, JSON.stringify({ a: `${n}` })]),
    );
    expect(all[0]?.headers).toMatchObject({ 'set-cookie': ['a=1', 'b=2'], 'x-request-id': expect.any(String) });
    expect(all[0]?.headers).not.toHaveProperty('connection');
    expect((await get(session, '/big')).body).toHaveLength(5_000_000);
    expect((await get(session, '/')).body).toBe(`127.0.0.1:${service.port}`);
  });

  it('is beside HTTP/1.1 on the same port, however slowly the first bytes come', async () => {
    const service = await start();
    expect(await (await fetch(service.url)).text()).toBe(`127.0.0.1:${service.port}`);
    const [slow, preface] = await Promise.all([bare(service), bare(service)]);
    for (const char of 'POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n') slow.write(char);
    await once(slow, 'close');
    expect(slow.received).toMatch(/^HTTP\/1\.1 422 /);
    for (const byte of Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0', 'latin1')) {
      preface.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    // SETTINGS: the fourth byte of a frame is its type.
    await eventually(() => expect(preface.received.charCodeAt(3)).toBe(constants.NGHTTP2_FLAG_ACK + 3));
    expect(await service.raw('\0\0\0\0')).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('is not there where it was not asked for', async () => {
    const service = await start({ http2: false });
    const session = open(service);
    expect((await get(session, '/')).status).toBeUndefined();
    expect(await (await fetch(service.url)).text()).not.toBe('');
  });

  it('closes a connection that says nothing, or half a preface', async () => {
    const service = await start({ headersTimeout: 100 });
    const [silent, half] = await Promise.all([bare(service), bare(service)]);
    half.write('PRI * HT');
    await Promise.all([once(silent, 'close'), once(half, 'close')]);
    expect(await (await fetch(service.url)).text()).not.toBe('');
  });

  it('is closed by closeAllConnections(), also before it has said anything', async () => {
    const service = await start({ headersTimeout: '1h' });
    const accepted = acceptedBy(service);
    const silent = await bare(service);
    await eventually(() => expect(accepted).toHaveLength(1));
    service.server.closeAllConnections();
    await once(silent, 'close');
    expect(silent.received).toBe('');
  });

  it('refuses a CONNECT, and an expectation that nobody knows', async () => {
    const session = open(await start());
    const tunnel = session.request({ ':method': 'CONNECT', ':authority': 'other.example:443' });
    expect((await finish(tunnel)).status).toBe(501);
    expect((await post(session, '{}', { expect: 'gold' })).status).toBe(417);
    expect((await get(session, '/')).status).toBe(200);
  });

  it('asks for a body when it is read, and not of who is refused', async () => {
    const session = open(await start());
    const sent = (headers: object): Promise<{ continued: boolean; status: number | undefined }> => {
      const stream = session.request({ ':method': 'POST', ':path': '/echo', expect: '100-continue', ...headers });
      let continued = false;
      stream.once('continue', () => {
        continued = true;
        stream.end('{"a":"b"}');
      });
      const timer = setTimeout(() => stream.end(), 30_000);
      return finish(stream).then(({ status }) => {
        clearTimeout(timer);
        return { continued, status };
      });
    };
    expect(await sent({ 'content-type': 'application/json' })).toEqual({ continued: true, status: 201 });
    expect(await sent({ 'content-type': 'application/json', 'content-length': '200000' })).toMatchObject({
      continued: false,
    });
  });

  it('refuses a request whose host is another one than its authority, or that has none', async () => {
    const session = open(await start());
    expect((await get(session, '/', { ':authority': 'a.example', host: 'b.example' })).status).toBe(400);
    expect((await get(session, '/', { host: 'a.example' })).body).toBe('a.example');
    expect((await get(session, '/')).status).toBe(200);
  });
});

describe('limits of HTTP/2', () => {
  it('of heads and streams, which the client is told', async () => {
    const session = open(await start());
    await once(session, 'remoteSettings');
    expect(session.remoteSettings).toMatchObject({ maxConcurrentStreams: 128, maxHeaderListSize: 16_384 });
    const headers = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`x-${n}`, 'x'.repeat(2000)]));
    expect((await get(session, '/', headers)).status).not.toBe(200);
    expect((await get(open(await start()), '/')).status).toBe(200);
  });

  it('of bodies, by what arrives and by what is said', async () => {
    const session = open(await start());
    const large = JSON.stringify({ a: 'x'.repeat(200_000) });
    expect((await post(session, large)).status).toBe(413);
    expect((await post(session, large, { 'content-length': String(large.length) })).status).toBe(413);
    expect((await get(session, '/')).status).toBe(200);
  });

  it('of the time that a request may take to arrive', async () => {
    const session = open(await start({ requestTimeout: 150 }));
    const stream = session.request({ ':method': 'POST', ':path': '/echo', 'content-type': 'application/json' });
    stream.write('{"a":');
    const { status, body } = await finish(stream);
    expect([status, JSON.parse(body)]).toMatchObject([408, { code: 'http.malformed_request' }]);
    expect((await get(session, '/')).status).toBe(200);
  });

  it('of the time without a request, whatever pings come', async () => {
    const session = open(await start({ keepAliveTimeout: 150 }));
    expect((await get(session, '/')).status).toBe(200);
    const pinging = setInterval(() => void (session.destroyed || session.ping(() => {})), 20);
    await closed(session);
    clearInterval(pinging);
    expect(session.goaways).toContain(constants.NGHTTP2_NO_ERROR);
  });

  it('of the requests of a connection', async () => {
    const session = open(await start());
    let answered = 0;
    while (!session.closed && answered < 2000) {
      const batch = await Promise.all(Array.from({ length: 50 }, () => get(session, '/')));
      answered += batch.filter(({ status }) => status === 200).length;
    }
    await closed(session);
    expect(session.goaways[0]).toBe(constants.NGHTTP2_NO_ERROR);
    // Whatever was on its way when the client heard of it.
    expect(answered % 50).toBe(0);
    expect(answered).toBeGreaterThanOrEqual(1000);
  });
});

describe('what is cut', () => {
  it('a stream: its handler hears of it, and the others of the connection go on', async () => {
    const service = await start();
    const session = open(service);
    const [cut, kept] = [session.request({ ':path': '/wait' }), get(session, '/wait')];
    await eventually(() => expect(service.waiting).toHaveLength(2));
    cut.on('error', () => {});
    cut.close(constants.NGHTTP2_CANCEL);
    await eventually(() => expect(service.aborts).toMatchObject([{ code: 'middleware.request_aborted' }]));
    for (const go of service.waiting) go();
    expect((await kept).body).toBe('waited');
    await eventually(() =>
      expect(service.ends).toEqual(
        expect.arrayContaining([
          { path: '/wait', aborted: true },
          { path: '/wait', aborted: false },
        ]),
      ),
    );
  });

  it('a stream whose answer is on its way, or whose body is', async () => {
    const service = await start();
    const session = open(service);
    const down = session.request({ ':path': '/stream' });
    down.on('error', () => {});
    await once(down, 'data');
    down.close(constants.NGHTTP2_CANCEL);
    const up = session.request({
      ':method': 'POST',
      ':path': '/echo',
      'content-type': 'application/json',
      expect: '100-continue',
    });
    up.on('error', () => {});
    // The handler waits for the body.
    await once(up, 'continue');
    up.close(constants.NGHTTP2_CANCEL);
    await eventually(() =>
      expect(service.ends).toEqual([
        { path: '/stream', aborted: true },
        { path: '/echo', aborted: true },
      ]),
    );
    expect((await get(session, '/')).status).toBe(200);
  });

  it('the connection: all that is open on it ends', async () => {
    const service = await start();
    const session = open(service);
    void get(session, '/wait').catch(() => {});
    void get(session, '/wait').catch(() => {});
    await eventually(() => expect(service.waiting).toHaveLength(2));
    session.destroy();
    await eventually(() => expect(service.aborts).toHaveLength(2));
    expect((await get(open(service), '/')).status).toBe(200);
  });

  it('by the handler: a stream that fails in the middle is reset, the connection is not', async () => {
    const listener = createNodeListener(() => ({
      status: 200,
      body: (async function* () {
        yield 'half';
        await new Promise(setImmediate);
        throw new Error('broken');
      })(),
    }));
    const served = await listen(createServer(listener, { http2: true }));
    onTestFinished(() => stop(served.server));
    const session = open(served);
    const stream = session.request({ ':path': '/' });
    const { status, reset } = await finish(stream);
    expect(status).toBe(200);
    expect(reset).not.toBe(constants.NGHTTP2_NO_ERROR);
    expect(session.destroyed).toBe(false);
  });
});

describe('drain', () => {
  it('says GOAWAY at once, answers what is on its way, and lets the client close', async () => {
    const service = await start();
    const session = open(service);
    const answer = get(session, '/wait');
    await eventually(() => expect(service.waiting).toHaveLength(1));
    // The grace is long, and ends when all was seen.
    const end = new AbortController();
    const drained = drain(service.server, { grace: '1h', deadline: '2h', signal: end.signal });
    await eventually(() => expect(session.goaways).toContain(constants.NGHTTP2_NO_ERROR));
    // In the grace there are still new connections; they too are told to go after their requests.
    const late = open(service);
    expect((await get(late, '/')).status).toBe(200);
    await closed(late);
    service.waiting[0]?.();
    expect((await answer).body).toBe('waited');
    await closed(session);
    end.abort();
    expect(await drained).toEqual({ cut: 0 });
  });

  it('closes what is idle, of both kinds, and completes an answer that is read slowly', async () => {
    const service = await start();
    const [idle, reading] = [open(service), open(service)];
    await get(idle, '/');
    const stream = reading.request({ ':path': '/big' });
    await once(stream, 'response');
    const drained = drain(service.server, { grace: 0, deadline: '60s' });
    await closed(idle);
    let size = 0;
    for await (const chunk of stream) {
      size += (chunk as Buffer).length;
      await new Promise(setImmediate);
    }
    expect(size).toBe(5_000_000);
    expect(await drained).toEqual({ cut: 0 });
  });

  it('ends streams of events after its grace, whole, and tells their sources', async () => {
    const service = await start();
    const session = open(service);
    const streams = [1, 2].map(() => session.request({ ':path': '/events' }));
    const answers = streams.map(finish);
    await Promise.all(streams.map((stream) => once(stream, 'response')));
    const waiting = drain(service.server, { grace: '100ms', deadline: '1h' });
    await eventually(() => expect(session.goaways).toContain(constants.NGHTTP2_NO_ERROR));
    for (const answer of await Promise.all(answers)) {
      expect(answer).toMatchObject({ status: 200, body: ':\n\nid: 1\ndata: one\n\n', reset: 0 });
    }
    expect(await waiting).toEqual({ cut: 0 });
    expect(service.aborts).toEqual([1, 2].map(() => expect.objectContaining({ code: 'http.draining' })));
    expect(service.ends.map(({ aborted }) => aborted)).toEqual([false, false]);
    await closed(session);
  });

  it('keeps to its deadline whatever has not said what it speaks, and gives it its moment', async () => {
    const service = await start({ headersTimeout: '1h' });
    const accepted = acceptedBy(service);
    const [silent, half] = await Promise.all([bare(service), bare(service)]);
    half.write('PRI * HT');
    await eventually(() => expect(accepted.map(({ bytesRead }) => bytesRead).toSorted()).toEqual([0, 8]));
    const end = new AbortController();
    const drained = drain(service.server, { grace: 0, deadline: '2h', signal: end.signal });
    await once(silent, 'close');
    expect(half.closed).toBe(false);
    end.abort();
    expect(await drained).toEqual({ cut: 0 });
    await eventually(() => expect(half.closed).toBe(true));
  });

  it('waits for a head of HTTP/1.1 that is on its way', async () => {
    const service = await start();
    const accepted = acceptedBy(service);
    const partial = await bare(service);
    partial.write('GET / HTTP/1.1\r\nHost:');
    await eventually(() => expect(accepted.map(({ bytesRead }) => bytesRead)).toEqual([21]));
    const idle = await bare(service);
    const drained = drain(service.server, { grace: 0, deadline: '2h' });
    // As it came after the other, the other would be closed by now.
    await once(idle, 'close');
    partial.write(' a\r\n\r\n');
    expect(await drained).toEqual({ cut: 0 });
    expect(partial.received).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('counts what it cuts at the deadline', async () => {
    const service = await start();
    const session = open(service);
    const answers = [get(session, '/wait'), get(session, '/wait')];
    await eventually(() => expect(service.waiting).toHaveLength(2));
    expect(await drain(service.server, { grace: 0, deadline: '200ms' })).toEqual({ cut: 2 });
    for (const answer of answers) expect((await answer).status).toBeUndefined();
  });
});

describe('over TLS', () => {
  let tls: { key: string; cert: string };
  beforeAll(() => {
    const made =
      'req -new -x509 -days 2 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=localhost -keyout - -out -';
    const pem = execFileSync('openssl', made.split(' '), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const cut = pem.indexOf('-----BEGIN CERTIFICATE-----');
    tls = { key: pem.slice(0, cut), cert: pem.slice(cut) };
  });
  const secure = { rejectUnauthorized: false };

  it('gives a client the protocol that it asks for', async () => {
    const service = await start({ tls });
    const url = service.url.replace('http:', 'https:');
    const session = open({ url }, secure);
    expect((await post(session, '{"a":"b"}')).status).toBe(201);
    expect(session.alpnProtocol).toBe('h2');
    const old = httpsRequest(`${url}/`, { ...secure, agent: false });
    old.end();
    const [response] = await once(old, 'response');
    expect([response.httpVersion, await text(response)]).toEqual(['1.1', `127.0.0.1:${service.port}`]);
  });

  it('survives what is no TLS, half a handshake and a reset, and drains', async () => {
    const service = await start({ tls, headersTimeout: 200 });
    const [plain, half] = await Promise.all([bare(service), bare(service)]);
    plain.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    half.write(Buffer.from('1603010200', 'hex'));
    await Promise.all([once(plain, 'close'), once(half, 'close')]);
    const lost = dialTls({ port: service.port, host: '127.0.0.1', ...secure });
    lost.on('error', () => {});
    await once(lost, 'secureConnect');
    lost.destroy();
    const session = open({ url: service.url.replace('http:', 'https:') }, secure);
    expect((await get(session, '/')).status).toBe(200);
    const hanging = await bare(service);
    expect(await drain(service.server, { grace: 0, deadline: '5s' })).toEqual({ cut: 0 });
    await closed(session);
    if (!hanging.closed) await once(hanging, 'close');
  });

  it('ASVS 12.1.1: TLS is spoken from 1.2 on, and 1.3 where the client knows it', async () => {
    const service = await start({ tls });
    const dialUpTo = (maxVersion: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3') =>
      dialTls({
        port: service.port,
        host: '127.0.0.1',
        minVersion: 'TLSv1',
        maxVersion,
        ciphers: 'ALL:@SECLEVEL=0',
        ...secure,
      });
    const old = dialUpTo('TLSv1.1');
    await expect(once(old, 'secureConnect')).rejects.toThrow(/protocol version|unsupported protocol/);
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const socket = dialUpTo(version);
      await once(socket, 'secureConnect');
      expect(socket.getProtocol()).toBe(version);
      socket.destroy();
    }
  });

  it('speaks HTTP/1.1 alone where HTTP/2 was not asked for', async () => {
    const service = await start({ tls, http2: false });
    const socket = dialTls({ port: service.port, host: '127.0.0.1', ALPNProtocols: ['h2', 'http/1.1'], ...secure });
    await once(socket, 'secureConnect');
    expect(socket.alpnProtocol).toBe('http/1.1');
    socket.destroy();
  });

  it.each<[object, RegExp]>([
    [{ http2: 'yes' }, /http2 must be true or false/],
    [{ tls: {} }, /tls must have a key, and the certificate of that key/],
    [{ tls: { key: 'k', cert: 'c' } }, /tls must have a key, and the certificate/],
    [{ tls: { keys: 'k' } }, /tls has no option "keys"/],
    [{ tls: 'on' }, /tls takes its options as an object/],
  ])('refuses %j', (options, message) => {
    expect(() => createServer(() => {}, options as never)).toThrow(message);
  });
});
