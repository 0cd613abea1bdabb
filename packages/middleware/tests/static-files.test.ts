import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import type { Reply } from '@ent/middleware';
import { createNodeListener } from '@ent/middleware/node';
import { fileReply, staticFiles, type StaticFilesOptions } from '@ent/middleware/static';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serve } from './support/serve.ts';

const TEXT = '0123456789'.repeat(10);
const MODIFIED = new Date('2026-01-02T03:04:05.600Z');
const LAST_MODIFIED = 'Fri, 02 Jan 2026 03:04:05 GMT';
let base: string;
let root: string;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'ent-static-'));
  root = join(base, 'public');
  await mkdir(join(root, 'docs', 'deep'), { recursive: true });
  await mkdir(join(base, 'public-secret'));
  const files: Record<string, string | Buffer> = {
    'public/a.txt': TEXT,
    'public/index.html': '<h1>home</h1>',
    'public/docs/index.html': '<h1>docs</h1>',
    'public/docs/a b+ü%.txt': 'odd name',
    'public/app.js': TEXT,
    'public/app.js.br': brotliCompressSync(TEXT),
    'public/app.js.gz': gzipSync(TEXT),
    'public/empty.css': '',
    'public/unknown.zzz': 'x',
    'public/.env': 'SECRET=1',
    'public/docs/.hidden': 'SECRET=1',
    'public/..a': 'SECRET=1',
    'public-secret/a.txt': 'SECRET=1',
    'secret.txt': 'SECRET=1',
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(base, name), content);
  await utimes(join(root, 'a.txt'), MODIFIED, MODIFIED);
  await symlink(join(base, 'secret.txt'), join(root, 'link-out.txt'));
  await symlink(join(base, 'public-secret'), join(root, 'folder-out'));
  await symlink(join(root, 'a.txt'), join(root, 'link-in.txt'));
  await symlink(join(root, 'loop'), join(root, 'loop'));
  await symlink(join(base, 'secret.txt'), join(root, 'a.txt.br'));
  execFileSync('mkfifo', [join(root, 'pipe')]);
});
afterAll(() => rm(base, { recursive: true, force: true }));

interface Got {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly raw: Buffer;
}

const start = async (options?: StaticFilesOptions) => {
  const handler = (): Reply => ({ status: 404, body: 'nothing' });
  const served = await serve(createNodeListener(handler, { middleware: [staticFiles(root, options)] }));
  const ask = async (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Got> => {
    // The path as it is: fetch would tidy it up.
    const request = get({ port: served.port, host: '127.0.0.1', path, method, headers });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks);
    return { status: response.statusCode, headers: response.headers, body: raw.toString(), raw };
  };
  return { ...served, ask };
};

