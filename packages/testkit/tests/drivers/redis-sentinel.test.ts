import { createSentinel } from 'redis';
import { expect, it } from 'vitest';
import { uniqueName } from '../../src/index.ts';
import { describeWithServer } from '../../src/vitest.ts';

describeWithServer('redis-sentinel', { killable: true }, (server) => {
  async function openClient() {
    const client = createSentinel({
      name: server.primaryName,
      sentinelRootNodes: server.sentinels.map(({ host, port }) => ({ host, port })),
    });
    client.on('error', () => {}); // a node dies on purpose
    await client.connect();
    return client;
  }

  it('fails over to a replica, which has the data, and takes the old primary back', async () => {
    const key = uniqueName('k');
    const client = await openClient();
    await client.set(key, 'here');
    await client.sendCommand(false, ['WAIT', '2', '0']); // the replicas have it: a failover may lose what none has
    const old = await server.primary();

    await old.kill();
    await expect.poll(async () => (await server.primary()).port).not.toBe(old.port);
    await expect.poll(() => client.get(key).catch(() => undefined)).toBe('here');
    await client.destroy();

    await server.start();
    expect((await server.primary()).port).not.toBe(old.port);
    await server.restart();
    const after = await openClient();
    expect(await after.get(key)).toBe('here');
    await after.destroy();
  });
});
