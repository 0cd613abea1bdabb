// An assistant asks the running service, by the official client.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { admin, type Service, settings, start, temporaryFolder } from './service.ts';

const TOKEN = 'of-an-assistant-4711';

describe('an assistant', () => {
  const folder = temporaryFolder();
  let service: Service;
  beforeAll(async () => {
    service = await start(folder.path, settings(folder.path, { MCP_TOKEN: TOKEN }));
  });
  afterAll(async () => {
    await service?.kill();
    folder.remove();
  });

  const asking = async (token = TOKEN): Promise<Client> => {
    const client = new Client({ name: 'test', version: '1.0.0' });
    const requestInit = { headers: { authorization: `Bearer ${token}` } };
    await client.connect(new StreamableHTTPClientTransport(new URL(`${service.url}/mcp`), { requestInit }));
    onTestFinished(() => client.close());
    return client;
  };
  const textOf = async (client: Client, name: string, args: Record<string, unknown> = {}): Promise<string> => {
    const { content, isError } = await client.callTool({ name, arguments: args });
    const text = content.map((each) => (each.type === 'text' ? each.text : '')).join('');
    if (isError) throw new Error(text);
    return text;
  };

  it('is told how the service is, and none of its secrets', async () => {
    const client = await asking();
    const { tools } = await client.listTools();
    const names = tools.map(({ name }) => name);
    expect(names).toEqual([
      'health',
      'metrics',
      'config',
      'routes',
      'migrations',
      'queues',
      'dead_letters',
      'caches',
      'errors',
    ]);
    expect(JSON.parse(await textOf(client, 'health'))).toMatchObject({ status: 'pass', serviceId: 'user-service' });
    expect(await textOf(client, 'metrics', { name: 'health_check_status' })).toContain('{check="database"} 1');
    expect(JSON.parse(await textOf(client, 'routes', { path: '/livez' }))).toMatchObject([{ method: 'GET' }]);
    expect(JSON.parse(await textOf(client, 'migrations'))).toMatchObject({
      counts: { applied: expect.any(Number) as number },
    });
    expect(JSON.parse(await textOf(client, 'config'))).toMatchObject({
      ADMIN_EMAIL: admin.email,
      ADMIN_PASSWORD: '[redacted]',
      MCP_TOKEN: '[redacted]',
    });
    for (const name of names.filter((each) => each !== 'dead_letters')) {
      const text = await textOf(client, name);
      for (const secret of [admin.password, TOKEN, 'PRIVATE KEY']) expect(text).not.toContain(secret);
    }
  });

  it('is not let in without the token, and all others are served as before', async () => {
    await expect(asking('of-somebody-else-4711')).rejects.toThrow();
    expect((await fetch(`${service.url}/mcp`, { method: 'POST' })).status).toBe(401);
    expect((await fetch(`${service.url}/livez`)).status).toBe(200);
  });

  it('does not hold up the end of the service', async () => {
    await asking();
    expect(await service.stop()).toBe(0);
  });
});
