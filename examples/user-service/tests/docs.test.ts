import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { client } from './client.ts';
import { type Service, start, temporaryFolder } from './service.ts';

const browserPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);
const required = /\ball\b|\bchromium\b/.test(process.env['ENT_TEST_REQUIRE'] ?? '');
const output = fileURLToPath(new URL('../test-output/', import.meta.url));
const folder = temporaryFolder();
let service: Service;

beforeAll(async () => {
  service = await start(folder.path);
});
afterAll(async () => {
  await service?.stop();
  folder.remove();
});

describe('/openapi.json', () => {
  it('describes every endpoint', async () => {
    const { status, body } = await client(service.url).call('GET', '/openapi.json');
    expect(status).toBe(200);
    expect(body.openapi).toMatch(/^3\.1\./);
    const operations = Object.entries(body.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(operations).toEqual(
      expect.arrayContaining([
        'POST /api/v1/users',
        'GET /api/v1/users',
        'GET /api/v1/users/{id}',
        'PUT /api/v1/users/{id}',
        'DELETE /api/v1/users/{id}',
        'POST /api/v1/auth/login',
        'POST /api/v1/auth/refresh',
        'POST /api/v1/auth/logout',
        'GET /health',
      ]),
    );
  });
});

const unavailable = browserPath === undefined && !required;
describe.skipIf(unavailable)(
  `in a browser${unavailable ? ' (skipped: Chromium is not installed; run scripts/install-services.sh chromium)' : ''}`,
  () => {
    let browser: Browser;
    beforeAll(async () => {
      if (browserPath === undefined)
        throw new Error('Chromium is not installed; run scripts/install-services.sh chromium');
      mkdirSync(output, { recursive: true });
      browser = await chromium.launch({
        executablePath: browserPath,
        timeout: 100_000,
        args: [
          '--no-sandbox',
          '--disable-gpu',
          '--disable-quic',
          '--no-first-run',
          '--disable-background-networking',
          '--disable-component-update',
          '--disable-sync',
        ],
      });
    });
    afterAll(() => browser?.close());

    const newPage = async (): Promise<Page> => {
      const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
      page.setDefaultTimeout(100_000);
      return page;
    };

    it('lets a newcomer try it out: what the page offers is taken, and the token outlives a reload', async () => {
      const page = await newPage();
      const perform = async (operation: string, fill?: (block: Locator) => Promise<void>): Promise<string> => {
        const block = page.locator(`#operations-${operation}`);
        const control = block.locator('.opblock-summary-control');
        const tryOut = block.getByRole('button', { name: 'Try it out' });
        // A page that has just been loaded takes the click, and closes what it opened when it is complete.
        const isOpen = async (): Promise<boolean> => {
          if ((await control.getAttribute('aria-expanded')) !== 'true') await control.click();
          return tryOut.isVisible();
        };
        await expect.poll(isOpen).toBe(true);
        await tryOut.click();
        await fill?.(block);
        await block.getByRole('button', { name: 'Execute' }).click();
        return block.locator('.live-responses-table tbody tr.response').first().innerText();
      };
      await page.goto(`${service.url}/docs`);

      const registered = await perform('users-registerUser');
      expect(registered).toMatch(/^201\b/);
      const loggedIn = await perform('auth-login');
      expect(loggedIn).toMatch(/^200\b/);

      await page.getByRole('button', { name: 'Authorize' }).first().click();
      const token = /"access_token": "([^"]+)"/.exec(loggedIn)?.[1] ?? '';
      await page.locator('.auth-container input').first().fill(token);
      await page.getByRole('button', { name: 'Apply credentials' }).click();
      await page.reload();

      const id = /"id": "([^"]+)"/.exec(registered)?.[1] ?? '';
      const read = await perform('users-getUser', (block) => block.getByPlaceholder('id').fill(id));
      expect(read).toMatch(/^200\b/);
      expect(read).toContain('ada@example.com');
      await page.close();
    });

    it.each([
      ['docs', '.swagger-ui .opblock-summary-path', '.swagger-ui .opblock-summary'],
      ['redoc', 'h1', '[data-section-id], [id^="tag/"], [id^="operation/"]'],
    ])('/%s renders the API without a request to another host', async (page, title, operation) => {
      const tab = await newPage();
      const elsewhere: string[] = [];
      const complaints: string[] = [];
      tab.on('request', (request) => {
        const url = new URL(request.url());
        if (url.protocol.startsWith('http') && url.origin !== service.url) elsewhere.push(request.url());
      });
      tab.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text());
      });
      tab.on('pageerror', (error) => complaints.push(String(error)));
      await tab.goto(`${service.url}/${page}`, { waitUntil: 'networkidle' });
      await tab.locator(title).first().waitFor({ state: 'visible' });
      await tab.locator(operation).first().waitFor({ state: 'visible' });
      await tab.screenshot({ path: `${output}${page}.png` });
      expect(await tab.textContent('body')).toContain('/api/v1/users/');
      // Samples are what a person would send and get: nothing made of a pattern, no limit of a double.
      expect(await tab.textContent('body')).not.toMatch(/9007199254740991/);
      expect(elsewhere).toEqual([]);
      expect(complaints).toEqual([]);
      await tab.close();
    });
  },
);
