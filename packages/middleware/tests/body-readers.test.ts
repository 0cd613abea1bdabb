import { randomBytes } from 'node:crypto';
import zlib from 'node:zlib';
import { type BodyOptions, type Exchange, readBytes, readForm, readJson, readText, type Reply } from '@ent/middleware';
import { createNodeListener } from '@ent/middleware/node';
import { describe, expect, it } from 'vitest';
import { serve } from './support/serve.ts';

type Send = (
  body: string | Uint8Array | undefined,
  headers?: Record<string, string>,
) => Promise<{ status: number; text: string; headers: Headers }>;

async function start(read: (exchange: Exchange) => Promise<unknown>): Promise<Send> {
  const handler = async (exchange: Exchange): Promise<Reply> => {
    const value = await read(exchange);
    if (value === undefined) return { status: 200, body: 'none' };
    return { status: 200, body: value instanceof Uint8Array ? value : JSON.stringify(value) };
  };
  const { url } = await serve(createNodeListener(handler));
  return async (body, headers = {}) => {
    const init = body === undefined ? {} : { body: Buffer.from(body), headers };
    const answer = await fetch(url, { method: 'POST', ...init });
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  };
}

const json = { 'content-type': 'application/json' };
const plain = { 'content-type': 'text/plain' };
const form = { 'content-type': 'application/x-www-form-urlencoded' };

const ENCODERS: Record<string, (body: Uint8Array) => Uint8Array> = {
  gzip: zlib.gzipSync,
  'x-gzip': zlib.gzipSync,
  GZip: zlib.gzipSync,
  deflate: zlib.deflateSync,
  br: zlib.brotliCompressSync,
  zstd: zlib.zstdCompressSync,
};
const ALL = { encodings: ['gzip', 'br', 'deflate', 'zstd'] } as const satisfies BodyOptions;

describe('readText', () => {
  it.each([
    ['text/plain', 'grüß dich', 200],
    ['text/csv; charset=UTF-8', 'a,b', 200],
    ['text/plain; charset=latin1', 'a', 415],
    ['application/json', 'a', 415],
    ['', 'a', 415],
    ['text', 'a', 415],
  ])('%s: %s', async (type, body, status) => {
    const send = await start((exchange) => readText(exchange));
    const answer = await send(body, { 'content-type': type });
    expect(answer.status).toBe(status);
    if (status === 200) expect(JSON.parse(answer.text)).toBe(body);
    else expect(answer.headers.get('accept')).toBe('text/*');
  });

  it('gives undefined without a body, and refuses what is not UTF-8 or too long', async () => {
    const send = await start((exchange) => readText(exchange, { maxBytes: 10 }));
    expect((await send(undefined)).text).toBe('none');
    expect((await send(Buffer.from([0xff]), plain)).status).toBe(400);
    expect((await send('x'.repeat(10), plain)).status).toBe(200);
    expect((await send('x'.repeat(11), plain)).status).toBe(413);
  });
});

describe('readBytes', () => {
  it('gives what is there, whatever its type', async () => {
    const send = await start((exchange) => readBytes(exchange));
    expect((await send('\0abc', { 'content-type': 'nonsense' })).text).toBe('\0abc');
    expect((await send(undefined)).text).toBe('none');
  });
});

describe('readForm', () => {
  const read = async (exchange: Exchange): Promise<unknown> => {
    const fields = await readForm(exchange, { maxFields: 3 });
    return fields && [...fields];
  };
  it.each([
    [
      'a=1&b=2&a=3',
      [
        ['a', '1'],
        ['b', '2'],
        ['a', '3'],
      ],
    ],
    [
      'a+b=%C3%BC&c',
      [
        ['a b', 'ü'],
        ['c', ''],
      ],
    ],
    [
      '__proto__[x]=1&constructor=2',
      [
        ['__proto__[x]', '1'],
        ['constructor', '2'],
      ],
    ],
    ['a=%', [['a', '%']]],
  ])('reads %s', async (body, fields) => {
    const send = await start(read);
    expect(JSON.parse((await send(body, form)).text)).toEqual(fields);
  });

  it('refuses more fields than it may have, other types, and what is not UTF-8', async () => {
    const send = await start(read);
    expect((await send('a&b&c', form)).status).toBe(200);
    expect((await send('a&b&c&d', form)).status).toBe(413);
    expect((await send('&'.repeat(500_000), form)).status).toBe(413);
    expect((await send('a', plain)).status).toBe(415);
    expect((await send('a', { 'content-type': `${form['content-type']}; charset=utf-16` })).status).toBe(415);
    expect((await send(Buffer.from([0x61, 0xff]), form)).status).toBe(400);
    expect((await send(undefined)).text).toBe('none');
  });
});

describe('readJson, with a limit of keys', () => {
  it.each([
    ['{"a":1,"b":2,"c":3}', 200],
    ['{"a":1,"b":2,"c":{"d":3}}', 400],
    ['[{"a":1},{"a":1},{"a":1}]', 200],
    ['[{"a":1},{"a":1},{"a":1},{"a":1}]', 400],
    ['["::::\\"::::",{"a:b":":::"}]', 200],
  ])('%s: %i', async (body, status) => {
    const send = await start((exchange) => readJson(exchange, { maxKeys: 3 }));
    expect((await send(body, json)).status).toBe(status);
  });
});

