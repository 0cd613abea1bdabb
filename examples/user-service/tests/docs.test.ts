import { describeWithBrowser } from '@ent/testkit/browser';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { client, password } from './client.ts';
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
        'POST /api/v1/auth/token',
        'POST /api/v1/auth/refresh',
        'POST /api/v1/auth/logout',
        'GET /health',
      ]),
    );
  });
});

/** Tries an operation out on the page of Swagger UI: the text of the answer. */
async function perform(page: Page, operation: string, fill?: (block: Locator) => Promise<void>): Promise<string> {
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
}

const viewport = { width: 1280, height: 900 };
describeWithBrowser('in a browser', (open) => {
  it('lets a newcomer try it out: what the page offers is taken, and the token outlives a reload', async () => {
    const { page } = await open(`${service.url}/docs`, { viewport });
    const registered = await perform(page, 'users-registerUser');
    expect(registered).toMatch(/^201\b/);
    const loggedIn = await perform(page, 'auth-login');
    expect(loggedIn).toMatch(/^200\b/);

    await page.getByRole('button', { name: 'Authorize' }).first().click();
    const token = /"access_token": "([^"]+)"/.exec(loggedIn)?.[1] ?? '';
    await page.locator('.auth-container input').first().fill(token);
    await page.getByRole('button', { name: 'Apply credentials' }).click();
    await page.reload();

    const id = /"id": "([^"]+)"/.exec(registered)?.[1] ?? '';
    const read = await perform(page, 'users-getUser', (block) => block.getByPlaceholder('id').fill(id));
    expect(read).toMatch(/^200\b/);
    expect(read).toContain('ada@example.com');
  });

  it('logs in by address and password, keeps the token over a reload, and the password nowhere', async () => {
    const { email, id } = await client(service.url).register();
    const { page } = await open(`${service.url}/docs`, { viewport });
    await page.getByRole('button', { name: 'Authorize' }).first().click();
    const authorize = page.getByRole('button', { name: 'Apply given OAuth2 credentials' });
    await page.getByLabel('username:').fill(email);
    await page.getByLabel('password:').fill('wrong wrong wrong');
    await authorize.click();
    await page.locator('.auth-container .errors').waitFor();
    // The page of Swagger UI offers it again once its fault is read: as after a reload.
    await page.reload();
    await page.getByRole('button', { name: 'Authorize' }).first().click();
    await page.getByLabel('username:').fill(email);
    await page.getByLabel('password:').fill(password);
    await authorize.click();
    await page.getByRole('button', { name: 'Remove authorization' }).waitFor();
    const kept = await page.evaluate(() => JSON.stringify(Object.entries(localStorage)));
    expect(kept).toContain('access_token');
    expect(kept).not.toContain(password);
    expect(kept).not.toContain('refresh_token');
    await page.reload();
    const read = await perform(page, 'users-getUser', (block) => block.getByPlaceholder('id').fill(id));
    expect(read).toMatch(/^200\b/);
    expect(read).toContain(email);
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
