import { once } from 'node:events';
import { connect } from 'node:net';
import { idempotency, memoryIdempotencyStore } from '@ent/middleware';
import { createNodeListener } from '@ent/middleware/node';
import { heldBytes } from '@ent/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { eventually, type Served, serve } from '../../middleware/tests/support/serve.ts';
import {
  createHandler,
  createListener,
  formBody,
  type Route,
  type RouteBody,
  route,
  streamBody,
} from '../src/index.ts';
import { multipartBody, multipartParts } from '../src/multipart.ts';
import { openapi } from '../src/openapi.ts';

/** Serves a route with this body, which answers with what the handler got. */
async function echo<Body>(
  body: RouteBody<Body>,
  answer: (body: Body) => unknown = (given) => given,
  maxBodyBytes = 100_000,
): Promise<Served> {
  return serve(
    createListener([
      route({
        method: 'POST',
        path: '/',
        body,
        maxBodyBytes,
        responses: { 200: z.unknown() },
        handler: ({ body: given }) => answer(given),
      }),
    ]),
  );
}

interface Told {
  status: number;
  code?: string;
  issues?: string[];
  json: unknown;
}

async function send(url: string, body: RequestInit['body'], headers: Record<string, string> = {}): Promise<Told> {
  const answer = await fetch(url, {
    method: 'POST',
    body: body ?? null,
    headers,
    ...(isStream(body) && { duplex: 'half' }),
  });
  const json = (await answer.json()) as { code?: string; errors?: { in: string; pointer: string; code: string }[] };
  return {
    status: answer.status,
    json,
    ...(answer.status === 200 ? {} : { code: String(json.code) }),
    ...(json.errors && { issues: json.errors.map((issue) => `${issue.in} ${issue.pointer} ${issue.code}`) }),
  };
}

const isStream = (body: unknown): boolean => body instanceof ReadableStream;
const form = (fields: Record<string, string | Blob | (string | Blob)[]>): FormData => {
  const data = new FormData();
  for (const [name, given] of Object.entries(fields)) {
    for (const value of Array.isArray(given) ? given : [given]) data.append(name, value);
  }
  return data;
};
const png = (bytes: number, name = 'a.png'): File => new File(['x'.repeat(bytes)], name, { type: 'image/png' });

describe('formBody', () => {
  const Subscription = z.object({
    email: z.email(),
    age: z.int().optional(),
    topic: z.array(z.string()).max(2).default([]),
    terms: z.literal('on').optional(),
  });

  it('reads text as a query is read, and a single value of a list as a list', async () => {
    const { url } = await echo(formBody(Subscription));
    const body = new URLSearchParams('email=a%40example.com&age=42&topic=gr%C3%BC%C3%9Fe&terms=on');
    expect(await send(url, body)).toMatchObject({
      status: 200,
      json: { email: 'a@example.com', age: 42, topic: ['grüße'], terms: 'on' },
    });
  });

  it.each([
    ['email=a', ['body #/email invalid_format']],
    ['email=a@example.com&age=0x10', ['body #/age invalid_type']],
    ['email=a@example.com&email=b@example.com', ['body #/email invalid_type']],
    ['email=a@example.com&topic=1&topic=2&topic=3', ['body #/topic too_big']],
    [
      'email=a@example.com&admin=1&__proto__=2',
      ['body #/__proto__ unrecognized_keys', 'body #/admin unrecognized_keys'],
    ],
  ])('points at what is wrong in %s', async (body, issues) => {
    const { url } = await echo(formBody(Subscription));
    const told = await send(url, new URLSearchParams(body));
    expect({ ...told, issues: told.issues?.toSorted() }).toMatchObject({
      status: 422,
      code: 'http.invalid_request',
      issues,
    });
  });

  it('refuses JSON, no body, too many bytes and too many fields', async () => {
    const { url } = await echo(formBody(Subscription, { maxFields: 3 }), undefined, 100);
    const json = await send(url, '{}', { 'content-type': 'application/json' });
    expect(json).toMatchObject({ status: 415, code: 'middleware.unsupported_media_type' });
    expect(await send(url, undefined)).toMatchObject({ status: 422, issues: ['body # invalid_type'] });
    const large = await send(url, new URLSearchParams({ email: 'x'.repeat(200) }));
    expect(large).toMatchObject({ status: 413, code: 'middleware.body_too_large' });
    expect(await send(url, new URLSearchParams('a=1&b=2&c=3&d=4'))).toMatchObject({ status: 413 });
  });

  it('gives undefined for a form that need not be there', async () => {
    const { url } = await echo(formBody(Subscription.optional()), (body) => body ?? 'nothing');
    expect(await send(url, undefined)).toMatchObject({ status: 200, json: 'nothing' });
  });
});

