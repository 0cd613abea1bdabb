import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import type { Channel } from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { currentContext } from '@ent/internal';
import {
  channels,
  type Middleware,
  type Outcome,
  type Reply,
  type RequestOperation,
  requestContext,
  requestId,
} from '@ent/middleware';
import { createNodeListener, type NodeExchange, type NodeHostOptions } from '@ent/middleware/node';
import { heldBytes } from '@ent/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually, type Served, serve } from '../support/serve.ts';

type NodeHandler = (exchange: NodeExchange) => Reply | undefined | Promise<Reply | undefined>;

const start = (handler: NodeHandler, ...middleware: Middleware[]): Promise<Served> =>
  serve(createNodeListener(handler, { middleware }));

/** Notes each outcome; `next` waits for the next one. */
function outcomes(): Middleware & { list: Outcome[]; next(count?: number): Promise<Outcome> } {
  const list: Outcome[] = [];
  return {
    name: 'outcomes',
    list,
    done: (_exchange, outcome) => void list.push(outcome),
    async next(count = 1) {
      await eventually(() => expect(list.length).toBeGreaterThanOrEqual(count));
      return list[count - 1] as Outcome;
    },
  };
}

const marks: Middleware = {
  name: 'marks',
  head: (_exchange, status, headers) => headers.set('x-mark', String(status)),
};

