import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Middleware, securityHeaders } from '@ent/middleware';
import { describe, expect, it } from 'vitest';
import { serve } from '../../middleware/tests/support/serve.ts';
import { docs } from '../src/docs.ts';
import { createListener } from '../src/index.ts';
import { routes } from './support/app.ts';

const about = { title: 'Items <of> "us" & you', version: '1' };
const start = async (): Promise<string> =>
  (
    await serve(
      createListener([...routes, ...docs(routes, about)], { middleware: [securityHeaders()], denyByDefault: false }),
    )
  ).url;

describe('docs', () => {
  it('serve the document', async () => {
    const url = await start();
    const answer = await fetch(`${url}/openapi.json`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(await answer.json()).toMatchObject({ openapi: '3.1.0', info: about });
    const again = await fetch(`${url}/openapi.json`, {
      headers: { 'if-none-match': answer.headers.get('etag') ?? '' },
    });
    expect(again.status).toBe(304);
  });

  it.each(['/docs', '/docs/', '/redoc'])(
    'serve a page that is complete, and loads nothing from elsewhere: %s',
    async (path) => {
      const url = await start();
      const page = await fetch(url + path);
      const html = await page.text();
      expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
      expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self';/);
      expect(page.headers.get('content-security-policy')).not.toMatch(/https?:|\*|unsafe-eval/);
      expect(html).toContain('<title>Items &#60;of&#62; &#34;us&#34; &#38; you</title>');
      const links = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] as string);
      expect(links.length).toBeGreaterThan(2);
      for (const link of links) {
        if (link === 'data:,') continue;
        expect(link).toMatch(/^\/(docs|redoc)\//);
        const asset = await fetch(url + link);
        expect([link, asset.status]).toEqual([link, 200]);
        expect(asset.headers.get('content-type')).toMatch(link.endsWith('.css') ? /^text\/css/ : /^text\/javascript/);
        expect((await asset.bytes()).length).toBe(Number(asset.headers.get('content-length')));
        const again = await fetch(url + link, { headers: { 'if-none-match': asset.headers.get('etag') ?? '' } });
        expect(again.status).toBe(304);
      }
    },
  );

  it('name no host of their own choice in what they start', async () => {
    const url = await start();
    expect(await (await fetch(`${url}/redoc/redoc.standalone.js`)).text()).not.toContain('cdn.redoc.ly');
    expect(await (await fetch(`${url}/docs/start.js`)).text()).toContain('validatorUrl: null');
  });

  it('read a file of a package once, whoever asks for it', async () => {
    const bodies: unknown[] = [];
    const noting: Middleware = { name: 'noting', head() {}, reply: (_exchange, { body }) => void bodies.push(body) };
    const { url } = await serve(createListener(docs(routes, about), { middleware: [noting] }));
    for (const path of ['/docs/swagger-ui.css', '/redoc/redoc.standalone.js']) {
      for (let count = 0; count < 2; count++) await (await fetch(url + path)).arrayBuffer();
      const [first, second] = bodies.splice(0);
      expect(first).toBeInstanceOf(Buffer);
      expect(second === first).toBe(true);
    }
  });

  it('serve no other file of the packages', async () => {
    const url = await start();
    for (const path of [
      '/docs/index.html',
      '/docs/package.json',
      '/docs/..%2fpackage.json',
      '/redoc/bundles/redoc.standalone.js',
    ]) {
      expect((await fetch(url + path)).status).toBe(404);
    }
  });

  it('serve only the pages that were asked for', () => {
    expect(docs(routes, { ...about, pages: [] }).map(({ path }) => path)).toEqual(['/openapi.json']);
    expect(docs(routes, { ...about, pages: ['redoc'] }).map(({ path }) => path)).not.toContain('/docs');
  });

  it('serve a logo beside the pages, read when they are made', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ent-logo-'));
    const file = pathToFileURL(join(folder, 'brand.png'));
    const content = Buffer.from('89504e470d0a1a0a', 'hex');
    writeFileSync(file, content);
    const table = docs(routes, { ...about, logo: file });
    rmSync(folder, { recursive: true });
    const { url } = await serve(createListener(table));
    const { info } = (await (await fetch(`${url}/openapi.json`)).json()) as { info: object };
    expect(info).toMatchObject({ 'x-logo': { url: '/redoc/logo.png', altText: about.title } });
    for (const path of ['/docs/logo.png', '/redoc/logo.png']) {
      const answer = await fetch(url + path);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/png']);
      expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'none';.* sandbox$/);
      expect(Buffer.from(await answer.arrayBuffer())).toEqual(content);
      const again = await fetch(url + path, { headers: { 'if-none-match': answer.headers.get('etag') ?? '' } });
      expect(again.status).toBe(304);
    }
    const [document] = docs(routes, { ...about, pages: [], logo: 'data:image/png;base64,AA==' });
    expect(document?.path).toBe('/openapi.json');
  });

  it.each<[string, unknown, RegExp]>([
    ['that is not there', './nowhere/logo.svg', /logo \.\/nowhere\/logo\.svg cannot be read/],
    ['of an unknown kind', import.meta.filename, /must be a file that ends with \.svg/],
    ['of another host', 'https://example.com/logo.svg', /cannot be read/],
    ['that is a page', 'data:text/html,<p>', /begin with "data:image\/"/],
    ['that is none', 7, /must be a file/],
  ])('refuse a logo %s', (_name, logo, message) => {
    const make = () => docs(routes, { ...about, logo: logo as string });
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code: 'http.invalid_options' }) as Error);
  });

  it('may be used under denyByDefault', () => {
    expect(() => createListener(docs(routes, about), { denyByDefault: true })).not.toThrow();
  });
});
