import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { requestId } from '@ent/middleware';
import { createNodeListener } from '@ent/middleware/node';
import { randomOf } from '@ent/testkit';
import { itInDepth } from '@ent/testkit/vitest';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import { eventually, listen, type Served, stop } from '../../middleware/tests/support/serve.ts';
import { bearer, createListener, createServer, route, type ServerOptions } from '../src/index.ts';

const handled = vi.fn();
const routes = [
  route({
    method: 'GET',
    path: '/slow',
    responses: { 200: { contentType: 'text/plain' } },
    handler: async () => {
      await new Promise(setImmediate);
      await new Promise(setImmediate);
      return 'slow answer';
    },
  }),
  route({
    method: 'POST',
    path: '/echo',
    body: z.object({ a: z.string() }),
    responses: { 200: z.object({ a: z.string() }) },
    handler: ({ body }) => (handled(), body),
  }),
];

async function start(options?: ServerOptions): Promise<Served> {
  const served = await listen(createServer(createListener(routes, { middleware: [requestId()] }), options));
  onTestFinished(() => stop(served.server));
  return served;
}

/** The statuses of the answers in what a connection received. */
const statuses = (received: string): number[] =>
  [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));

const alive = async ({ url }: Served): Promise<void> => {
  expect((await fetch(`${url}/slow`)).status).toBe(200);
};

const post = (head: string, body = ''): string =>
  `POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${head}\r\n\r\n${body}`;
const smuggled = 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n';

