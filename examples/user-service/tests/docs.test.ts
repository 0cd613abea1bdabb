import { describeWithBrowser } from '@ent/testkit/browser';
import type { Locator } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { client } from './client.ts';
import { type Service, start, temporaryFolder } from './service.ts';

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

const viewport = { width: 1280, height: 900 };
describeWithBrowser('in a browser', (open) => {
  it('lets a newcomer try it out: what the page offers is taken, and the token outlives a reload', async () => {
    const { page } = await open(`${service.url}/docs`, { viewport });
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
  });

  it.each([
    ['docs', '.swagger-ui .opblock-summary-path', '.swagger-ui .opblock-summary'],
    ['redoc', 'h1', '[data-section-id], [id^="tag/"], [id^="operation/"]'],
  ])('/%s renders the API without a request to another host', async (page, title, operation) => {
    const { page: tab, faults } = await open(`${service.url}/${page}`, { viewport });
    await tab.waitForLoadState('networkidle');
    await tab.locator(title).first().waitFor({ state: 'visible' });
    await tab.locator(operation).first().waitFor({ state: 'visible' });
    expect(await tab.textContent('body')).toContain('/api/v1/users/');
    // Samples are what a person would send and get: nothing made of a pattern, no limit of a double.
    expect(await tab.textContent('body')).not.toMatch(/9007199254740991/);
    expect(faults).toEqual([]);
  });
});