describe('answers', () => {
  it('writes text, bytes, streams and nothing', async () => {
    const replies: Record<string, Reply> = {
      '/text': { status: 200, body: 'grüße' },
      '/bytes': { status: 201, body: Buffer.from([1, 2]), headers: { 'x-list': ['a', 'b'] } },
      '/stream': { status: 200, body: Readable.from(['a', Buffer.from('b')]) },
      '/web': { status: 200, body: new Blob(['web']).stream() },
      '/none': { status: 204, body: 'left out' },
    };
    const { url } = await start((exchange) => replies[exchange.path]);
    const get = async (path: string): Promise<[number, string, string | null]> => {
      const answer = await fetch(url + path);
      return [answer.status, await answer.text(), answer.headers.get('content-length')];
    };
    expect(await get('/text')).toEqual([200, 'grüße', '7']);
    expect(await get('/bytes')).toEqual([201, '\u0001\u0002', '2']);
    expect(await get('/stream')).toEqual([200, 'ab', null]);
    expect(await get('/web')).toEqual([200, 'web', null]);
    expect(await get('/none')).toEqual([204, '', null]);
  });

  it('turns a header that cannot be sent into a 500 without any of the reply', async () => {
    const done = outcomes();
    const { url } = await start(
      () => ({ status: 200, headers: { 'x-a': '1', 'x-b': 'a\r\nx-c: 1' }, body: 'secret' }),
      marks,
      done,
    );
    const answer = await fetch(url);
    expect([answer.status, answer.statusText, answer.headers.get('x-a'), answer.headers.get('x-mark')]).toEqual([
      500,
      'Internal Server Error',
      null,
      '500',
    ]);
    expect(await answer.text()).not.toContain('secret');
    expect(await done.next()).toMatchObject({ status: 500, aborted: false, error: { code: 'ERR_INVALID_CHAR' } });
  });

  it('leaves out a header of a hook that cannot be sent, and keeps the rest', async () => {
    const bad: Middleware = { name: 'bad', head: (_exchange, _status, headers) => headers.set('x-bad', 'a\nb') };
    const { url } = await start(() => ({ status: 200, body: 'fine' }), bad, marks);
    const answer = await fetch(url);
    expect([answer.status, await answer.text(), answer.headers.get('x-mark')]).toEqual([200, 'fine', '200']);
    expect(answer.headers.has('x-bad')).toBe(false);
  });

  it('answers 500 when both a hook and the reply have a header that cannot be sent', async () => {
    const bad: Middleware = { name: 'bad', head: (_exchange, _status, headers) => headers.set('bad name', '1') };
    const { url } = await start(() => ({ status: 200, headers: { 'x-a': '\0' } }), bad, marks);
    const answer = await fetch(url);
    expect([answer.status, answer.headers.get('x-mark')]).toEqual([500, '500']);
  });

  it('answers 500 for a body that is none', async () => {
    const { url } = await start(() => ({ status: 200, body: 7 as never }));
    expect((await fetch(url)).status).toBe(500);
  });

  it('lets go of a stream that comes too late', async () => {
    const source = Readable.from(['x']);
    const { port } = await start(async (exchange) => {
      await once(exchange.signal, 'abort');
      return { status: 200, body: source };
    });
    const socket = connect(port, '127.0.0.1');
    await new Promise((written) => socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n', written));
    socket.destroy();
    await eventually(() => expect(source.destroyed).toBe(true));
  });

  it('cuts the connection when a stream fails half-way, so that nobody takes the half for the whole', async () => {
    const done = outcomes();
    const failing = async function* (): AsyncGenerator<string> {
      yield 'half';
      throw new Error('disk gone');
    };
    const { url } = await start(() => ({ status: 200, body: failing() }), done);
    await expect(fetch(url).then((answer) => answer.text())).rejects.toThrow();
    expect(await done.next()).toMatchObject({ aborted: true, error: { message: 'disk gone' } });
  });

  it('closes the source of a stream when the client goes away', async () => {
    let closed = 0;
    const endless = async function* (): AsyncGenerator<string> {
      try {
        for (;;) yield 'x'.repeat(65_536);
      } finally {
        closed++;
      }
    };
    const done = outcomes();
    const { port } = await start(() => ({ status: 200, body: endless() }), done);
    const socket = connect(port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(socket, 'data');
    socket.destroy();
    await eventually(() => expect(closed).toBe(1));
    expect(await done.next()).toMatchObject({ aborted: true, error: undefined });
  });

  it('closes the source of a stream that is not sent', async () => {
    const source = Readable.from(['x']);
    const done = outcomes();
    const { url } = await start(() => ({ status: 200, body: source }), done);
    await fetch(url, { method: 'HEAD' });
    expect(await done.next()).toMatchObject({ aborted: false, bytes: 0 });
    expect(source.destroyed).toBe(true);
  });

  it('counts the bytes it sent', async () => {
    const done = outcomes();
    const { url } = await start(
      (exchange) => ({ status: 200, body: exchange.path === '/s' ? Readable.from(['grü', 'ße']) : 'grüße' }),
      done,
    );
    for (const path of ['/', '/s']) await (await fetch(url + path)).text();
    await fetch(url, { method: 'HEAD' });
    await done.next(3);
    expect(done.list.map((outcome) => outcome.bytes)).toEqual([7, 7, 0]);
  });
});

describe('handlers that write the response themselves', () => {
  it.each<[string, string | null, NodeHandler]>([
    ['res.end', null, ({ res }) => void res.end('x')],
    ['write', null, ({ res }) => (res.write('x'), void res.end())],
    ['an object', '1', ({ res }) => void res.writeHead(200, { 'X-Own': '1', 'x-mark': 'theirs' }).end()],
    ['a reason and an object', '1', ({ res }) => void res.writeHead(200, 'Fine', { 'x-own': '1' }).end()],
    ['an array', '1, 2', ({ res }) => void res.writeHead(200, ['x-own', '1', 'X-Own', '2']).end()],
    [
      'an error path that removes every header',
      null,
      ({ res }) => {
        res.setHeader('x-mark', 'early');
        for (const name of res.getHeaderNames()) res.removeHeader(name);
        res.end();
        return undefined;
      },
    ],
  ])('get the head hooks too: %s', async (name, own, handler) => {
    const { url } = await start(handler, marks);
    const answer = await fetch(url);
    expect([answer.status, answer.headers.get('x-mark'), answer.headers.get('x-own')]).toEqual([200, '200', own]);
    if (name === 'a reason and an object') expect(answer.statusText).toBe('Fine');
  });

  it('lose the connection, not the process, when they fail after the head', async () => {
    const done = outcomes();
    const { url } = await start(({ res, path }) => {
      if (path === '/fine') return { status: 200 };
      res.writeHead(200, { 'content-length': '10' });
      res.write('half');
      throw new Error('late');
    }, done);
    await expect(fetch(url).then((answer) => answer.text())).rejects.toThrow();
    expect(await done.next()).toMatchObject({ aborted: true, error: { message: 'late' } });
    expect((await fetch(`${url}/fine`)).status).toBe(200);
  });
});

describe('the end of an exchange', () => {
  it('comes once, also when the client leaves before or during the answer, and aborts the signal', async () => {
    const done = outcomes();
    const signals: AbortSignal[] = [];
    const { port } = await start((exchange) => {
      signals.push(exchange.signal);
      if (exchange.path === '/half') exchange.res.write('half');
      return new Promise(() => {});
    }, done);
    for (const path of ['/none', '/half']) {
      const socket = connect(port, '127.0.0.1');
      socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
      await eventually(() => expect(signals.length).toBe(path === '/none' ? 1 : 2));
      socket.destroy();
      await done.next(signals.length);
    }
    expect(done.list.map(({ aborted, status }) => [aborted, status])).toEqual([
      [true, undefined],
      [true, 200],
    ]);
    expect(signals.map((signal) => signal.aborted)).toEqual([true, true]);
  });

  it('comes for every request of a pipeline that is cut', async () => {
    const done = outcomes();
    let waiting = 0;
    const { port } = await start(() => (waiting++, new Promise(() => {})), done);
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(3));
    await eventually(() => expect(waiting).toBe(3));
    socket.destroy();
    await done.next(3);
    expect(done.list.map((outcome) => outcome.aborted)).toEqual([true, true, true]);
  });

  it('does not abort the signal of an exchange that was answered', async () => {
    const done = outcomes();
    let signal: AbortSignal | undefined;
    const { url } = await start((exchange) => {
      signal = exchange.signal;
      return { status: 200 };
    }, done);
    await fetch(url);
    await done.next();
    expect(signal?.aborted).toBe(false);
  });
});

describe('bodies', () => {
  const echo: NodeHandler = async (exchange) => ({ status: 200, body: Buffer.from(await exchange.bytes(10)) });

  it('are read once and given twice', async () => {
    const { url } = await start(async (exchange) => {
      const both = await Promise.all([exchange.bytes(10), exchange.bytes(10)]);
      return { status: 200, body: Buffer.concat(both) };
    });
    expect(await (await fetch(url, { method: 'POST', body: 'abc' })).text()).toBe('abcabc');
  });

  it.each([
    ['declared', 'Content-Length: 11\r\n\r\nhello world'],
    ['chunked', 'Transfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n'],
    ['declared and never sent', 'Content-Length: 11\r\n\r\n'],
  ])('over the limit are refused: %s', async (_name, rest) => {
    const { raw } = await start(echo);
    const answer = await raw(`POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${rest}`);
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
    expect(answer).toContain('middleware.body_too_large');
  });

  it.each(['Transfer-Encoding: chunked', 'Content-Length: 3000'])('arrive whole in any pieces: %s', async (framing) => {
    const { port } = await start(async (exchange) => ({ status: 200, body: Buffer.from(await exchange.bytes(3000)) }));
    const text = Array.from({ length: 3000 }, (_, i) => String.fromCharCode(97 + (i % 26))).join('');
    const socket = connect(port, '127.0.0.1');
    let received = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      received += chunk;
    });
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${framing}\r\n\r\n`);
    const chunked = framing.endsWith('chunked');
    for (let at = 0, size = 1; at < text.length; at += size, size = (size * 3) % 101) {
      const part = text.slice(at, at + size);
      await new Promise((written) =>
        socket.write(chunked ? `${part.length.toString(16)}\r\n${part}\r\n` : part, written),
      );
    }
    if (chunked) socket.write('0\r\n\r\n');
    await once(socket, 'close');
    expect(received.split('\r\n\r\n')[1]).toBe(text);
  });

  it('that come byte by byte take no more memory than their bytes', async () => {
    let open = 0;
    const { port } = await start(async (exchange) => {
      exchange.req.on('data', () => open++);
      await exchange.bytes(1_000_000);
      return { status: 200 };
    });
    const [sockets, bytes] = [10, 20_000];
    const before = heldBytes();
    for (let i = 0; i < sockets; i++) {
      const socket = connect(port, '127.0.0.1');
      onTestFinished(() => void socket.destroy());
      socket.write(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${'1\r\na\r\n'.repeat(bytes)}`);
    }
    await eventually(() => expect(open).toBe(sockets * bytes));
    // It was 212 bytes for each.
    expect((heldBytes() - before) / (sockets * bytes)).toBeLessThan(20);
  });

  it('of exactly the limit pass', async () => {
    const { url } = await start(echo);
    expect(await (await fetch(url, { method: 'POST', body: '0123456789' })).text()).toBe('0123456789');
  });

  it('that end early end the exchange, not the process', async () => {
    const done = outcomes();
    const { url, port } = await start(echo, done);
    const socket = connect(port, '127.0.0.1');
    socket.end('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab');
    socket.resume();
    expect(await done.next()).toMatchObject({ aborted: true });
    expect((await fetch(url, { method: 'POST', body: 'ok' })).status).toBe(200);
  });

  it('that are asked for after the client left are refused', async () => {
    let failure: unknown;
    const { port } = await start(async (exchange) => {
      await once(exchange.signal, 'abort');
      await exchange.bytes(10).catch((error: unknown) => {
        failure = error;
      });
      return { status: 200 };
    });
    const socket = connect(port, '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab');
    await once(socket, 'connect');
    await new Promise(setImmediate);
    socket.destroy();
    await eventually(() => expect(failure).toMatchObject({ code: 'middleware.request_aborted' }));
  });

  it('that somebody else has read are said to be, instead of waiting for ever', async () => {
    const { url } = await start(async (exchange) => {
      for await (const chunk of exchange.req) void chunk;
      await exchange.bytes(10);
      return { status: 200 };
    });
    expect((await fetch(url, { method: 'POST', body: 'ab' })).status).toBe(500);
  });

  it('that are refused and never end are not waited for', async () => {
    const { port } = await start(echo);
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n');
    const sending = setInterval(() => socket.write('x'), 20);
    onTestFinished(() => clearInterval(sending));
    socket.resume();
    await eventually(() => expect(socket.closed).toBe(true));
  });

  it.each(['Content-Length', 'chunked'])(
    'that are refused while they are sent leave the client its answer: %s',
    async (framing) => {
      const { port } = await start(echo);
      const socket = connect(port, '127.0.0.1');
      const received: Buffer[] = [];
      let failure: Error | undefined;
      socket.on('data', (chunk: Buffer) => received.push(chunk));
      socket.on('error', (error) => {
        failure = error;
      });
      const megabyte = Buffer.alloc(1024 * 1024, 97);
      const chunk = Buffer.concat([Buffer.from('100000\r\n'), megabyte, Buffer.from('\r\n')]);
      socket.write(
        `POST / HTTP/1.1\r\nHost: a\r\n${framing === 'chunked' ? 'Transfer-Encoding: chunked' : 'Content-Length: 20971520'}\r\n\r\n`,
      );
      // A client that writes everything before it reads: it must still find the answer.
      for (let i = 0; i < 20 && !socket.destroyed; i++) {
        await new Promise((written) => socket.write(framing === 'chunked' ? chunk : megabyte, written));
      }
      if (framing === 'chunked') socket.write('0\r\n\r\n');
      if (!socket.destroyed) await once(socket, 'close');
      expect(failure).toBeUndefined();
      expect(Buffer.concat(received).toString()).toMatch(/^HTTP\/1.1 413 [^]*middleware.body_too_large/);
    },
  );
});

