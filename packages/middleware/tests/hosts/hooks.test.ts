import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { NotFoundError } from '@ent/errors';
import {
  accessLog,
  csrf,
  type Exchange,
  idempotency,
  memoryIdempotencyStore,
  type Middleware,
  problemTitles,
  readForm,
  readJson,
  type Reply,
  timeout,
} from '@ent/middleware';
import { compression } from '@ent/middleware/compression';
import { createFetchHandler } from '@ent/middleware/fetch';
import { readMultipart } from '@ent/middleware/multipart';
import { createNodeListener } from '@ent/middleware/node';
import { staticFiles } from '@ent/middleware/static';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serve } from '../support/serve.ts';

type Handler = (exchange: Exchange) => Reply | Promise<Reply>;
type Ask = (path: string, init?: RequestInit) => Promise<Response>;

/** Hosts whose answers have to be the same. */
const HOSTS: Record<string, (handler: Handler, middleware: Middleware[]) => Promise<Ask>> = {
  async node(handler, middleware) {
    const { url } = await serve(createNodeListener(handler, { middleware }));
    return (path, init) => fetch(url + path, init);
  },
  async fetch(handler, middleware) {
    const answer = createFetchHandler(handler, { middleware });
    return async (path, init) => answer(new Request(`http://localhost${path}`, init));
  },
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ent-hooks-'));
  await writeFile(join(folder, 'a.txt'), '0123456789');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(Object.keys(HOSTS))('on %s', (host) => {
  const start = HOSTS[host]!;
  const post = (body: NonNullable<RequestInit['body']>, headers: Record<string, string> = {}): RequestInit => ({
    method: 'POST',
    body,
    headers,
  });

  it('an answer is repeated for its idempotency key', async () => {
    let calls = 0;
    const handler: Handler = async (exchange) => ({
      status: 201,
      body: JSON.stringify([await readJson(exchange), ++calls]),
    });
    const ask = await start(handler, [idempotency({ store: memoryIdempotencyStore() })]);
    const send = () => ask('/', post('{"a":1}', { 'content-type': 'application/json', 'idempotency-key': 'k' }));
    expect(await (await send()).text()).toBe('[{"a":1},1]');
    const again = await send();
    expect([again.status, again.headers.get('idempotent-replayed'), await again.text()]).toEqual([
      201,
      'true',
      '[{"a":1},1]',
    ]);
  });

  it('a time limit answers, and aborts the signal', async () => {
    const reasons: unknown[] = [];
    const handler: Handler = ({ signal }) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          reasons.push((signal.reason as { code: unknown }).code);
          resolve({ status: 200 });
        });
      });
    const answer = await (await start(handler, [timeout('20ms')]))('/');
    expect([answer.status, reasons]).toEqual([503, ['middleware.timed_out']]);
  });

  it('answers are compressed, whole ones and streams', async () => {
    const text = 'hello '.repeat(1000);
    async function* stream() {
      yield text;
    }
    const headers = { 'content-type': 'text/plain' };
    const handler: Handler = ({ path }) => ({ status: 200, headers, body: path === '/stream' ? stream() : text });
    const ask = await start(handler, [compression({ encodings: ['gzip'] })]);
    for (const path of ['/', '/stream']) {
      const answer = await ask(path, { headers: { 'accept-encoding': 'gzip' } });
      expect(answer.headers.get('content-encoding')).toBe('gzip');
      const bytes = Buffer.from(await answer.arrayBuffer());
      // fetch of node decodes; a handler alone does not.
      expect((host === 'node' ? bytes : gunzipSync(bytes)).toString()).toBe(text);
    }
  });

  it('files are served, with ranges', async () => {
    const ask = await start(() => ({ status: 404 }), [staticFiles(folder)]);
    const whole = await ask('/a.txt');
    expect([whole.status, await whole.text()]).toEqual([200, '0123456789']);
    const part = await ask('/a.txt', { headers: { range: 'bytes=2-4' } });
    expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([206, 'bytes 2-4/10', '234']);
    const tag = whole.headers.get('etag')!;
    expect((await ask('/a.txt', { headers: { 'if-none-match': tag } })).status).toBe(304);
    const head = await ask('/a.txt', { method: 'HEAD' });
    expect([head.status, await head.text(), head.headers.get('content-length')]).toEqual([200, '', '10']);
    expect((await ask('/%2e%2e%2fa.txt')).status).toBe(404);
  });

  it('bodies of all kinds are read', async () => {
    const handler: Handler = async (exchange) => {
      if (exchange.path === '/form') return { status: 200, body: (await readForm(exchange))?.get('a') ?? '' };
      if (exchange.path === '/json') {
        return { status: 200, body: JSON.stringify(await readJson(exchange, { encodings: ['gzip'] })) };
      }
      const seen: string[] = [];
      for await (const part of readMultipart(exchange, { maxFileBytes: 1000 })) {
        if (part.kind === 'field') seen.push(part.value);
        else for await (const chunk of part.body) seen.push(`${part.filename}:${chunk.byteLength}`);
      }
      return { status: 200, body: seen.join(' ') };
    };
    const ask = await start(handler, []);
    expect(await (await ask('/form', post(new URLSearchParams({ a: 'ü' })))).text()).toBe('ü');
    const packed = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    expect(await (await ask('/json', post(gzipSync('{"a":1}'), packed))).text()).toBe('{"a":1}');
    const form = new FormData();
    form.append('a', 'x');
    form.append('b', new Blob(['12345']), 'b.bin');
    expect(await (await ask('/', post(form))).text()).toBe('x b.bin:5');
    form.append('c', new Blob(['x'.repeat(1001)]), 'c.bin');
    expect((await ask('/', post(form))).status).toBe(413);
  });

  it('cross-site requests are refused, problems have a title of their language, and each has its line', async () => {
    const lines: string[] = [];
    const ask = await start(() => {
      throw new NotFoundError('Nothing.');
    }, [
      accessLog({ info: (message) => void lines.push(message) }),
      problemTitles({ titles: { de: { not_found: 'Nicht gefunden' } } }),
      csrf(),
    ]);
    const refused = await ask('/', post('', { 'sec-fetch-site': 'cross-site' }));
    expect(refused.status).toBe(403);
    const german = await ask('/x', { headers: { 'accept-language': 'de' } });
    expect(((await german.json()) as { title: string }).title).toBe('Nicht gefunden');
    await expect.poll(() => lines).toEqual(['POST / 403', 'GET /x 404']);
  });
});

it('a Response of an application goes out as it is; with an idempotency key it is kept', async () => {
  let calls = 0;
  const handler = createFetchHandler(
    () => new Response(`hello ${++calls} `.repeat(500), { headers: { 'content-type': 'text/plain' } }),
    {
      middleware: [
        compression(),
        problemTitles({ titles: {} }),
        timeout('1h'),
        idempotency({ store: memoryIdempotencyStore() }),
      ],
    },
  );
  const headers = { 'accept-encoding': 'gzip', 'idempotency-key': 'k' };
  const send = () => handler(new Request('http://localhost/', { method: 'POST', body: 'x', headers }));
  const first = await send();
  expect([first.status, first.headers.get('content-encoding')]).toEqual([200, null]);
  const text = await first.text();
  const second = await send();
  // Given again it is a reply, and so compressed.
  expect([second.headers.get('idempotent-replayed'), second.headers.get('content-encoding')]).toEqual(['true', 'gzip']);
  expect(gunzipSync(await second.bytes()).toString()).toBe(text);
  expect(calls).toBe(1);
});
