import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, client, newEmail, password } from './client.ts';
import { type Service, settings, start, temporaryFolder } from './service.ts';

/** Clients of several addresses, behind a proxy that says which. */
describe('one address that registers without end', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let service: Service;
  let api: Client;
  const from = (address: string) => ({ 'x-forwarded-for': address });

  beforeAll(async () => {
    folder = temporaryFolder();
    const env = { TRUST_PROXIES: '127.0.0.1', REGISTRATION_LIMIT: '40', RATE_LIMIT_PER_MINUTE: '100000' };
    service = await start(folder.path, settings(folder.path, env));
    api = client(service.url);
  });
  afterAll(async () => {
    await service?.stop();
    folder?.remove();
  });

  it('makes only itself wait, and is told to stop', async () => {
    const user = await api.register();
    const began = Date.now();
    const flood = Array.from({ length: 60 }, () =>
      api.call('POST', '/api/v1/users/', {
        headers: from('203.0.113.9'),
        body: { email: newEmail(), password, name: 'flood' },
      }),
    );
    let ended = 0;
    for (const each of flood) void each.then(() => ended++);
    const login = await api.call('POST', '/api/v1/auth/login', {
      headers: from('203.0.113.10'),
      body: { email: user.email, password },
    });
    expect(login.status).toBe(200);
    // It waited for its turn, and not for the forty that were there before.
    expect(ended).toBeLessThan(60);
    const answers = await Promise.all(flood);
    const refused = answers.filter((answer) => answer.status === 429);
    // One more is let in each time a fortieth of the quarter of an hour has passed.
    const refilled = Math.ceil((Date.now() - began) / (900_000 / 40));
    expect(refused.length).toBeLessThanOrEqual(20);
    expect(refused.length).toBeGreaterThanOrEqual(20 - refilled);
    for (const { headers } of refused) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    const other = { headers: from('203.0.113.11'), body: { email: newEmail(), password, name: 'a' } };
    expect((await api.call('POST', '/api/v1/users/', other)).status).toBe(201);
  });

  it('has one limit for all ports that its proxy writes', async () => {
    const register = async (port: number): Promise<number> => {
      const headers = from(`203.0.113.9:${port}`);
      return (await api.call('POST', '/api/v1/users/', { headers, body: { email: newEmail(), password, name: 'a' } }))
        .status;
    };
    // What the limit has let in again since is soon used up; with a limit for each port none would be refused.
    const statuses = [await register(4001)];
    while (statuses.length < 40 && !statuses.includes(429)) statuses.push(await register(4001 + statuses.length));
    expect(statuses).toContain(429);
  });
});