describe('multipartBody', () => {
  const Upload = z.object({
    title: z.string().max(10),
    public: z.boolean().optional(),
    image: z.file().max(1000).mime(['image/png', 'image/webp']),
    more: z.array(z.file()).optional(),
  });
  const told = (body: z.infer<typeof Upload>): unknown => ({
    title: body.title,
    public: body.public,
    image: [body.image.name, body.image.type, body.image.size],
    more: body.more?.map((file) => file.name),
  });

  it('gives fields by their schema and files as they were sent', async () => {
    const { url } = await echo(multipartBody(Upload), told);
    const body = form({ title: 'grüße', public: 'true', image: png(1000, 'ä.png'), more: png(1, 'b.png') });
    expect(await send(url, body)).toMatchObject({
      status: 200,
      json: { title: 'grüße', public: true, image: ['ä.png', 'image/png', 1000], more: ['b.png'] },
    });
  });

  it('keeps every byte', async () => {
    const bytes = crypto.getRandomValues(new Uint8Array(50_000));
    const { url } = await echo(multipartBody(z.object({ file: z.file() })), async ({ file }) =>
      Buffer.from(await file.bytes()).equals(bytes),
    );
    expect(await send(url, form({ file: new File([bytes], 'a') }))).toMatchObject({ json: true });
  });

  it.each<[string, FormData, string[]]>([
    ['a file over its size', form({ title: 'a', image: png(1001) }), ['body #/image too_big']],
    [
      'a file of another type',
      form({ title: 'a', image: new File(['x'], 'a.svg', { type: 'image/svg+xml' }) }),
      ['body #/image invalid_value'],
    ],
    ['a text in the place of a file', form({ title: 'a', image: 'x' }), ['body #/image invalid_type']],
    ['a file in the place of a text', form({ title: png(1), image: png(1) }), ['body #/title invalid_type']],
    ['a file that was not chosen', form({ title: 'a', image: new File([], '') }), ['body #/image invalid_type']],
    [
      'a field and a file that there are not',
      form({ title: 'a', image: png(1), x: '1', y: png(1) }),
      ['body #/x unrecognized_keys', 'body #/y unrecognized_keys'],
    ],
  ])('points at %s', async (_name, body, issues) => {
    const { url } = await echo(multipartBody(Upload), told);
    expect(await send(url, body)).toMatchObject({ status: 422, code: 'http.invalid_request', issues });
  });

  it('counts bytes, files, fields and the bytes of a field', async () => {
    const limits = { maxFiles: 2, maxFields: 2, maxFieldBytes: 10 };
    const { url } = await echo(multipartBody(Upload, limits), told, 5000);
    for (const body of [
      form({ title: 'a', image: png(10_000) }),
      form({ title: 'a', image: png(1), more: [png(1), png(1)] }),
      form({ title: ['a', 'b', 'c'], image: png(1) }),
      form({ title: 'x'.repeat(11), image: png(1) }),
    ]) {
      expect(await send(url, body)).toMatchObject({ status: 413, code: 'middleware.body_too_large' });
    }
  });

  it('refuses another type and what is no form', async () => {
    const { url } = await echo(multipartBody(Upload), told);
    expect(await send(url, new URLSearchParams('title=a'))).toMatchObject({ status: 415 });
    const broken = await send(url, '--x\r\nnonsense', { 'content-type': 'multipart/form-data; boundary=x' });
    expect(broken).toMatchObject({ status: 400, code: 'middleware.body_unparsable' });
    expect(await send(url, undefined)).toMatchObject({ status: 422, issues: ['body # invalid_type'] });
  });
});