describe('what an exchange says', () => {
  const ask = async (target: string, options: NodeHostOptions = {}, headers = ''): Promise<Record<string, string>> => {
    const { raw } = await serve(
      createNodeListener(({ method, path, query, rawUrl, peer, scheme }) => {
        return { status: 200, body: JSON.stringify({ method, path, query, rawUrl, peer, scheme }) };
      }, options),
    );
    const answer = await raw(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${headers}\r\n`);
    return JSON.parse(answer.split('\r\n\r\n')[1] as string) as Record<string, string>;
  };

  it.each([
    ['/a%20b?c=d?e', '/a%20b', 'c=d?e'],
    ['/', '/', ''],
    ['/?', '/', ''],
    ['//host/x', '//host/x', ''],
    ['http://host/a?b', '/a', 'b'],
    ['http://host', '/', ''],
    ['http://host?b', '/', 'b'],
    ['HTTPS://host:8443/a', '/a', ''],
    ['http://[::1]:80/a', '/a', ''],
  ])('target %s', async (target, path, query) => {
    expect(await ask(target)).toMatchObject({ path, query, rawUrl: target, scheme: 'http' });
  });

  it.each(['ftp://h/a', 'ws://h/a', 'http:///a', 'http://user:pass@h/a'])(
    'the target %s is refused, through all hooks',
    async (target) => {
      const { raw } = await start(() => ({ status: 200 }), requestId(), marks);
      const answer = await raw(`GET ${target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
      expect(answer).toMatch(/x-request-id: .+\r\n/);
      expect(answer).toContain('x-mark: 400');
      expect(answer).toContain('application/problem+json');
    },
  );

  it('can still be asked for when the socket was taken from its request', async () => {
    const said: unknown[] = [];
    const { url } = await start(
      ({ req }) => {
        // As undici does with a request whose body it has sent on.
        Object.assign(req, { socket: null });
        return { status: 200 };
      },
      { name: 'later', done: ({ scheme, peer, signal }) => void said.push(scheme, peer, signal.aborted) },
    );
    expect((await fetch(url)).status).toBe(200);
    await eventually(() => expect(said).toEqual(['http', '127.0.0.1', false]));
  });

  it('OPTIONS * is for the handler, GET * is refused', async () => {
    const { raw } = await start(({ path }) => ({ status: 200, body: path }));
    const send = (method: string): Promise<string> =>
      raw(`${method} * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
    expect(await send('OPTIONS')).toMatch(/^HTTP\/1\.1 200 [^]*\*$/);
    expect(await send('GET')).toMatch(/^HTTP\/1\.1 400 /);
  });

  it.each([
    ['ignores X-Forwarded-For by default', [], '203.0.113.9', '127.0.0.1'],
    ['believes a trusted proxy', ['loopback'], '203.0.113.9', '203.0.113.9'],
    [
      'takes the last address that is not a trusted proxy',
      ['loopback', '10.0.0.0/8'],
      '6.6.6.6, 203.0.113.9, 10.1.2.3',
      '203.0.113.9',
    ],
    ['reads an IPv4 address in IPv6 form', ['127.0.0.1'], '::ffff:203.0.113.9', '203.0.113.9'],
    ['takes the port off an address', ['loopback'], '203.0.113.7:4711', '203.0.113.7'],
    ['takes brackets and port off an address', ['loopback'], '[2001:db8::1]:80', '2001:db8::1'],
    ['takes the brackets off an address', ['loopback'], '[2001:db8::1]', '2001:db8::1'],
    [
      'takes them off the addresses of proxies too',
      ['loopback', '10.0.0.0/8', '2001:db8:1::/48'],
      '6.6.6.6, 203.0.113.9:1, 10.1.2.3:8080 ,[2001:db8:1::5]:443',
      '203.0.113.9',
    ],
    ['reads an IPv4 address in IPv6 form with a port', ['127.0.0.1'], '[::ffff:203.0.113.9]:80', '203.0.113.9'],
    ['falls back to the connection when what has a port is no address', ['loopback'], 'client:80', '127.0.0.1'],
    ['falls back to the connection when a proxy wrote no address', ['loopback'], 'unknown', '127.0.0.1'],
  ])('%s', async (_name, trustProxies, sent, peer) => {
    expect(await ask('/', { trustProxies }, `X-Forwarded-For: ${sent}\r\n`)).toMatchObject({ peer });
  });

  it('refuses a trusted proxy that is no address, at set-up', () => {
    expect(() => createNodeListener(() => undefined, { trustProxies: ['the-proxy'] })).toThrow(/trustProxies/);
  });

  it('finds no header in the names of Object.prototype, and survives them as headers', async () => {
    const seen: (string | undefined)[] = [];
    const { raw } = await start((exchange) => {
      for (const name of ['__proto__', 'constructor', 'toString', 'x-none']) seen.push(exchange.header(name));
      return { status: 200 };
    });
    expect(await raw('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n__proto__: x\r\n\r\n')).toMatch(
      /^HTTP\/1.1 200 /,
    );
    expect(seen).toEqual([undefined, undefined, undefined, undefined]);
  });
});

describe('synchronous exchanges', () => {
  it('are answered before the listener returns', async () => {
    const listener = createNodeListener(() => ({ status: 200 }), {
      middleware: [marks, { name: 'b', before: () => undefined }],
    });
    const ended: boolean[] = [];
    const server = await serve((req, res) => {
      listener(req, res);
      ended.push(res.writableEnded);
    });
    await fetch(server.url);
    expect(ended).toEqual([true]);
  });
});

describe('ent:http:request', () => {
  it('says how each request ended', async () => {
    const events: unknown[] = [];
    const errors: unknown[] = [];
    const handlers = {
      start() {},
      end() {},
      asyncStart() {},
      asyncEnd: ({ exchange: _exchange, ...rest }: object & { exchange?: unknown }) => void events.push(rest),
      error: (operation: { error?: unknown }) => void errors.push(operation.error),
    };
    channels.request.subscribe(handlers);
    onTestFinished(() => {
      channels.request.unsubscribe(handlers);
    });
    const failure = new Error('boom');
    const { url } = await start((exchange) => {
      exchange.route = '/x/:id';
      if (exchange.path === '/boom') throw failure;
      return { status: 200, body: 'abc' };
    });
    await (await fetch(`${url}/x/1`)).text();
    await (await fetch(`${url}/boom`)).text();
    await eventually(() => expect(events.length).toBe(2));
    const durationMs = expect.any(Number) as number;
    expect(events[0]).toEqual({
      method: 'GET',
      route: '/x/:id',
      status: 200,
      bytes: 3,
      durationMs,
      aborted: false,
      error: undefined,
    });
    expect(events[1]).toMatchObject({ status: 500, error: failure });
    expect(errors).toEqual([failure]);
  });

  it('carries a store across the handler to the end, and the end has the context of the exchange', async () => {
    const spans = new AsyncLocalStorage<string>();
    // As a tracer does, which binds a store of its own type.
    const begun = channels.request.start as unknown as Channel<string, RequestOperation>;
    begun.bindStore(spans, ({ exchange }) => `span of ${exchange.path}`);
    onTestFinished(() => void begun.unbindStore(spans));
    const seen: unknown[] = [];
    const handlers = {
      start() {},
      end() {},
      asyncStart() {},
      asyncEnd: () => void seen.push(spans.getStore(), currentContext()?.['requestId']),
      error() {},
    };
    channels.request.subscribe(handlers);
    onTestFinished(() => {
      channels.request.unsubscribe(handlers);
    });
    const { url } = await start(
      async () => {
        await new Promise(setImmediate);
        seen.push(spans.getStore());
        return { status: 200 };
      },
      requestId(),
      requestContext(),
    );
    await fetch(`${url}/a`, { headers: { 'x-request-id': 'r-1' } });
    await eventually(() => expect(seen).toEqual(['span of /a', 'span of /a', 'r-1']));
  });
});

it('works as the listener of a server that was made elsewhere', async () => {
  const server = createServer().on(
    'request',
    createNodeListener(() => ({ status: 200, body: 'x' })),
  );
  server.listen(0);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  expect((await fetch(`http://127.0.0.1:${port}`, { headers: { connection: 'close' } })).status).toBe(200);
});
