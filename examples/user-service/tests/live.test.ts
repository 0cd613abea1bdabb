// The page that LIVE_PORT opens, in a browser: what users do shows in it, and no secret.
import { describeWithBrowser } from '@ent/testkit/browser';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { client } from './client.ts';
import { admin, type Service, settings, start, temporaryFolder } from './service.ts';

const PAGE = /the live page is (http:\/\/127\.0\.0\.1:\d+)/;

describeWithBrowser('the live page', (open) => {
  const folder = temporaryFolder();
  let service: Service;
  beforeAll(async () => {
    service = await start(folder.path, settings(folder.path, { LIVE_PORT: '0', MCP_TOKEN: 'of-an-assistant-4711' }));
  });
  afterAll(async () => {
    await service?.kill();
    folder.remove();
  });

  it('shows what the service does, until it has stopped', async () => {
    const [, url = ''] = PAGE.exec(service.output()) ?? [];
    const { page, faults } = await open(url);
    await page.getByRole('status').getByText('pass').waitFor();
    for (const check of ['database', 'cache', 'broker', 'outbox']) {
      await page.getByRole('region', { name: 'Health' }).getByRole('rowheader', { name: check }).waitFor();
    }
    const api = client(service.url);
    const user = await api.newUser();
    await api.call('GET', `/api/v1/users/${user.id}`, { token: user.token });
    await page.getByRole('rowheader', { name: 'POST /api/v1/users' }).waitFor();
    await page.getByRole('rowheader', { name: 'GET /api/v1/users/:id' }).waitFor();
    await page.getByRole('rowheader', { name: 'insert users' }).waitFor();
    await page.getByRole('region', { name: 'Messages handled' }).getByRole('row').nth(1).waitFor();
    expect(faults).toEqual([]);
    const data = await (await fetch(`${url}/data`)).text();
    for (const secret of [admin.password, 'of-an-assistant-4711', 'PRIVATE KEY']) expect(data).not.toContain(secret);
    await page.close();
    expect(await service.stop()).toBe(0);
  });
});

it('is not there unless it is asked for', async () => {
  const folder = temporaryFolder();
  const service = await start(folder.path);
  expect(service.output()).not.toMatch(PAGE);
  expect((await fetch(`${service.url}/live/`)).status).toBe(404);
  await service.kill();
  folder.remove();
});