it('a file that comes byte by byte takes no more memory than its bytes', async () => {
  const handle = createHandler([
    route({
      method: 'POST',
      path: '/',
      body: multipartBody(z.object({ file: z.file() })),
      responses: { 204: {} },
      handler: () => undefined,
    }),
  ]);
  let read = 0;
  const { port } = await serve(
    createNodeListener((exchange) => {
      const stream = exchange.stream.bind(exchange);
      exchange.stream = async function* (max) {
        for await (const chunk of stream(max)) {
          yield chunk;
          read += chunk.byteLength;
        }
      };
      return handle(exchange);
    }),
  );
  const [sockets, bytes] = [5, 10_000];
  const before = heldBytes();
  const head = '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n';
  for (let i = 0; i < sockets; i++) {
    const socket = connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.write(
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\nTransfer-Encoding: chunked\r\n\r\n' +
        `${head.length.toString(16)}\r\n${head}\r\n${'1\r\na\r\n'.repeat(bytes)}`,
    );
  }
  // All but the last one of each, for which the parser waits.
  await eventually(() => expect(read).toBe(sockets * (head.length + bytes)));
  // It was 215 bytes for each.
  expect((heldBytes() - before) / (sockets * bytes)).toBeLessThan(50);
});

describe('a body that was read whole before the route reads it as it arrives', () => {
  const bodies: [string, RouteBody<unknown>, () => RequestInit['body']][] = [
    ['multipartBody', multipartBody(z.object({ image: z.file() })), () => form({ image: png(1000) })],
    ['multipartParts', multipartParts(z.object({ image: z.file() })), () => form({ image: png(1000) })],
    ['streamBody', streamBody('image/*'), () => new Blob(['x'.repeat(1000)], { type: 'image/png' })],
  ];

  async function sizeOf(body: unknown): Promise<number> {
    if (typeof (body as AsyncIterable<unknown>)[Symbol.asyncIterator] !== 'function') {
      return (body as { image: File }).image.size;
    }
    let size = 0;
    for await (const given of body as AsyncIterable<Uint8Array | { body: AsyncIterable<Uint8Array> }>) {
      size += given instanceof Uint8Array ? given.byteLength : await sizeOf(given.body);
    }
    return size;
  }

  it.each(bodies)('is there, by an idempotency key and by who authenticates: %s', async (_name, body, sent) => {
    let calls = 0;
    const { url } = await serve(
      createListener(
        [
          route({
            method: 'POST',
            path: '/',
            auth: async (exchange) => (await exchange.bytes(10_000)).byteLength,
            body,
            responses: { 200: z.unknown() },
            handler: async ({ body: given }) => [++calls, await sizeOf(given)],
          }),
        ],
        { middleware: [idempotency({ store: memoryIdempotencyStore() })] },
      ),
    );
    // One text of the form for both attempts: each FormData has a boundary of its own.
    const request = new Request(url, { method: 'POST', body: sent() ?? null });
    const [type, bytes] = [request.headers.get('content-type') ?? '', Buffer.from(await request.arrayBuffer())];
    const headers = { 'content-type': type, 'idempotency-key': 'k' };
    expect(await send(url, bytes, headers)).toMatchObject({ status: 200, json: [1, 1000] });
    expect(await send(url, bytes, headers)).toMatchObject({ status: 200, json: [1, 1000] });
    expect(await send(url, bytes, { 'content-type': type })).toMatchObject({ status: 200, json: [2, 1000] });
  });
});

