import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import zlib from 'node:zlib';
import { entityTag, ifNoneMatch, notModified, type Reply, requireMatch } from '@ent/middleware';
import { compression, type CompressionOptions } from '@ent/middleware/compression';
import { createNodeListener, type NodeExchange } from '@ent/middleware/node';
import { describe, expect, it } from 'vitest';
import { eventually, serve } from './support/serve.ts';

const TEXT = 'The quick brown fox jumps over the lazy dog. '.repeat(200);
const html = (body: Reply['body'] = TEXT, headers: Reply['headers'] = {}): Reply => ({
  status: 200,
  headers: { 'content-type': 'text/html', ...headers },
  body,
});

interface Got {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly raw: Buffer;
}

const start = async (handler: (exchange: NodeExchange) => Reply | Promise<Reply>, options?: CompressionOptions) => {
  const { url } = await serve(createNodeListener(handler, { middleware: [compression(options)] }));
  return async (accept: string | undefined, headers: Record<string, string> = {}, method = 'GET'): Promise<Got> => {
    const request = get(url, {
      method,
      headers: { ...headers, ...(accept === undefined ? {} : { 'accept-encoding': accept }) },
    });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return { status: response.statusCode, headers: response.headers, raw: Buffer.concat(chunks) };
  };
};

const DECODERS: Record<string, (body: Buffer) => Buffer> = {
  gzip: zlib.gunzipSync,
  deflate: zlib.inflateSync,
  br: zlib.brotliDecompressSync,
  zstd: zlib.zstdDecompressSync,
  identity: (body) => body,
};
const decoded = ({ headers, raw }: Got): string => DECODERS[headers['content-encoding'] ?? 'identity']!(raw).toString();
const ALL = { encodings: ['zstd', 'br', 'gzip', 'deflate'] } as const;