describe('staticFiles', () => {
  it('serves a file with what a client needs to keep it', async () => {
    const { ask } = await start();
    const { status, headers, body } = await ask('/a.txt');
    expect([status, body]).toEqual([200, TEXT]);
    expect(headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'content-length': '100',
      'last-modified': LAST_MODIFIED,
      'accept-ranges': 'bytes',
      'cache-control': 'no-cache',
      vary: 'Accept-Encoding',
      etag: expect.stringMatching(/^"[\w-]+"$/) as string,
    });
    const head = await ask('/a.txt', {}, 'HEAD');
    expect([head.status, head.body, head.headers['content-length']]).toEqual([200, '', '100']);
  });

  it('makes nobody wait who asks for no file', async () => {
    const atOnce: boolean[] = [];
    let ran = false;
    const handler = (): Reply => {
      ran = true;
      return { status: 204 };
    };
    const listener = createNodeListener(handler, { middleware: [staticFiles(root, { prefix: '/assets/' })] });
    const { url } = await serve((req, res) => {
      listener(req, res);
      atOnce.push(ran);
    });
    expect((await fetch(`${url}/users/7`)).status).toBe(204);
    expect(atOnce).toEqual([true]);
  });

  it.each([
    ['/', 200, 'text/html; charset=utf-8', '<h1>home</h1>'],
    ['/docs/', 200, 'text/html; charset=utf-8', '<h1>docs</h1>'],
    ['/docs/a%20b+%C3%BC%25.txt', 200, 'text/plain; charset=utf-8', 'odd name'],
    ['/a.txt?v=1', 200, 'text/plain; charset=utf-8', TEXT],
    ['/%61.txt', 200, 'text/plain; charset=utf-8', TEXT],
    ['/link-in.txt', 200, 'text/plain; charset=utf-8', TEXT],
    ['/empty.css', 200, 'text/css; charset=utf-8', ''],
    ['/unknown.zzz', 200, 'application/octet-stream', 'x'],
    ['/nothing.txt', 404, undefined, 'nothing'],
    ['/docs/deep/', 404, undefined, 'nothing'],
    ['/docs/deep', 404, undefined, 'nothing'],
    ['/a.txt/', 404, undefined, 'nothing'],
    ['/a.txt/b', 404, undefined, 'nothing'],
  ])('%s: %i', async (path, status, type, body) => {
    const { ask } = await start();
    const got = await ask(path);
    expect([got.status, got.headers['content-type'], got.body]).toEqual([status, type, body]);
  });

  it.each([
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/..%5csecret.txt',
    '/..\\secret.txt',
    '/docs/../a.txt',
    '/docs/..%2fa.txt',
    '/docs/./index.html',
    '//a.txt',
    '/docs//index.html',
    '/./a.txt',
    '/.env',
    '/%2eenv',
    '/docs/.hidden',
    '/..a',
    '/a.txt%00',
    '/a.txt%00.html',
    '/%00',
    '/%',
    '/%zz',
    '/%c0%ae%c0%ae/secret.txt',
    '/%252e%252e/secret.txt',
    '/link-out.txt',
    '/folder-out/a.txt',
    '/folder-out/',
    '/folder-out',
    '/loop',
    '/pipe',
    '/docs%2findex.html',
    `/${'a'.repeat(5000)}`,
    `/${'a/'.repeat(3000)}`,
    '/public-secret/a.txt',
    '/../public-secret/a.txt',
  ])('serves nothing for %s', async (path) => {
    const { ask } = await start();
    for (const method of ['GET', 'HEAD']) {
      const got = await ask(path, {}, method);
      expect(got.status).toBe(404);
      expect(got.body).not.toContain('SECRET');
    }
  });

  it('sends a folder to its slash, and nowhere else', async () => {
    const { ask } = await start();
    const got = await ask('/docs?a=1');
    expect([got.status, got.headers.location]).toEqual([308, './docs/?a=1']);
    expect((await ask('//evil.example')).status).toBe(404);
    expect((await ask('//evil.example/docs')).status).toBe(404);
  });

  it('lets other methods and other prefixes pass', async () => {
    const { ask } = await start({ prefix: '/files/' });
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
      expect((await ask('/files/a.txt', {}, method)).body).toBe('nothing');
    expect((await ask('/files/a.txt')).body).toBe(TEXT);
    expect((await ask('/files/')).body).toBe('<h1>home</h1>');
    expect((await ask('/files')).headers.location).toBe('./files/');
    for (const path of ['/a.txt', '/filesa.txt', '/files%2fa.txt', '/files/../files/a.txt'])
      expect((await ask(path)).status).toBe(404);
  });

  it('has no folders where it is told so', async () => {
    const { ask } = await start({ index: false });
    for (const path of ['/', '/docs', '/docs/']) expect((await ask(path)).status).toBe(404);
    expect((await ask('/docs/index.html')).status).toBe(200);
  });

  it('adds headers by the path', async () => {
    const { ask } = await start({
      headers: (path) => ({ 'Cache-Control': `max-age=${path.length}`, 'x-path': encodeURI(path) }),
    });
    const { headers } = await ask('/docs/');
    expect([headers['cache-control'], headers['x-path']]).toEqual(['max-age=15', 'docs/index.html']);
  });
});

describe('siblings that were compressed before', () => {
  it.each([
    ['gzip, br', 'br'],
    ['gzip', 'gzip'],
    ['br;q=0.1, gzip;q=0.9', 'gzip'],
    ['identity, br;q=0.5', undefined],
    ['deflate', undefined],
    ['', undefined],
  ])('Accept-Encoding %s: %s', async (accept, coding) => {
    const { ask } = await start();
    const { headers, status, raw } = await ask('/app.js', { 'accept-encoding': accept });
    expect([status, headers['content-encoding'], headers['content-type']]).toEqual([
      200,
      coding,
      'text/javascript; charset=utf-8',
    ]);
    const expected =
      coding === undefined ? Buffer.from(TEXT) : coding === 'br' ? brotliCompressSync(TEXT) : gzipSync(TEXT);
    expect(raw.equals(expected)).toBe(true);
    expect(headers.vary).toBe('Accept-Encoding');
  });

  it('have tags of their own, do not lead out of the folder either, and can be left alone', async () => {
    const { ask } = await start();
    const tags = await Promise.all(
      ['br', 'gzip', ''].map(async (accept) => (await ask('/app.js', { 'accept-encoding': accept })).headers.etag),
    );
    expect(new Set(tags).size).toBe(3);
    expect((await ask('/app.js', { 'accept-encoding': 'br', 'if-none-match': tags[0]! })).status).toBe(304);
    expect((await ask('/a.txt', { 'accept-encoding': 'br' })).body).toBe(TEXT);
    const without = await start({ precompressed: [] });
    const { headers } = await without.ask('/app.js', { 'accept-encoding': 'br' });
    expect([headers['content-encoding'], headers.vary]).toEqual([undefined, undefined]);
  });
});