describe('multipartParts', () => {
  const Upload = z.object({
    age: z.int().optional(),
    video: z.file().min(2).max(1000).mime('video/mp4'),
    tag: z.array(z.string().max(3)).optional(),
  });
  const mp4 = (bytes: number): File => new File(['x'.repeat(bytes)], 'a.mp4', { type: 'video/mp4' });
  const collect = async (parts: AsyncIterable<unknown>): Promise<unknown[]> => {
    const found: unknown[] = [];
    for await (const given of parts) {
      const part = given as { kind: string; name: string; value?: unknown; body: AsyncIterable<Uint8Array> };
      if (part.kind === 'field') found.push([part.name, part.value]);
      else {
        let size = 0;
        for await (const chunk of part.body) size += chunk.byteLength;
        found.push([part.name, size]);
      }
    }
    return found;
  };

  it('gives the parts in the order in which they come, each by its schema', async () => {
    const { url } = await echo(multipartParts(Upload), collect);
    expect(await send(url, form({ age: '5', video: mp4(1000), tag: ['a', 'b'] }))).toMatchObject({
      status: 200,
      json: [
        ['age', 5],
        ['video', 1000],
        ['tag', 'a'],
        ['tag', 'b'],
      ],
    });
  });

  it.each<[string, FormData, string]>([
    ['a value', form({ age: 'old', video: mp4(2) }), 'body #/age invalid_type'],
    ['a value of a list', form({ tag: 'abcd', video: mp4(2) }), 'body #/tag too_big'],
    ['a field that there is not', form({ x: '1', video: mp4(2) }), 'body #/x unrecognized_keys'],
    ['a field that comes again', form({ age: ['5', '6'], video: mp4(2) }), 'body #/age too_big'],
    ['a file that is too large', form({ video: mp4(1001) }), 'body #/video too_big'],
    ['a file that is too small', form({ video: mp4(1) }), 'body #/video too_small'],
    ['a file of another type', form({ video: png(2) }), 'body #/video invalid_value'],
    ['a text for a file', form({ video: 'x' }), 'body #/video invalid_type'],
    ['a file for a text', form({ age: mp4(2), video: mp4(2) }), 'body #/age invalid_type'],
    ['what is missing', form({ age: '5' }), 'body #/video invalid_type'],
  ])('refuses %s where the handler iterates', async (_name, body, issue) => {
    const { url } = await echo(multipartParts(Upload), collect);
    expect(await send(url, body)).toMatchObject({ status: 422, code: 'http.invalid_request', issues: [issue] });
  });

  it('says that all is missing of a request without a body', async () => {
    const { url } = await echo(multipartParts(Upload), collect);
    expect(await send(url, undefined)).toMatchObject({ status: 422, issues: ['body #/video invalid_type'] });
  });

  it('refuses at set-up a check that would need the whole', () => {
    const refined = z.object({ a: z.file().refine(() => true) });
    const code = 'http.invalid_options';
    expect(() => multipartParts(refined)).toThrow(expect.objectContaining({ code }));
    expect(() => multipartParts(z.object({ a: z.array(z.string()).max(2) }))).toThrow(
      expect.objectContaining({ code }),
    );
    expect(() => multipartParts(Upload.refine(() => true))).toThrow(expect.objectContaining({ code }));
    expect(() => multipartBody(z.string())).toThrow(expect.objectContaining({ code }));
    expect(() => formBody(z.object({ a: z.string() }), { maxFields: -1 })).toThrow(expect.objectContaining({ code }));
  });
});

describe('streamBody', () => {
  const size = async (body: AsyncIterable<Uint8Array> | undefined): Promise<unknown> => {
    if (body === undefined) return 'nothing';
    let bytes = 0;
    for await (const chunk of body) bytes += chunk.byteLength;
    return bytes;
  };

  it('gives the bytes as they come, of the types that it takes, up to the limit', async () => {
    const { url } = await echo(streamBody('text/csv', 'image/*'), size, 100_000);
    expect(await send(url, 'x'.repeat(100_000), { 'content-type': 'image/PNG' })).toMatchObject({ json: 100_000 });
    expect(await send(url, 'a;b', { 'content-type': 'text/csv; charset=utf-8' })).toMatchObject({ json: 3 });
    expect(await send(url, undefined)).toMatchObject({ json: 'nothing' });
    expect(await send(url, '{}', { 'content-type': 'application/json' })).toMatchObject({ status: 415 });
    expect(await send(url, 'x', { 'content-type': 'text/csv', 'content-encoding': 'gzip' })).toMatchObject({
      status: 415,
    });
    const large = new Blob(['x'.repeat(100_001)]).stream();
    expect(await send(url, large, { 'content-type': 'text/csv' })).toMatchObject({ status: 413 });
    expect(() => streamBody()).toThrow(expect.objectContaining({ code: 'http.invalid_options' }));
  });

  it('makes a client wait for a handler that does not read on', async () => {
    const gate = Promise.withResolvers<void>();
    const { port } = await echo(
      streamBody('text/plain'),
      async (body) => {
        let bytes = 0;
        for await (const chunk of body as AsyncIterable<Uint8Array>) {
          if (bytes === 0) await gate.promise;
          bytes += chunk.byteLength;
        }
        return bytes;
      },
      128 * 1024 * 1024,
    );
    const total = 128 * 1024 * 1024;
    const socket = connect(port, '127.0.0.1');
    socket.write(
      `POST / HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: ${total}\r\nconnection: close\r\n\r\n`,
    );
    const chunk = Buffer.alloc(1024 * 1024, 'x');
    let sent = 0;
    const sending = (async () => {
      for (; sent < total; sent += chunk.byteLength) await new Promise((done) => socket.write(chunk, done));
    })();
    // The kernel holds up to some tens of megabytes, and the rest stays with the client.
    const seen: number[] = [];
    await eventually(() => {
      seen.push(sent);
      expect(new Set(seen.slice(-10))).toEqual(new Set([seen.at(-11)]));
    });
    expect(sent).toBeLessThan(total / 2);
    gate.resolve();
    let text = '';
    socket.on('data', (data: Buffer) => (text += data.toString()));
    await sending;
    await once(socket, 'close');
    expect(text).toContain(`\r\n\r\n${total}`);
  });
});

