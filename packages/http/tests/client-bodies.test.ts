import { createServer as createTcpServer } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { eventually, listen, type Served, stop } from '../../middleware/tests/support/serve.ts';
import { type Client, createClient } from '../src/client.ts';
import { createListener, createServer, fileAnswer, formBody, reply, route, streamBody } from '../src/index.ts';
import { multipartBody, multipartParts } from '../src/multipart.ts';

const Form = z.object({
  email: z.string(),
  age: z.int().optional(),
  at: z.date().optional(),
  topic: z.array(z.string()).default([]),
});
const Upload = z.object({
  title: z.string(),
  n: z.int().optional(),
  image: z.file().max(100_000_000),
  more: z.array(z.file()).optional(),
});
const Said = z.object({ type: z.string().optional(), bytes: z.int(), text: z.string() });
const said = async (type: string | undefined, body: AsyncIterable<Uint8Array> | undefined) => {
  const bytes = body === undefined ? Buffer.alloc(0) : await buffer(Readable.from(body));
  return { type, bytes: bytes.length, text: bytes.subarray(0, 20).toString() };
};
const described = z.array(z.string());
const describe1 = async (file: File): Promise<string> => `${file.name} ${file.type} ${await file.text()}`;

/** Parts of what the server does, for the tests to look at. */
const state = { given: 0, closed: 0, gate: Promise.withResolvers<void>() };

const routes = [
  route({
    method: 'POST',
    path: '/form',
    body: formBody(Form),
    responses: { 200: z.unknown() },
    handler: ({ body }) => body,
  }),
  route({
    method: 'POST',
    path: '/maybe',
    body: formBody(z.object({ a: z.string().optional() }).optional()),
    responses: { 200: z.unknown() },
    handler: ({ body }) => body ?? 'nothing',
  }),
  route({
    method: 'PUT',
    path: '/upload',
    body: multipartBody(Upload),
    responses: { 200: described },
    handler: async ({ body }) => [
      `${body.title} ${body.n}`,
      ...(await Promise.all([body.image, ...(body.more ?? [])].map(describe1))),
    ],
  }),
  route({
    method: 'POST',
    path: '/parts',
    body: multipartParts(Upload),
    maxBodyBytes: 1e9,
    responses: { 200: described },
    handler: async ({ body }) => {
      const found: string[] = [];
      for await (const part of body) {
        if (part.kind === 'field') found.push(`${part.name}=${part.value}`);
        else found.push(`${part.filename} ${part.mimeType} ${(await buffer(Readable.from(part.body))).length}`);
      }
      return found;
    },
  }),
  route({
    method: 'PUT',
    path: '/bytes',
    body: streamBody('application/octet-stream', 'text/*'),
    maxBodyBytes: 1e9,
    responses: { 200: Said },
    handler: ({ body, exchange }) => said(exchange.header('content-type'), body),
  }),
  route({
    method: 'PUT',
    path: '/slow',
    body: streamBody('text/plain'),
    maxBodyBytes: 1e9,
    responses: { 200: Said },
    handler: async ({ body }) => {
      await state.gate.promise;
      return said('text/plain', body);
    },
  }),
  route({
    method: 'PUT',
    path: '/small',
    body: streamBody('text/plain'),
    maxBodyBytes: 10,
    responses: { 200: Said },
    handler: ({ body }) => said('text/plain', body),
  }),
  route({
    method: 'GET',
    path: '/endless',
    responses: { 200: { contentType: 'application/octet-stream' } },
    async *handler() {
      try {
        for (;;) {
          state.given++;
          yield Buffer.alloc(65_536, 'x');
        }
      } finally {
        state.closed++;
      }
    },
  }),
  route({
    method: 'GET',
    path: '/json',
    responses: { 200: z.object({ a: z.int() }), 204: {} },
    handler: () => reply(200, { a: 1 }),
  }),
  route({ method: 'GET', path: '/file', responses: { 200: fileAnswer() }, handler: () => undefined }),
  route({
    method: 'GET',
    path: '/cookies',
    cookies: z.object({ theme: z.string(), n: z.int().optional() }),
    responses: { 200: z.unknown() },
    handler: ({ cookies, exchange }) => ({ ...cookies, header: exchange.header('cookie') }),
  }),
];

let served: Served;
let client: Client<typeof routes>;
beforeAll(async () => {
  served = await listen(createServer(createListener(routes)));
  client = createClient<typeof routes>(served.url);
});
afterAll(() => stop(served.server));

async function* chunks(count: number, size: number, seen: { given: number; closed: number } = { given: 0, closed: 0 }) {
  try {
    for (; seen.given < count; seen.given++) yield new Uint8Array(size).fill(120);
  } finally {
    seen.closed++;
  }
}