describe('conditions', () => {
  const later = 'Sat, 03 Jan 2026 00:00:00 GMT';
  const earlier = 'Thu, 01 Jan 2026 00:00:00 GMT';
  it.each<[Record<string, string>, number]>([
    [{ 'if-none-match': 'TAG' }, 304],
    [{ 'if-none-match': 'W/TAG' }, 304],
    [{ 'if-none-match': '"other", TAG' }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"other"' }, 200],
    [{ 'if-modified-since': LAST_MODIFIED }, 304],
    [{ 'if-modified-since': later }, 304],
    [{ 'if-modified-since': earlier }, 200],
    [{ 'if-modified-since': 'nonsense' }, 200],
    // The tag decides where there is one.
    [{ 'if-none-match': '"other"', 'if-modified-since': later }, 200],
    [{ 'if-match': 'TAG' }, 200],
    [{ 'if-match': '*' }, 200],
    [{ 'if-match': '"other"' }, 412],
    [{ 'if-match': 'W/TAG' }, 412],
    [{ 'if-unmodified-since': LAST_MODIFIED }, 200],
    [{ 'if-unmodified-since': earlier }, 412],
    [{ 'if-unmodified-since': 'nonsense' }, 200],
    [{ 'if-match': 'TAG', 'if-unmodified-since': earlier }, 200],
    [{ 'if-match': '"other"', 'if-none-match': 'TAG' }, 412],
    [{ 'if-none-match': 'TAG', range: 'bytes=0-1' }, 304],
  ])('%j: %i', async (headers, status) => {
    const { ask } = await start();
    const tag = (await ask('/a.txt')).headers.etag!;
    const given = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.replace('TAG', tag)]));
    const got = await ask('/a.txt', given);
    expect(got.status).toBe(status);
    if (status === 304) {
      expect([got.body, got.headers.etag, got.headers['content-type']]).toEqual(['', tag, undefined]);
      expect(got.headers['cache-control']).toBe('no-cache');
    }
  });
});

describe('ranges', () => {
  it.each<[string, number, string | undefined, string]>([
    ['bytes=0-9', 206, 'bytes 0-9/100', '0123456789'],
    ['bytes=95-', 206, 'bytes 95-99/100', '56789'],
    ['bytes=-3', 206, 'bytes 97-99/100', '789'],
    ['bytes=90-1000', 206, 'bytes 90-99/100', '0123456789'],
    ['bytes=-1000', 206, 'bytes 0-99/100', TEXT],
    ['bytes=0-0', 206, 'bytes 0-0/100', '0'],
    ['bytes=99-99', 206, 'bytes 99-99/100', '9'],
    ['bytes=100-', 416, 'bytes */100', ''],
    ['bytes=-0', 416, 'bytes */100', ''],
    ['bytes=9-0', 200, undefined, TEXT],
    ['bytes=0-1,5-6', 200, undefined, TEXT],
    ['bytes=0-1,100-', 200, undefined, TEXT],
    [`bytes=${'0-0,'.repeat(2000)}0-0`, 200, undefined, TEXT],
    ['bytes=', 200, undefined, TEXT],
    ['bytes=a-b', 200, undefined, TEXT],
    ['bytes=0x1-', 200, undefined, TEXT],
    ['bytes=99999999999999999999999-', 416, 'bytes */100', ''],
    ['items=0-1', 200, undefined, TEXT],
    ['nonsense', 200, undefined, TEXT],
  ])('%s: %i', async (range, status, contentRange, body) => {
    const { ask } = await start();
    const got = await ask('/a.txt', { range });
    expect([got.status, got.headers['content-range']]).toEqual([status, contentRange]);
    if (status !== 416) {
      expect(got.body).toBe(body);
      expect(got.headers['content-length']).toBe(String(body.length));
    } else expect(JSON.parse(got.body)).toMatchObject({ code: 'middleware.range_not_satisfiable' });
  });

  it.each<[string, number]>([
    ['TAG', 206],
    ['W/TAG', 200],
    ['"other"', 200],
    [LAST_MODIFIED, 206],
    ['Sat, 03 Jan 2026 00:00:00 GMT', 200],
    ['nonsense', 200],
  ])('If-Range %s: %i', async (condition, status) => {
    const { ask } = await start();
    const tag = (await ask('/a.txt')).headers.etag!;
    expect((await ask('/a.txt', { range: 'bytes=0-1', 'if-range': condition.replace('TAG', tag) })).status).toBe(
      status,
    );
  });

  it('of an empty file, and for HEAD', async () => {
    const { ask } = await start();
    expect((await ask('/empty.css', { range: 'bytes=0-0' })).status).toBe(416);
    expect((await ask('/empty.css', { range: 'bytes=-5' })).status).toBe(200);
    const head = await ask('/a.txt', { range: 'bytes=0-1' }, 'HEAD');
    expect([head.status, head.headers['content-length']]).toEqual([200, '100']);
  });
});