describe('cookies', () => {
  const get = (cookies: z.ZodType): Route =>
    route({ method: 'GET', path: '/', cookies, responses: { 200: z.unknown() }, handler: (input) => input.cookies });
  const theme = get(z.object({ theme: z.enum(['dark', 'light']).default('light'), size: z.int().optional() }));

  it.each<[string, unknown]>([
    ['theme=dark; size=3; other=1', { theme: 'dark', size: 3 }],
    ['', { theme: 'light' }],
    // One of them was planted, and nobody can tell which.
    ['size=3; size=4', { theme: 'light' }],
  ])('are read by their schema: %s', async (cookie, json) => {
    const { url } = await serve(createListener([theme]));
    expect(await (await fetch(url, { headers: { cookie } })).json()).toEqual(json);
  });

  it('are pointed at', async () => {
    const { url } = await serve(createListener([theme]));
    const answer = await fetch(url, { headers: { cookie: 'theme=blue; size=x' } });
    expect([answer.status, await answer.json()]).toMatchObject([
      422,
      {
        errors: [
          { in: 'cookie', pointer: '#/theme' },
          { in: 'cookie', pointer: '#/size' },
        ],
      },
    ]);
  });

  it('stand in the document, and so do forms', () => {
    const Files = z.object({ a: z.file().max(5).mime(['image/png', 'image/webp']), b: z.int() });
    const post = (path: string, body: RouteBody<unknown>): Route =>
      route({ method: 'POST', path, body, responses: { 204: {} }, handler: () => undefined });
    const routes = [
      theme,
      post('/form', formBody(z.object({ a: z.int(), b: z.array(z.string()) }))),
      post('/files', multipartBody(Files)),
      post('/parts', multipartParts(Files)),
      post('/bytes', streamBody('image/*')),
    ];
    const { paths } = openapi(routes, { title: 'a', version: '1' });
    expect(paths['/']?.['get']).toMatchObject({
      parameters: [
        { name: 'theme', in: 'cookie', required: false, schema: { enum: ['dark', 'light'], default: 'light' } },
        { name: 'size', in: 'cookie', required: false, schema: { type: 'integer' } },
      ],
    });
    const body = (path: string): unknown => {
      const operation = paths[path]?.['post'];
      return (operation as { requestBody: unknown }).requestBody;
    };
    expect(body('/form')).toMatchObject({
      required: true,
      content: {
        'application/x-www-form-urlencoded': { schema: { required: ['a', 'b'], additionalProperties: false } },
      },
    });
    const files = {
      required: true,
      content: {
        'multipart/form-data': {
          schema: { properties: { a: { type: 'string', format: 'binary', maxLength: 5 } } },
          encoding: { a: { contentType: 'image/png, image/webp' } },
        },
      },
    };
    expect(body('/files')).toMatchObject(files);
    expect(body('/parts')).toMatchObject(files);
    expect(body('/bytes')).toEqual({
      required: false,
      content: { 'image/*': { schema: { type: 'string', format: 'binary' } } },
    });
  });
});