describe('a form', () => {
  it('goes as the route reads it', async () => {
    const at = new Date('2024-02-29T12:00:00Z');
    const form = { email: 'a b+ü&=@example.com', age: -5, at, topic: ['only'] };
    expect((await client.post('/form', { form })).body).toEqual({ ...form, at: at.toISOString() });
    expect((await client.post('/form', { form: { email: '', topic: ['1', '2'] } })).body).toMatchObject({
      topic: ['1', '2'],
    });
  });

  it('may be empty, or missing where the route says so', async () => {
    expect((await client.post('/maybe')).body).toBe('nothing');
    expect((await client.post('/maybe', { form: { a: 'x' } })).body).toEqual({ a: 'x' });
  });
});

describe('a form with files', () => {
  const image = new File(['png'], 'ü a.png', { type: 'image/png' });

  it('carries fields, Files and Blobs in their order', async () => {
    const more = [new Blob(['one'], { type: 'text/plain' }), new File([], 'empty.txt')];
    expect((await client.put('/upload', { multipart: { title: 'a\nb', n: 7, image, more } })).body).toEqual([
      'a\r\nb 7',
      'ü a.png image/png png',
      'blob text/plain one',
      'empty.txt application/octet-stream ',
    ]);
  });

  it('takes streams in the place of files, of which nothing is kept', async () => {
    const seen = { given: 0, closed: 0 };
    const multipart = {
      title: 'x',
      image: { stream: chunks(300, 65_536, seen), filename: 'big.bin' },
      more: [
        { stream: new Blob(['web']).stream(), filename: 'web.txt', contentType: 'text/plain' },
        { stream: Readable.from([Buffer.from('node')]), filename: 'node.txt' },
        { stream: new Uint8Array(3), filename: 'bytes' },
      ],
    };
    expect((await client.post('/parts', { multipart })).body).toEqual([
      'title=x',
      `big.bin application/octet-stream ${300 * 65_536}`,
      'web.txt text/plain 3',
      'node.txt application/octet-stream 4',
      'bytes application/octet-stream 3',
    ]);
    expect(seen).toEqual({ given: 300, closed: 1 });
  });

  it('is refused by the service as it is for others', async () => {
    const wrong = client.put('/upload', { multipart: { title: 'x', image, extra: 'y' } as never });
    await expect(wrong).rejects.toMatchObject({ code: 'http.invalid_request', issues: [{ pointer: '#/extra' }] });
  });
});

describe('a body of bytes', () => {
  it.each<[string, unknown, string]>([
    ['a text', 'grüße', 'grüße'],
    ['bytes', new TextEncoder().encode('abc'), 'abc'],
    ['a Blob', new Blob(['abc']), 'abc'],
    ['a stream of the web', new Blob(['abc']).stream(), 'abc'],
    ['a stream of node', Readable.from([Buffer.from('a'), Buffer.from('bc')]), 'abc'],
    ['nothing in a stream', Readable.from([]), ''],
  ])('goes as %s', async (_what, body, text) => {
    const told = await client.put('/bytes', { body: body as Uint8Array, contentType: 'text/plain' });
    expect(told.body).toEqual({ type: 'text/plain', bytes: Buffer.byteLength(text), text });
  });

  it('may be missing', async () => {
    expect((await client.put('/bytes')).body).toEqual({ bytes: 0, text: '' });
  });

  it('waits for a service that does not read', async () => {
    const seen = { given: 0, closed: 0 };
    state.gate = Promise.withResolvers();
    const sent = client.put('/slow', { body: chunks(640, 65_536, seen), contentType: 'text/plain' });
    let before = -1;
    await eventually(() => {
      const given = seen.given;
      const stands = given > 0 && given === before;
      before = given;
      expect(stands).toBe(true);
    });
    // What the kernel and both ends hold: some megabytes of 42.
    expect(seen.given).toBeLessThan(500);
    state.gate.resolve();
    expect((await sent).body.bytes).toBe(640 * 65_536);
  });

  it('is given up by a signal, and its source told', async () => {
    const seen = { given: 0, closed: 0 };
    state.gate = Promise.withResolvers();
    const controller = new AbortController();
    const sent = client.put('/slow', {
      body: chunks(640, 65_536, seen),
      contentType: 'text/plain',
      signal: controller.signal,
    });
    await eventually(() => expect(seen.given).toBeGreaterThan(0));
    controller.abort(new Error('enough'));
    await expect(sent).rejects.toThrow('enough');
    await eventually(() => expect(seen.closed).toBe(1));
    state.gate.resolve();
  });

  it('fails with what its own source throws', async () => {
    const broken = (async function* () {
      yield new Uint8Array(3);
      throw new RangeError('disk gone');
    })();
    await expect(client.put('/bytes', { body: broken, contentType: 'text/plain' })).rejects.toThrow('disk gone');
    const texts = Readable.from(['a'], { objectMode: true });
    const call = client.put('/bytes', { body: texts as never, contentType: 'text/plain' });
    await expect(call).rejects.toThrow(/a stream of a body gives bytes; this one gave a string/);
  });

  it('that is refused half way is refused with the problem', async () => {
    const call = client.put('/small', { body: chunks(20, 1000), contentType: 'text/plain' });
    await expect(call).rejects.toMatchObject({ code: 'middleware.body_too_large', status: 413 });
  });
});