describe('what is not HTTP', () => {
  it.each<[string, string | Buffer, number]>([
    ['noise', 'hello\r\n\r\n', 400],
    ['TLS', Buffer.from('16030100a5010000a10303', 'hex'), 400],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['no Host', 'GET /slow HTTP/1.1\r\n\r\n', 400],
    ['two Hosts', 'GET /slow HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
    ['an unknown method', 'FOO /slow HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['a space in the target', 'GET /sl ow HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['NUL in a header', 'GET /slow HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n', 400],
    ['a space before the colon', 'GET /slow HTTP/1.1\r\nHost : a\r\n\r\n', 400],
    ['a bare CR in a header', 'GET /slow HTTP/1.1\r\nHost: a\r\nX: a\rY: b\r\n\r\n', 400],
    ['length and chunks', post('Content-Length: 6\r\nTransfer-Encoding: chunked', `0\r\n\r\n${smuggled}`), 400],
    ['two lengths', post('Content-Length: 2\r\nContent-Length: 3', `{}${smuggled}`), 400],
    ['a signed length', post('Content-Length: +2', `{}${smuggled}`), 400],
    ['a length list', post('Content-Length: 2, 2', `{}${smuggled}`), 400],
    ['a hexadecimal length', post('Content-Length: 0x2', `{}${smuggled}`), 400],
    ['an unknown transfer coding', post('Transfer-Encoding: xchunked', `0\r\n\r\n${smuggled}`), 400],
    ['chunked before another coding', post('Transfer-Encoding: chunked, identity', `0\r\n\r\n${smuggled}`), 400],
    ['a bad chunk size', post('Transfer-Encoding: chunked', `zz\r\n{}\r\n0\r\n\r\n${smuggled}`), 400],
    ['a chunk longer than its size', post('Transfer-Encoding: chunked', `2\r\n{}}}\r\n0\r\n\r\n${smuggled}`), 400],
    ['a chunk ended by a bare LF', post('Transfer-Encoding: chunked', `2\n{}\n0\n\n${smuggled}`), 400],
    [
      'a bomb of chunk extensions',
      post('Transfer-Encoding: chunked', `2;${'a'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`),
      413,
    ],
    [
      'a head of a megabyte',
      `GET /slow HTTP/1.1\r\nHost: a\r\n${`X-Bomb: ${'b'.repeat(1000)}\r\n`.repeat(1000)}\r\n`,
      431,
    ],
    ['a target of a megabyte', `GET /${'a'.repeat(1_000_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 431],
  ])('%s: one problem, and the connection closed', async (_name, bytes, status) => {
    handled.mockClear();
    const served = await start();
    const received = await served.raw(bytes);
    expect(statuses(received)).toEqual([status]);
    expect(received).toMatch(/connection: close/i);
    expect(received).toMatch(/x-request-id: [0-9a-f-]{36}/i);
    expect(received).toContain(`"status":${status}`);
    expect(handled).not.toHaveBeenCalled();
    await alive(served);
  });

  it('does not spoil the answer to a good request before it', async () => {
    const served = await start();
    const received = await served.raw('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n\0\0\0');
    expect(statuses(received)).toEqual([200]);
    expect(received).toMatch(/slow answer$/);
    await alive(served);
  });

  it('ends the wait of a handler for a body that turned out to be broken', async () => {
    const failed = vi.fn();
    const served = await listen(
      createServer(
        createNodeListener(async (exchange) => {
          await exchange.bytes(1000).catch(failed);
          return { status: 200 };
        }),
      ),
    );
    onTestFinished(() => stop(served.server));
    expect(statuses(await served.raw(post('Transfer-Encoding: chunked', '2\r\n{}\r\nzz\r\n')))).toEqual([400]);
    await eventually(() => expect(failed).toHaveBeenCalledOnce());
  });

  it('survives a handler that goes on writing after its request turned out to be broken', async () => {
    const late = vi.fn();
    const served = await listen(createServer(() => {}));
    served.server.on('request', (_req, res) => {
      served.server.once('clientError', () => {
        res.write('more');
        res.end();
        late();
      });
    });
    onTestFinished(() => stop(served.server));
    expect(statuses(await served.raw(post('Transfer-Encoding: chunked', 'zz\r\n')))).toEqual([400]);
    expect(late).toHaveBeenCalledOnce();
  });

  it('is thrown away for a while, so that a client that is still sending gets its answer', async () => {
    const { port } = await start();
    const socket = connect(port, '127.0.0.1');
    let received = '';
    let failure: unknown;
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      received += chunk;
    });
    socket.on('error', (error) => {
      failure = error;
    });
    const line = `X-Bomb: ${'b'.repeat(8000)}\r\n`;
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n');
    for (let i = 0; i < 100 && !socket.writableEnded; i++) {
      await new Promise((written) => socket.write(line, written));
    }
    await eventually(() => expect(socket.closed).toBe(true));
    expect([failure, statuses(received)]).toEqual([undefined, [431]]);
  });

  it('is not thrown away for ever', async () => {
    const { port } = await start();
    // Keeps its side open, and talks on.
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => {});
    socket.resume();
    socket.write('nonsense\r\n\r\n');
    const talking = setInterval(() => socket.write('x'), 20);
    onTestFinished(() => clearInterval(talking));
    await eventually(() => expect(socket.closed).toBe(true));
  });

  itInDepth(
    'in any form does not stop the server',
    { full: 20_000, ci: 300, of: 'requests' },
    async ({ count, seed }) => {
      const served = await start();
      const random = randomOf(seed);
      const next = (below: number): number => Math.floor(random() * below);
      const valid = Buffer.from(post('Content-Length: 9\r\n__proto__: x\r\nExpect: 100-continue', '{"a":"b"}'));
      for (let round = 0; round < count; round++) {
        const bytes = Buffer.from(valid);
        for (let i = 0; i <= next(6); i++) bytes[next(bytes.length)] = next(256);
        await served.raw(bytes.subarray(0, next(2) === 0 ? bytes.length : next(bytes.length)), { end: true });
      }
      await alive(served);
    },
  );
});

describe('clients that do not go on', () => {
  it.each([
    ['nothing at all', ''],
    ['half a head', 'GET /slow HTTP/1.1\r\nHost:'],
  ])('are told 408 and closed: %s', async (_name, bytes) => {
    const served = await start({ headersTimeout: '200ms' });
    const received = await served.raw(bytes);
    expect(statuses(received)).toEqual([408]);
  });

  it('are closed in the middle of a body', async () => {
    const served = await start({ requestTimeout: '300ms' });
    const received = await served.raw(post('Content-Length: 100', '{"a":'));
    expect(statuses(received)).toEqual([408]);
    await alive(served);
  });

  it('are closed when they stop sending but keep listening', async () => {
    const served = await start();
    expect(statuses(await served.raw(post('Content-Length: 100', '{"a":'), { end: true }))).toEqual([400]);
    await alive(served);
  });

  it('may leave in the middle of a body, many at once', async () => {
    const served = await start();
    await Promise.all(
      Array.from({ length: 50 }, async () => {
        const socket = connect(served.port, '127.0.0.1');
        socket.on('error', () => {});
        await once(socket, 'connect');
        await new Promise((written) => socket.write(post('Content-Length: 100', '{"a":'), written));
        socket.resetAndDestroy();
      }),
    );
    await alive(served);
    await eventually(async () => {
      const open = await new Promise<number>((resolve) =>
        served.server.getConnections((_error, count) => resolve(count)),
      );
      expect(open).toBeLessThanOrEqual(1);
    });
  });
});

describe('what a server answers by itself', () => {
  const line = (text: string): string => `${text}\r\nHost: a\r\n\r\n`;

  it.each<[string, string, number, string]>([
    [
      'an expectation that nobody knows',
      'GET /slow HTTP/1.1\r\nExpect: tea\r\nHost: a\r\n\r\n',
      417,
      'Expectation Failed',
    ],
    ['CONNECT', line('CONNECT a:443 HTTP/1.1'), 501, 'Not Implemented'],
    [
      'a head of 17 KiB',
      `GET /slow HTTP/1.1\r\nHost: a\r\nX: ${'b'.repeat(17_000)}\r\n\r\n`,
      431,
      'Request Header Fields Too Large',
    ],
    ['no Host', 'GET /slow HTTP/1.1\r\n\r\n', 400, 'Bad Request'],
    ['noise', 'noise\r\n\r\n', 400, 'Bad Request'],
  ])(
    'is a problem with an id, the title of its status and security headers: %s',
    async (_name, bytes, status, title) => {
      const served = await start();
      const received = await served.raw(bytes);
      expect(statuses(received)).toEqual([status]);
      const [head, body] = received.split('\r\n\r\n') as [string, string];
      expect(JSON.parse(body)).toMatchObject({ status, title });
      for (const header of [
        /^content-type: application\/problem\+json/im,
        /^x-request-id: [\da-f-]{36}/im,
        /^x-content-type-options: nosniff/im,
        /^content-security-policy: default-src 'none'/im,
        /^x-frame-options: deny/im,
        /^cache-control: no-store/im,
        /^connection: close/im,
      ])
        expect(head).toMatch(header);
      expect(head).not.toMatch(/strict-transport/i);
      await alive(served);
    },
  );

  it('comes after the answers to what was before a CONNECT', async () => {
    const served = await start();
    const received = await served.raw(line('GET /slow HTTP/1.1') + line('CONNECT a:443 HTTP/1.1'));
    expect(statuses(received)).toEqual([200, 501]);
  });

  it('takes more spaces before the target for one, as RFC 9112 lets it', async () => {
    const served = await start();
    expect(statuses(await served.raw(`GET  /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`))).toEqual([200]);
  });
});

describe('Expect: 100-continue', () => {
  const expecting = (length: number, more = ''): string =>
    `POST /guarded HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n${more}\r\n`;
  const guarded = route({
    method: 'POST',
    path: '/guarded',
    auth: bearer((token) => token),
    body: z.object({ a: z.string() }),
    responses: { 204: {} },
    handler: () => undefined,
  });
  const begin = async (): Promise<Served> => {
    const served = await listen(createServer(createListener([guarded], { maxBodyBytes: 100 })));
    onTestFinished(() => stop(served.server));
    return served;
  };
  /** What comes back while the body is not sent; 408s and the like come later. */
  const first = async (served: Served, bytes: string): Promise<string> => {
    const socket = connect(served.port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.write(bytes);
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    return chunk.toString('latin1');
  };

  it('is answered before the body: by 401 without a token, by 413 to a length over the limit', async () => {
    const served = await begin();
    expect(await first(served, expecting(10))).toMatch(/^HTTP\/1\.1 401 /);
    expect(await first(served, expecting(101, 'Authorization: Bearer a\r\n'))).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('is answered by 100 when the body is wanted', async () => {
    const served = await begin();
    expect(await first(served, expecting(10, 'Authorization: Bearer a\r\n'))).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  });

  it('works for a listener that knows nothing of it', async () => {
    const served = await listen(
      createServer((req, res) => void req.on('data', () => {}).on('end', () => res.end('x'))),
    );
    onTestFinished(() => stop(served.server));
    expect(await first(served, expecting(10))).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  });
});

describe('pipelines whose answers nobody reads', () => {
  it('leave other callers their turn', async () => {
    const begun = vi.fn();
    const work = route({
      method: 'GET',
      path: '/',
      responses: { 200: { contentType: 'text/plain' } },
      handler: ({ exchange }) => {
        begun(exchange.query);
        const end = performance.now() + 0.2;
        while (performance.now() < end);
        return 'x'.repeat(10);
      },
    });
    const served = await listen(createServer(createListener([work])));
    onTestFinished(() => stop(served.server));
    const flood = 'GET /?flood HTTP/1.1\r\nHost: a\r\n\r\n';
    for (let i = 0; i < 50; i++) {
      const socket = connect(served.port, '127.0.0.1').on('error', () => {});
      onTestFinished(() => void socket.destroy());
      socket.pause().write(flood.repeat(1000));
    }
    await eventually(() => expect(begun.mock.calls.length).toBeGreaterThan(200));
    const before = begun.mock.calls.length;
    expect(await (await fetch(`${served.url}/?other`)).text()).toBe('x'.repeat(10));
    // Of fifty thousand: some rounds of sixteen for each connection.
    expect(begun.mock.calls.length - before).toBeLessThan(10_000);
  });

  it('are answered whole and in order when they are read', async () => {
    const served = await start();
    const requests = Array.from({ length: 500 }, (_, i) =>
      post(`Content-Length: ${8 + String(i).length}`, `{"a":"${i}"}`),
    );
    requests.push('GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const received = await served.raw(requests.join(''));
    expect(statuses(received)).toHaveLength(501);
    expect([...received.matchAll(/\{"a":"(\d+)"\}/g)].map(([, i]) => Number(i))).toEqual(
      Array.from({ length: 500 }, (_, i) => i),
    );
  });
});

describe('ordinary clients', () => {
  it('send a head that is as strange as it may be', async () => {
    const served = await start();
    const received = await served.raw(
      'GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n__proto__: x\r\nconstructor: y\r\nhasOwnProperty: z\r\nX-Empty:\r\nX-Latin: \xe9\r\n\r\n',
    );
    expect(statuses(received)).toEqual([200]);
  });

  it('wait for 100 Continue before they send a body', async () => {
    const { port } = await start();
    const outgoing = request({
      port,
      method: 'POST',
      path: '/echo',
      headers: { 'content-type': 'application/json', 'content-length': 9, expect: '100-continue' },
    });
    outgoing.flushHeaders();
    await once(outgoing, 'continue');
    outgoing.end('{"a":"b"}');
    const [incoming] = (await once(outgoing, 'response')) as [{ statusCode: number; resume(): void }];
    incoming.resume();
    expect(incoming.statusCode).toBe(200);
  });

  it('are asked to leave after a thousand requests', async () => {
    const { port } = await start();
    const socket = connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    let received = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      received += chunk;
    });
    socket.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(1000));
    await eventually(() => expect(statuses(received)).toHaveLength(1000));
    expect(new Set(statuses(received))).toEqual(new Set([200]));
    expect(received.match(/connection: close/gi)).toHaveLength(1);
  });
});

it.each([{ headersTimeout: 0 }, { requestTimeout: '1 year' }, { keepAliveTimeout: -1 }])('refuses %j', (options) => {
  expect(() => createServer(() => {}, options)).toThrow(
    expect.objectContaining({ code: 'http.invalid_options' }) as Error,
  );
});