describe('compression', () => {
  it.each(['gzip', 'deflate', 'br', 'zstd'])('%s: whole answers and streams', async (coding) => {
    for (const body of [TEXT, Buffer.from(TEXT), Readable.from([TEXT.slice(0, 99), Buffer.from(TEXT.slice(99))])]) {
      const ask = await start(() => html(body), ALL);
      const got = await ask(coding);
      expect([got.status, got.headers['content-encoding'], got.headers.vary]).toEqual([200, coding, 'Accept-Encoding']);
      expect(decoded(got)).toBe(TEXT);
      expect(got.raw.byteLength).toBeLessThan(TEXT.length / 4);
      if (typeof body === 'string') expect(got.headers['content-length']).toBe(String(got.raw.byteLength));
    }
  });

  it.each<[string | undefined, string | undefined]>([
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip', 'gzip'],
    ['br;q=0.5, gzip;q=0.8', 'gzip'],
    ['br;q=0, *', 'gzip'],
    ['*', 'br'],
    ['GZIP', 'gzip'],
    ['identity, gzip;q=0.5', undefined],
    ['gzip;q=0', undefined],
    ['deflate', undefined],
    ['', undefined],
    [undefined, undefined],
    ['identity;q=0, *;q=0', undefined],
    ['gzip;q=nonsense', undefined],
    [`${'x,'.repeat(5000)}gzip`, 'gzip'],
  ])('Accept-Encoding %s: %s', async (accept, coding) => {
    const got = await (await start(() => html()))(accept);
    expect([got.status, got.headers['content-encoding'], got.headers.vary]).toEqual([200, coding, 'Accept-Encoding']);
    expect(decoded(got)).toBe(TEXT);
  });

  it.each<[string, Reply]>([
    ['a small one', html('x'.repeat(1023))],
    ['a stream that says that it is small', html(Readable.from(['x'.repeat(10)]), { 'content-length': '10' })],
    ['an image', html(TEXT, { 'content-type': 'image/png' })],
    ['one without a type', { status: 200, body: TEXT }],
    ['an encoded one', html(TEXT, { 'Content-Encoding': 'br' })],
    ['a part', { ...html(TEXT, { 'content-range': 'bytes 0-8999/9000' }), status: 206 }],
    ['one that sets a cookie', html(TEXT, { 'Set-Cookie': ['a=1'] })],
    ['one that no cache may keep, such as one with a token', html(TEXT, { 'Cache-Control': 'private, no-store' })],
    ['one that must not be changed', html(TEXT, { 'cache-control': 'public, no-transform' })],
    ['one with a digest of its bytes', html(TEXT, { 'content-digest': 'sha-256=:x:' })],
    ['no content', { status: 204, headers: { 'content-type': 'text/html' } }],
  ])('leaves %s as it is', async (_name, reply) => {
    const got = await (await start(() => reply))('gzip, br');
    expect(got.status).toBe(reply.status);
    expect(got.headers['content-encoding']).toBe(reply.headers?.['Content-Encoding']);
    if (typeof reply.body === 'string') expect(got.raw.toString()).toBe(reply.body);
  });

  it('leaves what it is told to, and what does not get smaller', async () => {
    const told = await start(() => html(), { filter: ({ path }) => path !== '/' });
    expect((await told('gzip')).headers['content-encoding']).toBeUndefined();
    const ask = await start(() => html(randomBytes(5000)));
    const got = await ask('br');
    expect([got.headers['content-encoding'], got.headers.vary]).toEqual([undefined, 'Accept-Encoding']);
  });

  it('is the same for HEAD, without the body', async () => {
    const ask = await start(() => html());
    const [head, whole] = [await ask('gzip', {}, 'HEAD'), await ask('gzip')];
    expect(head.raw).toHaveLength(0);
    for (const name of ['content-encoding', 'content-length', 'vary'])
      expect(head.headers[name]).toBe(whole.headers[name]);
  });

  it('takes the length of a stream out, and keeps Vary of others', async () => {
    const headers = { 'content-length': String(TEXT.length), vary: 'Origin', 'accept-ranges': 'bytes' };
    const got = await (await start(() => html(Readable.from([TEXT]), headers)))('gzip');
    expect([got.headers['content-length'], got.headers.vary, got.headers['accept-ranges']]).toEqual([
      undefined,
      'Origin, Accept-Encoding',
      undefined,
    ]);
    expect(decoded(got)).toBe(TEXT);
  });

  it('compresses problems too', async () => {
    const ask = await start(
      () => {
        throw new RangeError('x');
      },
      { minBytes: 10 },
    );
    const got = await ask('gzip');
    expect([got.status, got.headers['content-encoding']]).toEqual([500, 'gzip']);
    expect(JSON.parse(decoded(got))).toMatchObject({ status: 500 });
  });

  it.each(['gzip', 'br', 'zstd', 'deflate'])('%s: each event of a stream arrives when it is sent', async (coding) => {
    let go = (): void => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    async function* events() {
      yield 'data: 1\n\n';
      await held;
      yield 'data: 2\n\n';
    }
    const handler = (): Reply => html(events(), { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    const { url } = await serve(createNodeListener(handler, { middleware: [compression({ ...ALL, minBytes: 0 })] }));
    const answer = await fetch(url, { headers: { 'accept-encoding': coding } });
    expect(answer.headers.get('content-encoding')).toBe(coding);
    // node:http for zstd, which fetch may not decode: the raw bytes are what counts.
    const request = get(url, { headers: { 'accept-encoding': coding } });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const decoder = {
      gzip: zlib.createGunzip,
      br: zlib.createBrotliDecompress,
      zstd: zlib.createZstdDecompress,
      deflate: zlib.createInflate,
    }[coding]!();
    let text = '';
    response.pipe(decoder).on('data', (chunk: Buffer) => (text += chunk.toString()));
    await eventually(() => expect(text).toBe('data: 1\n\n'));
    go();
    await eventually(() => expect(text).toBe('data: 1\n\ndata: 2\n\n'));
    await answer.body?.cancel();
  });

  it('cuts the connection of a stream that fails, and closes the source of one that nobody reads', async () => {
    async function* broken() {
      yield TEXT;
      yield TEXT;
      throw new Error('broken');
    }
    const ask = await start(() => html(broken()));
    const failing = await ask('gzip').catch(() => 'cut');
    if (failing !== 'cut') expect(failing).toMatchObject({ status: 500 });
    const source = new Readable({ read() {} });
    source.push(TEXT.repeat(50));
    const { url } = await serve(createNodeListener(() => html(source), { middleware: [compression()] }));
    const request = get(url, { headers: { 'accept-encoding': 'gzip' } });
    request.on('error', () => {});
    await eventually(() => expect(source.readableFlowing ?? source.readableDidRead).toBe(true));
    request.destroy();
    await eventually(() => expect(source.destroyed).toBe(true));
  });
});

describe('entity tags of compressed answers', () => {
  const tag = entityTag('1');
  const handler = (exchange: NodeExchange): Reply => {
    if (exchange.method === 'PUT') {
      requireMatch(exchange, tag);
      return { status: 204 };
    }
    const reply = html(TEXT, { etag: exchange.path === '/weak' ? `W/${tag}` : tag });
    return ifNoneMatch(exchange, tag) ? notModified(reply) : reply;
  };

  it('are others for other codings, and all of them hold', async () => {
    const ask = await start(handler);
    const tags = [await ask('gzip'), await ask('br'), await ask(undefined)].map(({ headers }) => headers.etag!);
    expect(tags).toEqual([`${tag.slice(0, -1)}-gzip"`, `${tag.slice(0, -1)}-br"`, tag]);
    for (const each of tags) {
      const got = await ask('gzip', { 'if-none-match': each });
      // A cache finds what it has by the tag that the 304 says.
      expect([got.status, got.headers.etag, got.headers.vary]).toEqual([304, each, 'Accept-Encoding']);
      expect((await ask(undefined, { 'if-match': each }, 'PUT')).status).toBe(204);
    }
    for (const each of ['"other-gzip"', `${tag.slice(0, -1)}-lzma"`, `${tag.slice(0, -1)}-gzip-gzip"`]) {
      expect((await ask('gzip', { 'if-none-match': each })).status).toBe(200);
      expect((await ask(undefined, { 'if-match': each }, 'PUT')).status).toBe(412);
    }
    expect((await ask(undefined, { 'if-match': `W/${tag}` }, 'PUT')).status).toBe(412);
  });
});

it.each<[string, CompressionOptions]>([
  ['an encoding that there is not', { encodings: ['lzma' as never] }],
  ['no encodings', { encodings: [] }],
  ['one encoding as text', { encodings: 'gzip' as never }],
  ['a limit that is none', { minBytes: Number.NaN }],
  ['a filter that is none', { filter: true as never }],
  ['a misspelt option', { threshold: 1 } as never],
])('compression refuses %s', (_name, options) => {
  expect(() => compression(options)).toThrow(expect.objectContaining({ code: 'middleware.invalid_options' }) as Error);
});