describe('an answer as a stream', () => {
  it('comes as it is read: the service waits', async () => {
    state.given = 0;
    state.closed = 0;
    const { status, body } = await client.get('/endless', { as: 'stream' });
    expect(status).toBe(200);
    let before = -1;
    await eventually(() => {
      const { given } = state;
      const stands = given > 0 && given === before;
      before = given;
      expect(stands).toBe(true);
    });
    const reader = body.getReader();
    let size = 0;
    while (size < 20_000_000) size += (await reader.read()).value?.byteLength ?? 0;
    await eventually(() => expect(state.given).toBeGreaterThan(20_000_000 / 65_536));
    expect(state.closed).toBe(0);
    await reader.cancel();
    await eventually(() => expect(state.closed).toBe(1));
  });

  it('is given up by the signal of its call, long after the head has come', async () => {
    state.closed = 0;
    const controller = new AbortController();
    const { body } = await client.get('/endless', { as: 'stream', signal: controller.signal, timeout: '5s' });
    const reader = body.getReader();
    await reader.read();
    const reason = new Error('enough');
    controller.abort(reason);
    const rest = async () => {
      while (!(await reader.read()).done);
    };
    await expect(rest()).rejects.toBe(reason);
    await eventually(() => expect(state.closed).toBe(1));
  });

  it('is any answer, but no problem', async () => {
    const { body } = await client.get('/json', { as: 'stream' });
    expect(await new Response(body as ReadableStream<Uint8Array>).text()).toBe('{"a":1}');
    await expect(client.get('/file', { as: 'stream' })).rejects.toMatchObject({ code: 'http.file_not_found' });
  });

  it('that is cut says so', async () => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () =>
        socket.end('HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 10\r\n\r\nhalf'),
      );
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const { body } = await createClient<typeof routes>(`http://127.0.0.1:${port}`).get('/endless', { as: 'stream' });
    await expect(new Response(body).text()).rejects.toMatchObject({ code: 'http.unreachable' });
    server.close();
  });
});

it('cookies go as the route reads them, beside those of the headers', async () => {
  const { body } = await client.get('/cookies', { cookies: { theme: 'ü; a=b', n: 7 }, headers: { cookie: 'own=1' } });
  expect(body).toEqual({ theme: 'ü; a=b', n: 7, header: 'own=1; theme=%C3%BC%3B%20a%3Db; n=7' });
});

describe('what cannot be sent', () => {
  const any = () => client as unknown as Record<'put' | 'get', (path: string, call: object) => Promise<unknown>>;
  it.each<[object, RegExp]>([
    [{ body: {}, form: {} }, /send one of body, form/],
    [{ contentType: 'text/plain' }, /contentType must be the media type of the bytes in body/],
    [{ body: 'a', contentType: 7 }, /contentType must be the media type/],
    [{ body: 7, contentType: 'text/plain' }, /body must be a text, bytes, a Blob or a stream of bytes; got a number/],
    [{ form: 'a=1' }, /form must be an object/],
    [{ form: { a: {} } }, /form\.a must be a text/],
    [{ multipart: { a: {} } }, /multipart\.a must be a text/],
    [{ multipart: { a: { stream: 'x', filename: 'a' } } }, /multipart\.a\.stream must be bytes/],
    [{ multipart: { a: { stream: new Uint8Array(), filename: 'a', contentType: 'a\r\nb' } } }, /must be a media type/],
    [{ multipart: { '\ud800': 'a' } }, /half a surrogate/],
    [{ cookies: { 'a b': 'c' } }, /no name of a cookie/],
    [{ as: 'json' }, /as must be "stream"/],
  ])('%j', async (call, message) => {
    await expect(any().put('/bytes', call)).rejects.toThrow(message);
  });

  it('a name of a file cannot end its part', async () => {
    const image = new File(['x'], 'a"\r\nx-b: c\r\n\r\n<b>', { type: 'image/png' });
    const told = await client.put('/upload', { multipart: { title: 'x', image } });
    // As browsers write it, which no reader turns back.
    expect(told.body[1]).toBe('a%22%0D%0Ax-b: c%0D%0A%0D%0A<b> image/png x');
  });
});
