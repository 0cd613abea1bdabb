import { expect, it } from 'vitest';
import { everythingTo, gateway, upstream } from './gateway.ts';

it('the live page shows what goes through the gateway', async () => {
  await using service = await upstream((_, res) => void res.end('served'));
  await using edge = await gateway(everythingTo(service.url), { LIVE_PORT: '0' });
  const page = /the live page is (\S+)/.exec(edge.lines().join('\n'))?.[1];
  expect((await fetch(page as string)).headers.get('content-type')).toContain('text/html');
  await (await fetch(`${edge.url}/some/path`)).text();
  await expect.poll(async () => (await fetch(`${page}/data`)).text()).toContain('GET /');
});