describe('content encodings', () => {
  it.each(Object.keys(ENCODERS))('%s is decoded where it is accepted', async (encoding) => {
    const send = await start((exchange) => readJson(exchange, ALL));
    const value = { text: 'grüß dich '.repeat(500) };
    const body = ENCODERS[encoding]!(Buffer.from(JSON.stringify(value)));
    const answer = await send(body, { ...json, 'content-encoding': encoding });
    expect([answer.status, JSON.parse(answer.text)]).toEqual([200, value]);
  });

  it.each([
    ['gzip', undefined, 'identity'],
    ['gzip', ['br', 'deflate'], 'br, deflate'],
    ['gzip, br', ['gzip', 'br'], 'gzip, br'],
    ['compress', ['gzip'], 'gzip'],
    ['constructor', ['gzip'], 'gzip'],
  ] as const)('%s is refused where %j are accepted, with what would be', async (encoding, encodings, accepted) => {
    const send = await start((exchange) => readJson(exchange, { encodings }));
    const answer = await send(zlib.gzipSync('{}'), { ...json, 'content-encoding': encoding });
    expect([answer.status, answer.headers.get('accept-encoding')]).toEqual([415, accepted]);
  });

  it('identity is no encoding', async () => {
    const send = await start((exchange) => readJson(exchange));
    expect((await send('{}', { ...json, 'content-encoding': 'Identity' })).status).toBe(200);
  });

  it.each(['gzip', 'deflate', 'br', 'zstd'])('%s that is broken or ends too early is a 400', async (encoding) => {
    const send = await start((exchange) => readText(exchange, ALL));
    const whole = ENCODERS[encoding]!(randomBytes(5000).toString('hex') as never as Uint8Array);
    const bodies = [whole.subarray(0, whole.length >> 1), Buffer.from('plain text'), whole.subarray(0, 3)];
    // Brotli has no checksum: what is broken may be read as something else.
    if (encoding !== 'br') bodies.push(Buffer.from(whole).fill(0xff, 20, 200));
    for (const body of bodies) {
      const answer = await send(body, { ...plain, 'content-encoding': encoding });
      expect([answer.status, JSON.parse(answer.text) as unknown]).toMatchObject([
        400,
        { code: 'middleware.body_unparsable' },
      ]);
    }
    expect((await send(whole, { ...plain, 'content-encoding': encoding })).status).toBe(200);
  });

  it.each(['gzip', 'deflate', 'br', 'zstd'])('a %s bomb is not decoded beyond the limit', async (encoding) => {
    let heap = 0;
    const send = await start(async (exchange) => {
      const before = process.memoryUsage().arrayBuffers;
      try {
        return await readBytes(exchange, { ...ALL, maxBytes: 1024 * 1024 });
      } finally {
        heap = process.memoryUsage().arrayBuffers - before;
      }
    });
    const bomb = ENCODERS[encoding]!(Buffer.alloc(24 * 1024 * 1024));
    const answer = await send(bomb, { 'content-encoding': encoding });
    expect([answer.status, JSON.parse(answer.text) as unknown]).toMatchObject([
      413,
      { code: 'middleware.body_too_large' },
    ]);
    expect(heap).toBeLessThan(12 * 1024 * 1024);
  });

  it('what is many times as large as it came is refused, below the limit of bytes too', async () => {
    const send = await start((exchange) => readBytes(exchange, { ...ALL, maxBytes: 1e9 }));
    const repetitive = zlib.brotliCompressSync(Buffer.alloc(1_000_000));
    expect((await send(repetitive, { 'content-encoding': 'br' })).status).toBe(413);
    const small = zlib.brotliCompressSync(Buffer.alloc(60_000));
    expect((await send(small, { 'content-encoding': 'br' })).status).toBe(200);
  });

  it('a window of zstd beyond 8 MiB is refused, as RFC 9659 has it', async () => {
    const send = await start((exchange) => readBytes(exchange, { ...ALL, maxBytes: 1e9 }));
    const params = { [zlib.constants.ZSTD_c_windowLog]: 27, [zlib.constants.ZSTD_c_contentSizeFlag]: 0 };
    const body = zlib.zstdCompressSync(randomBytes(1000), { params });
    // A small input of known size gets a small window; streamed, it gets the one that was asked for.
    const stream = zlib.createZstdCompress({ params });
    stream.end(randomBytes(1000));
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    expect((await send(Buffer.concat(chunks), { 'content-encoding': 'zstd' })).status).toBe(400);
    expect((await send(body, { 'content-encoding': 'zstd' })).status).toBe(200);
  });

  it('an encoding that there is not is a mistake of the handler', async () => {
    const send = await start((exchange) => readText(exchange, { encodings: ['lzma' as never] }));
    expect((await send('a', plain)).status).toBe(500);
  });
});
