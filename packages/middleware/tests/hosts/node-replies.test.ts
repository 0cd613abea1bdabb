import { once } from 'node:events';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import type { Middleware, Outcome, Reply } from '@ent/middleware';
import { createNodeListener, type NodeExchange } from '@ent/middleware/node';
import { describe, expect, it } from 'vitest';
import { failsToClose, ODD_REPLIES } from '../support/odd-replies.ts';
import { eventually, type Served, serve } from '../support/serve.ts';

const outcomes: Outcome[] = [];
const watch: Middleware = { name: 'watch', done: (_exchange, outcome) => void outcomes.push(outcome) };

/** A server whose handler gives whatever the test likes. */
const start = (handler: (exchange: NodeExchange) => unknown): Promise<Served> => {
  outcomes.length = 0;
  return serve(createNodeListener(handler as (exchange: NodeExchange) => Reply, { middleware: [watch] }));
};

describe('whatever a handler gives', () => {
  it.each(ODD_REPLIES)('%s: 500, and the process lives', async (_name, make) => {
    for (const handler of [make, async () => make()]) {
      const { url } = await start((exchange) => (exchange.path === '/' ? handler() : { status: 200 }));
      const answer = await fetch(url);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([500, 'application/problem+json']);
      expect(await answer.json()).toMatchObject({ status: 500 });
      expect((await fetch(`${url}/alive`)).status).toBe(200);
    }
    // A reply hook looks at it too, and may not fall over it.
    const seen: Middleware = { name: 'seen', reply: () => undefined };
    const served = await serve(createNodeListener(make as () => Reply, { middleware: [seen] }));
    expect((await fetch(served.url)).status).toBe(500);
  });

  it('a stream that cannot even be closed, for a HEAD: answered, and the process lives', async () => {
    const { url } = await start(() => ({ status: 200, body: failsToClose() }));
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200);
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200);
  });
});

async function* failing(before: readonly string[]): AsyncGenerator<string> {
  yield* before;
  throw new Error('disk gone');
}

describe('a streamed body', () => {
  it.each<[string, () => AsyncIterable<string>]>([
    ['a generator', () => failing([])],
    ['a stream of node', () => Readable.from(failing([]))],
    [
      'a web stream',
      () =>
        new ReadableStream<string>({
          start(controller) {
            controller.error(new Error('disk gone'));
          },
        }),
    ],
  ])('that fails before its first byte gives a 500, and the connection lives on: %s', async (_name, make) => {
    const { port } = await start((exchange) =>
      exchange.path === '/'
        ? { status: 200, headers: { 'x-secret': '1' }, body: make() }
        : { status: 200, body: 'next' },
    );
    const socket = connect(port, '127.0.0.1');
    let received = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      received += chunk;
    });
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    await once(socket, 'close');
    expect(received).toMatch(/^HTTP\/1\.1 500 [^]*"status":500[^]*HTTP\/1\.1 200 [^]*next$/);
    expect(received).not.toContain('x-secret');
    expect(received).not.toContain('disk');
    expect(outcomes[0]).toMatchObject({ status: 500, aborted: false, error: { message: 'disk gone' } });
  });

  it('that is empty is an answer without a body', async () => {
    const { url } = await start(() => ({ status: 200, body: Readable.from([]) }));
    const answer = await fetch(url);
    expect([answer.status, await answer.text()]).toEqual([200, '']);
  });

  it('leaves with its first bytes, not with its last', async () => {
    let go = (): void => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const slow = async function* (): AsyncGenerator<string> {
      yield ':\n\n';
      await gate;
      yield 'data: 1\n\n';
    };
    const { url } = await start(() => ({ status: 200, body: slow() }));
    const answer = await fetch(url);
    expect(answer.status).toBe(200);
    go();
    expect(await answer.text()).toBe(':\n\ndata: 1\n\n');
  });

  it.each([
    ['more', '3', ['ab', 'cd']],
    ['less', '6', ['ab', 'cd']],
  ])(
    'with %s bytes than it declared cuts the connection, so that no answer begins inside it',
    async (_n, length, parts) => {
      const { raw } = await start((exchange) =>
        exchange.path === '/'
          ? { status: 200, headers: { 'Content-Length': length }, body: Readable.from(parts) }
          : { status: 200, body: 'next' },
      );
      const received = await raw('GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n');
      expect(received.match(/HTTP\/1\.1/g)).toHaveLength(1);
      const body = received.split('\r\n\r\n')[1] as string;
      expect(body.length).toBeLessThanOrEqual(Number(length));
      expect('abcd'.startsWith(body)).toBe(true);
      await eventually(() =>
        expect(outcomes[0]).toMatchObject({ aborted: true, error: { code: 'middleware.invalid_reply' } }),
      );
    },
  );

  it.each([
    ['that is more at once than it declared', { 'content-length': '3' }],
    ['with a length that is none', { 'content-length': '4 bytes' }],
  ])('%s is a 500', async (_name, headers) => {
    const { url } = await start(() => ({ status: 200, headers, body: Readable.from(['abcd']) }));
    expect((await fetch(url)).status).toBe(500);
  });

  it('of the length that it declared is sent so', async () => {
    const { url } = await start(() => ({
      status: 200,
      headers: { 'content-length': '4' },
      body: Readable.from(['ab', 'cd']),
    }));
    const answer = await fetch(url);
    expect([answer.headers.get('content-length'), await answer.text()]).toEqual(['4', 'abcd']);
  });

  it('closes a source that still waits for its first byte when the client leaves', async () => {
    const source = new Readable({ read() {} });
    const { port } = await start(() => ({ status: 200, body: source }));
    const socket = connect(port, '127.0.0.1');
    await new Promise((written) => socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n', written));
    await eventually(() => expect(source.listenerCount('error')).toBeGreaterThan(0));
    socket.destroy();
    await eventually(() => expect(source.destroyed).toBe(true));
  });
});

it.each<[string, Reply]>([
  ['whole', { status: 200, headers: { 'Transfer-Encoding': 'chunked', 'content-length': '9' }, body: 'abcd' }],
  ['streamed', { status: 200, headers: { 'transfer-encoding': 'gzip, chunked' }, body: Readable.from(['abcd']) }],
])('a reply cannot say how its body is framed: %s', async (_name, reply) => {
  const { url, raw } = await start((exchange) => (exchange.path === '/' ? reply : { status: 200, body: 'the next' }));
  const received = await raw(
    'GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  );
  expect(received).toMatch(/abcd[^]*HTTP\/1\.1 200 [^]*the next$/);
  expect(received.match(/transfer-encoding|content-length: 4/gi)).toHaveLength(1);
  expect((await fetch(`${url}/next`)).status).toBe(200);
});
