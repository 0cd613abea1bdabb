// What goes through: heads, bodies and their ends, on a gateway and services in this process.
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, createServer as createTcpServer, type Socket } from 'node:net';
import { createAccessTokenVerifier, createRemoteKeys } from '@ent/auth';
import { describe, expect, it } from 'vitest';
import { everythingTo, gateway, raw, upstream, urlOf } from './gateway.ts';

/** Answers with what it was asked. */
function echo(req: IncomingMessage, res: ServerResponse): void {
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => {
    const body = Buffer.concat(chunks).toString();
    res.setHeader('content-type', 'application/json');
    res.end(JSON.stringify({ method: req.method, url: req.url, headers: req.rawHeaders, body }));
  });
}

interface Echoed {
  method: string;
  url: string;
  headers: string[];
  body: string;
}

const header = (echoed: Echoed, name: string): string | undefined => {
  const at = echoed.headers.findIndex((each, index) => index % 2 === 0 && each.toLowerCase() === name);
  return at === -1 ? undefined : echoed.headers[at + 1];
};

describe('a request', () => {
  it('arrives with its method, target, body and repeated headers', async () => {
    await using one = await upstream(echo);
    await using edge = await gateway(everythingTo(one.url));
    const text = await raw(
      edge.url,
      'PATCH /things/%C3%A9?a=1&a=2 HTTP/1.1\r\nHost: edge\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello',
    );
    const echoed = JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)) as Echoed;
    expect(echoed).toMatchObject({ method: 'PATCH', url: '/things/%C3%A9?a=1&a=2', body: 'hello' });
    expect(echoed.headers.filter((_, at) => echoed.headers[at - 1] === 'X-A')).toEqual(['1', '2']);
  });

  it('loses what is for one connection, and what only the gateway may say', async () => {
    await using one = await upstream(echo);
    await using edge = await gateway(everythingTo(one.url));
    const sent =
      'GET / HTTP/1.1\r\nHost: edge\r\nConnection: close, X-Private\r\nX-Private: 1\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\n' +
      'Proxy-Authorization: Basic YQ==\r\nX-Identity: forged\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil\r\n' +
      'X-Forwarded-Proto: gopher\r\nForwarded: for=6.6.6.6\r\nX-Kept: 1\r\n\r\n';
    const text = await raw(edge.url, sent);
    const echoed = JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)) as Echoed;
    for (const name of ['x-private', 'te', 'proxy-authorization', 'x-identity', 'forwarded'])
      expect(header(echoed, name), name).toBeUndefined();
    expect(header(echoed, 'x-forwarded-for')).toBe('127.0.0.1');
    expect(header(echoed, 'x-forwarded-host')).toBe('edge');
    expect(header(echoed, 'x-forwarded-proto')).toBe('http');
    expect(header(echoed, 'via')).toBe('1.1 gateway');
    expect(header(echoed, 'x-kept')).toBe('1');
    expect(header(echoed, 'host')).toBe(new URL(one.url).host);
  });

  it('is refused where two readers could take it for two', async () => {
    await using one = await upstream(echo);
    await using edge = await gateway(everythingTo(one.url));
    const framings = [
      'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n',
      'Content-Length: 5\r\nContent-Length: 6\r\n',
      'Transfer-Encoding: chunked, identity\r\n',
      'Transfer-Encoding : chunked\r\n',
      'Content-Length: +5\r\n',
    ];
    for (const framing of framings) {
      const text = await raw(
        edge.url,
        `POST / HTTP/1.1\r\nHost: a\r\n${framing}\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n`,
      );
      expect(text.slice(0, 12), framing).toBe('HTTP/1.1 400');
      expect(text, framing).not.toContain('/smuggled"');
    }
    for (const path of ['/a/../b', '/a/%2e%2E/b', '/a%2fb', '/a\\b', '//a', '/a/.']) {
      const text = await raw(edge.url, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      expect(text, path).toContain('gateway.ambiguous_path');
    }
  });

  it('may be of any size below the limit of its route, in chunks too', async () => {
    await using one = await upstream((req, res) => {
      let bytes = 0;
      req.on('data', (chunk: Buffer) => (bytes += chunk.length)).on('end', () => res.end(String(bytes)));
    });
    const table = everythingTo(one.url);
    const routes = [{ ...table.routes[0], maxBodyBytes: 8 * 1024 * 1024 }] as typeof table.routes;
    await using edge = await gateway({ ...table, routes });
    const send = (body: Uint8Array | ReadableStream): Promise<Response> =>
      fetch(edge.url, { method: 'POST', body, duplex: 'half' });
    const chunks = (count: number): ReadableStream =>
      ReadableStream.from(
        (async function* () {
          for (let i = 0; i < count; i++) yield new Uint8Array(64 * 1024);
        })(),
      );
    expect(await (await send(new Uint8Array(8 * 1024 * 1024))).text()).toBe(String(8 * 1024 * 1024));
    expect(await (await send(chunks(128))).text()).toBe(String(8 * 1024 * 1024));
    expect((await send(new Uint8Array(8 * 1024 * 1024 + 1))).status).toBe(413);
    const refused = await send(chunks(129)).then(
      (response) => response.status,
      () => 'cut',
    );
    expect([413, 'cut']).toContain(refused);
  });

  it('keeps its body apart from those of the next ones, which came in one piece with it', async () => {
    await using one = await upstream(echo);
    await using edge = await gateway(everythingTo(one.url));
    const post = (body: string, more = ''): string =>
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`;
    const text = await raw(
      edge.url,
      post('one') + post('') + post('three') + post('\x00\r\n\r\n', 'Connection: close\r\n'),
    );
    const bodies = [...text.matchAll(/"body":"([^"]*)"/g)].map(([, body]) => body);
    expect(bodies).toEqual(['one', '', 'three', String.raw`\u0000\r\n\r\n`]);
  });

  it('is sent on as its body comes', async () => {
    const begun = Promise.withResolvers<string>();
    await using one = await upstream((req, res) => {
      req.once('data', (chunk: Buffer) => begun.resolve(chunk.toString()));
      echo(req, res);
    });
    await using edge = await gateway(everythingTo(one.url));
    const { hostname, port } = new URL(edge.url);
    const socket = connect(Number(port), hostname);
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhe');
    expect(await begun.promise).toBe('he');
    const answer = socket.setEncoding('utf8').toArray();
    socket.write('llo');
    expect((await answer).join('')).toContain('"body":"hello"');
  });

  it('is asked for its body by the gateway, once it may come', async () => {
    await using one = await upstream(echo);
    await using edge = await gateway(everythingTo(one.url));
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n';
    const text = await raw(edge.url, `${head}ok`);
    expect(text).toContain('"body":"ok"');
    expect(text.toLowerCase()).not.toContain('expect');
  });
});

describe('an answer', () => {
  it('comes with its status, its headers as many as they are, and its trailers', async () => {
    await using one = await upstream((_, res) => {
      res.writeHead(418, [
        'Set-Cookie',
        'a=1',
        'Set-Cookie',
        'b=2',
        'Connection',
        'close, X-Hop',
        'X-Hop',
        '1',
        'Trailer',
        'X-Sum',
      ]);
      res.write('tea');
      res.addTrailers({ 'x-sum': '42' });
      res.end();
    });
    await using edge = await gateway(everythingTo(one.url));
    const text = await raw(edge.url, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 418 /);
    expect(text.match(/set-cookie: \w=\d/gi)).toEqual([expect.stringMatching(/a=1/), expect.stringMatching(/b=2/)]);
    expect(text.toLowerCase()).not.toContain('x-hop');
    expect(text).toMatch(/0\r\nx-sum: 42\r\n\r\n$/i);
  });

  it('without a body has none: HEAD, 204, 304', async () => {
    await using one = await upstream((req, res) => {
      res
        .writeHead(Number(req.url?.slice(1)), { 'x-a': '1', ...(req.method === 'HEAD' && { 'content-length': '5' }) })
        .end();
    });
    await using edge = await gateway(everythingTo(one.url));
    for (const [method, status] of [
      ['HEAD', 200],
      ['GET', 204],
      ['GET', 304],
    ] as const) {
      const text = await raw(edge.url, `${method} /${status} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      expect(text, method).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(text, method).toMatch(/\r\n\r\n$/);
      if (method === 'HEAD') expect(text).toMatch(/content-length: 5/i);
    }
  });

  it('has early hints before it', async () => {
    await using one = await upstream((_, res) => {
      res.writeEarlyHints({ link: '</a.css>; rel=preload' });
      res.end('ok');
    });
    await using edge = await gateway(everythingTo(one.url));
    const text = await raw(edge.url, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>; rel=preload\r\n\r\nHTTP\/1\.1 200 /);
  });

  it('is handed on as it comes, and read no faster than the client reads', async () => {
    let sent = 0;
    let stopped = false;
    await using one = await upstream((_, res) => {
      const chunk = Buffer.alloc(64 * 1024);
      const more = (): void => {
        if (stopped) return void res.end();
        sent += chunk.length;
        if (res.write(chunk)) setImmediate(more);
        else res.once('drain', more);
      };
      res.write('first');
      more();
    });
    await using edge = await gateway(everythingTo(one.url));
    const response = await fetch(edge.url);
    const reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    const { value } = await reader.read();
    expect(
      Buffer.from(value as Uint8Array)
        .toString()
        .slice(0, 5),
    ).toBe('first');
    // Nobody reads: it comes to a stop somewhere below what the sockets and buffers hold.
    let before = -1;
    await expect
      .poll(
        () => {
          const same = before === sent;
          before = sent;
          return same;
        },
        { interval: 300 },
      )
      .toBe(true);
    expect(sent).toBeLessThan(64 * 1024 * 1024);
    stopped = true;
    for (;;) if ((await reader.read()).done) break;
  });

  it('that is cut is cut for the client too, and not completed', async () => {
    await using one = await upstream((req, res) => {
      res.writeHead(200, req.url === '/length' ? { 'content-length': '10' } : {});
      res.write('half', () => res.destroy());
    });
    await using edge = await gateway(everythingTo(one.url));
    for (const path of ['/length', '/chunks']) {
      const text = await raw(edge.url, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
      expect(text).toContain('half');
      expect(text).not.toMatch(/0\r\n\r\n$/);
    }
  });

  it('that is no HTTP is a 502', async () => {
    const sockets = new Set<Socket>();
    const server = createTcpServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.once('data', () => socket.end('NOT HTTP\r\n\r\n'));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    await using edge = await gateway(everythingTo(urlOf(server)));
    const response = await fetch(edge.url);
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ code: 'gateway.bad_gateway' });
    server.close();
  });

  it('of a service whose client goes away is not asked for any longer', async () => {
    let closed = 0;
    await using one = await upstream((_, res) => {
      res.on('close', () => closed++);
      res.write('x');
    });
    await using edge = await gateway(everythingTo(one.url));
    const abort = new AbortController();
    const response = await fetch(edge.url, { signal: abort.signal });
    expect(response.status).toBe(200);
    abort.abort();
    await expect.poll(() => closed).toBe(1);
  });
});

describe('who calls', () => {
  it('is checked here and told to the service, signed for it alone', async () => {
    await using one = await upstream(echo);
    const table = everythingTo(one.url);
    await using edge = await gateway({ ...table, routes: [{ prefix: '/', service: 'one', auth: 'token' }] });
    expect((await fetch(edge.url + '/a')).status).toBe(401);
    expect((await fetch(edge.url + '/a', { headers: { authorization: 'Bearer abc' } })).status).toBe(401);
    const authorization = `Bearer ${await edge.token('ada')}`;
    const echoed = (await (await fetch(`${edge.url}/a`, { headers: { authorization } })).json()) as Echoed;
    const keys = createRemoteKeys({ jwksUri: `${edge.url}/.well-known/jwks.json` });
    void keys;
    const identity = header(echoed, 'x-identity') as string;
    const verifierFor = (audience: string) => createAccessTokenVerifier({ issuer: 'gateway', audience, keys });
    expect(await verifierFor('one').verify(identity)).toMatchObject({ subject: 'ada', roles: ['member'] });
    await expect(verifierFor('two').verify(identity)).rejects.toMatchObject({ code: 'auth.token_invalid' });
  });
});
