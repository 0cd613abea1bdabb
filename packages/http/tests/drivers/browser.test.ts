import { existsSync } from 'node:fs';
import { securityHeaders } from '@ent/middleware';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { serve } from '../../../middleware/tests/support/serve.ts';
import { docs } from '../../src/docs.ts';
import { createListener } from '../../src/index.ts';
import { routes } from '../support/app.ts';

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

    it('ReDoc shows the routes and finds one', async () => {
      const { page, faults } = await open('/redoc');
      await page.getByText('/items/{id}').first().waitFor();
      await page.getByRole('textbox').first().fill('getHeader');
      await page.locator('[role="menuitem"]', { hasText: 'getHeader' }).first().waitFor();
      expect(faults).toEqual([]);
    });
  },
);
