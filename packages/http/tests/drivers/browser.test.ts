import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cors, requestId, securityHeaders } from '@ent/middleware';
import { type Browser, chromium, type Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { serve } from '../../../middleware/tests/support/serve.ts';
import { docs } from '../../src/docs.ts';
import { createListener, route } from '../../src/index.ts';
import { routes } from '../support/app.ts';
import { clientRoutes, eventRoutes } from '../support/client-routes.ts';

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);
const required = /\ball\b|\bchromium\b/.test(process.env['ENT_TEST_REQUIRE'] ?? '');
const missing = executablePath === undefined && !required;

describe.skipIf(missing)(
  `docs in a browser${missing ? ' (skipped: Chromium is not installed; run scripts/install-services.sh chromium)' : ''}`,
  () => {
    let browser: Browser;
    beforeAll(async () => {
      if (executablePath === undefined)
        throw new Error('Chromium is not installed; run scripts/install-services.sh chromium');
      browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    });
    afterAll(() => browser?.close());

    /** Opens a page and notes whatever went wrong in it, and whatever it asked another host for. */
    async function open(path: string): Promise<{ page: Page; faults: string[]; url: string; statuses: unknown[] }> {
      const statuses: (number | undefined)[] = [];
      const { url } = await serve(
        createListener([...routes, ...docs(routes, { title: 'Items', version: '1' })], {
          middleware: [
            securityHeaders(),
            { name: 'statuses', done: (_exchange, { status }) => void statuses.push(status) },
          ],
        }),
      );
      const page = await browser.newPage();
      onTestFinished(() => page.close());
      const faults: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
      });
      page.on('pageerror', (error) => faults.push(error.message));
      page.on('request', (request) => {
        if (
          !request
            .url()
            .replace(/^blob:/, '')
            .startsWith(`${url}/`)
        )
          faults.push(`asked for ${request.url()}`);
      });
      await page.goto(url + path);
      return { page, faults, url, statuses };
    }

    it.each([
      ['/docs', '.swagger-ui .opblock-summary-path'],
      ['/redoc', 'h1'],
    ])('%s is whole when it is opened for the second time, out of the cache', async (path, content) => {
      const { page, faults, url, statuses } = await open(path);
      await page.locator(content).first().waitFor();
      await page.goto('about:blank');
      await page.goto(url + path);
      await page.locator(content).first().waitFor();
      expect(statuses).toContain(304);
      expect(faults).toEqual([]);
    });

    it('Swagger UI shows the routes and calls one', async () => {
      const { page, faults } = await open('/docs');
      await page.locator('#operations-default-getText').click();
      await page.getByRole('button', { name: 'Try it out' }).click();
      await page.getByRole('button', { name: 'Execute' }).click();
      await page.locator('.live-responses-table').getByText('grüße').first().waitFor();
      expect(faults).toEqual([]);
    });

    it('runs a client, which a bundler makes of it without anything of Node', async () => {
      const api = clientRoutes.map((each) => ({ ...each, path: `/api${each.path}` }));
      const text = (path: string, contentType: string, body: string) =>
        route({ method: 'GET', path, responses: { 200: { contentType } }, handler: () => body });
      const { url } = await serve(
        createListener(
          [
            ...api,
            text(
              '/',
              'text/html; charset=utf-8',
              '<!doctype html><link rel="icon" href="data:,"><script src="/app.js" defer></script>',
            ),
            text(
              '/app.js',
              'text/javascript; charset=utf-8',
              await bundled(import.meta.resolve('../support/in-browser.ts')),
            ),
          ],
          { middleware: [requestId()] },
        ),
      );
      const page = await browser.newPage();
      onTestFinished(() => page.close());
      await page.goto(url);
      expect(await page.evaluate('inBrowser()')).toEqual({
        body: { id: 'ü/1' },
        found: { code: 'not_found', message: 'There is no such item.', id: 36 },
        aborted: 'enough',
        lost: 'http.unreachable',
        log: 'GET /items/:id answered 404 to the request ID.',
      });
    });

    it('runs a client of another origin, which takes events up where a connection was lost', async () => {
      const script = await bundled(import.meta.resolve('../support/in-browser.ts'));
      const page = await browser.newPage();
      onTestFinished(() => page.close());
      const html = { 200: { contentType: 'text/html; charset=utf-8' } } as const;
      const { url: origin } = await serve(
        createListener([route({ method: 'GET', path: '/', responses: html, handler: () => '<!doctype html>' })]),
      );
      const { url } = await serve(createListener(eventRoutes, { middleware: [cors({ origins: [origin] })] }));
      await page.goto(origin);
      await page.addScriptTag({ content: script });
      expect(await page.evaluate(`acrossOrigins(${JSON.stringify(url)})`)).toEqual(['1', '2', '3']);
    });

    it('ReDoc shows the routes and finds one', async () => {
      const { page, faults } = await open('/redoc');
      await page.getByText('/items/{id}').first().waitFor();
      await page.getByRole('textbox').first().fill('getHeader');
      await page.locator('[role="menuitem"]', { hasText: 'getHeader' }).first().waitFor();
      expect(faults).toEqual([]);
    });
  },
);

/** A file of the test support as a script for browsers; a module of Node in it is an error. */
async function bundled(file: string): Promise<string> {
  const entry = fileURLToPath(file);
  const made = await build({
    configFile: false,
    logLevel: 'error',
    resolve: { conditions: ['@ent/source'] },
    build: { write: false, minify: false, lib: { entry, formats: ['iife'], name: 'bundle' } },
  });
  const [output] = [made].flat();
  if (output === undefined || !('output' in output)) throw new Error('Nothing was bundled.');
  const { code } = output.output[0];
  expect(code).not.toMatch(/browser-external|require\(|\bBuffer\b/);
  return code;
}