describe('files that change', () => {
  it('have another tag, and are cut off rather than filled up when they become shorter', async () => {
    const path = join(root, 'changing.bin');
    await writeFile(path, Buffer.alloc(32 * 1024 * 1024));
    const { ask, port } = await start();
    const { etag } = (await ask('/changing.bin', {}, 'HEAD')).headers;
    const request = get({ port, host: '127.0.0.1', path: '/changing.bin' });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    await truncate(path, 10);
    let size = 0;
    const failed = await (async () => {
      for await (const chunk of response) size += (chunk as Buffer).byteLength;
    })().catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(Error);
    expect(size).toBeLessThan(32 * 1024 * 1024);
    expect((await ask('/changing.bin')).headers.etag).not.toBe(etag);
  });

  it.runIf(process.platform === 'linux')('are closed again, whatever becomes of the answer', async () => {
    await writeFile(join(root, 'large.bin'), Buffer.alloc(8 * 1024 * 1024));
    const { ask, port } = await start();
    const open = (): number =>
      execFileSync('ls', ['-l', `/proc/${process.pid}/fd`])
        .toString()
        .split(root).length - 1;
    const tag = (await ask('/a.txt')).headers.etag!;
    await ask('/a.txt', { 'if-none-match': tag });
    await ask('/a.txt', { 'if-match': '"other"' });
    await ask('/a.txt', { range: 'bytes=500-' });
    await ask('/a.txt', {}, 'HEAD');
    await ask('/app.js', { 'accept-encoding': 'br' });
    const request = get({ port, host: '127.0.0.1', path: '/large.bin' });
    await once(request, 'response');
    request.destroy();
    await expect.poll(open).toBe(0);
  });
});

describe('fileReply', () => {
  it('serves one file of a folder, and nothing beside it', async () => {
    const { url } = await serve(
      createNodeListener(async (exchange) => {
        const path = decodeURIComponent(exchange.query);
        return (await fileReply(exchange, root, path)) ?? { status: 404 };
      }),
    );
    const statuses: [string, number][] = [];
    for (const path of [
      'a.txt',
      'docs/index.html',
      'docs/a b+ü%.txt',
      'docs',
      '',
      '../secret.txt',
      '/etc/passwd',
      '.env',
      'a\0.txt',
      '..\\x',
    ])
      statuses.push([path, (await fetch(`${url}/?${encodeURIComponent(path)}`)).status]);
    expect(statuses.map(([, status]) => status)).toEqual([200, 200, 200, 404, 404, 404, 404, 404, 404, 404]);
  });
});

it.each<[string, () => unknown]>([
  ['a root that is not there', () => staticFiles(join(base, 'nowhere'))],
  ['no root', () => staticFiles(undefined as never)],
  ['a prefix without its slashes', () => staticFiles(base, { prefix: 'files' })],
  ['an index in another folder', () => staticFiles(base, { index: '../index.html' })],
  ['a coding that there is not', () => staticFiles(base, { precompressed: ['lzma' as never] })],
  ['headers that are no function', () => staticFiles(base, { headers: {} as never })],
  ['a misspelt option', () => staticFiles(base, { dotfiles: 'allow' } as never)],
])('staticFiles refuses %s', (_name, make) => {
  expect(make).toThrow(expect.objectContaining({ code: 'middleware.invalid_options' }) as Error);
});
