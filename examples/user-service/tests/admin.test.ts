// The page of administrators, in a browser: who is there, what they may, where they are logged in, how the parts are.
import { describeWithBrowser } from '@ent/testkit/browser';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Client, client, password } from './client.ts';
import { admin, type Service, settings, start, temporaryFolder } from './service.ts';

const folder = temporaryFolder();
let service: Service;
let api: Client;
beforeAll(async () => {
  service = await start(folder.path, settings(folder.path));
  api = client(service.url);
});
afterAll(async () => {
  await service?.kill();
  folder.remove();
});

it('comes with a policy that lets nothing run but its own files', async () => {
  const page = await fetch(`${service.url}/admin`);
  expect(page.url).toBe(`${service.url}/admin/`);
  const policy = page.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toMatch(/unsafe|\*|https?:/);
  expect(await page.text()).not.toMatch(/<style|style=|<script(?![^>]* src=)|\son\w+=/);
});

it('sessions of a user are for administrators', async () => {
  const { id, token } = await api.newUser();
  const path = `/api/v1/users/${id}/sessions`;
  expect((await api.call('GET', path)).status).toBe(401);
  for (const method of ['GET', 'DELETE']) expect((await api.call(method, path, { token })).status).toBe(403);
  expect((await api.call('DELETE', `${path}/x`, { token })).status).toBe(403);
  const root = (await api.loginAdmin()).access_token;
  const { body } = await api.call('GET', path, { token: root });
  expect(body.items).toMatchObject([{ current: false, address: '127.0.0.1' }]);
  expect((await api.call('DELETE', `${path}/of-nobody`, { token: root })).status).toBe(404);
  expect((await api.call('DELETE', `${path}/${body.items[0]!.id}`, { token: root })).status).toBe(204);
  expect((await api.call('GET', `/api/v1/users/${id}`, { token })).status).toBe(401);
});

describeWithBrowser('the page of administrators', (open) => {
  it('finds users in pages, gives a role, ends sessions, and shows how the parts are', async () => {
    // Names as somebody writes them who tries to get into the page.
    const { email } = await api.register(undefined, '<img src=x onerror=alert(1)> Grace');
    for (let n = 0; n < 11; n++) await api.register(undefined, `Ann ${n}`);
    const { access_token: token } = await api.login(email);
    const { page, faults } = await open(`${service.url}/admin/`);
    const signIn = async (who: string, secret: string): Promise<void> => {
      await page.getByLabel('Email', { exact: true }).fill(who);
      await page.getByLabel('Password').fill(secret);
      await page.getByRole('button', { name: 'Sign in' }).click();
    };
    // It is no administrator, and sees nothing.
    await signIn(email, password);
    await page.getByRole('alert').getByText(/./).waitFor();
    expect(await page.getByRole('table').count()).toBe(0);
    await signIn(admin.email, admin.password);

    const users = page.getByRole('region', { name: 'Users' });
    await users.getByText('page 1').waitFor();
    expect(await users.locator('tbody tr').count()).toBe(10);
    await users.getByRole('button', { name: 'Next' }).click();
    await users.getByText('page 2').waitFor();
    await users.getByRole('button', { name: admin.email }).waitFor();
    await users.getByRole('button', { name: 'Previous' }).click();
    await users.getByText('page 1').waitFor();
    await users.getByLabel('Address or name').fill('GRACE');
    await users.getByRole('button', { name: 'Search' }).click();
    await users.getByRole('button', { name: email }).click();

    const user = page.getByRole('region', { name: email });
    await user.getByLabel('admin').check();
    await user.getByRole('button', { name: 'Save' }).click();
    await users.getByRole('cell', { name: 'user, admin' }).waitFor();
    expect((await api.call('GET', '/api/v1/users/', { token })).status).toBe(200);
    await user
      .getByRole('button', { name: /^End the session/ })
      .first()
      .waitFor();
    await user.getByRole('button', { name: 'End all sessions' }).click();
    await expect.poll(() => user.locator('tbody tr').count()).toBe(0);
    expect((await api.call('GET', '/api/v1/users/', { token })).status).toBe(401);

    const health = page.getByRole('region', { name: 'Health' });
    await health.getByRole('status').getByText('pass').waitFor();
    for (const part of ['database', 'cache', 'broker', 'outbox']) {
      await health.getByRole('rowheader', { name: part }).waitFor();
    }
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Password').waitFor();
    expect(await page.getByLabel('Email', { exact: true }).inputValue()).toBe('');
    // The browser notes each answer of 400 and more: that of who is no administrator.
    expect(faults.filter((fault) => !fault.includes('status of 403'))).toEqual([]);
  });
});
