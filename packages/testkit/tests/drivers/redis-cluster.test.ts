import { createCluster } from 'redis';
import { expect, it } from 'vitest';
import { uniqueName } from '../../src/index.ts';
import { describeWithServer } from '../../src/vitest.ts';

describeWithServer('redis-cluster', { killable: true }, (server) => {
  async function openClient() {
    const client = createCluster({ rootNodes: server.urls.map((url) => ({ url })) });
    client.on('error', () => {}); // a node dies on purpose
    await client.connect();
    return client;
  }

  it('spreads the keys over three primaries', async () => {
    const client = await openClient();
    expect(server.nodes).toHaveLength(6);
    expect(client.masters).toHaveLength(3);
    const keys = Array.from({ length: 30 }, () => uniqueName('k'));
    for (const key of keys) await client.set(key, key);
    expect(await Promise.all(keys.map((key) => client.get(key)))).toEqual(keys);
    client.destroy();
  });

  it('promotes a replica when a primary is killed', async () => {
    const client = await openClient();
    const keys = Array.from({ length: 30 }, () => uniqueName('k'));
    for (const key of keys) {
      await client.set(key, key);
      await client.sendCommand(key, false, ['WAIT', '1', '0']); // a replica has it: a failover may lose what none has
    }

    const [primary] = server.nodes;
    await primary?.kill();
    const readAll = () => Promise.all(keys.map((key) => client.get(key))).catch(() => []);
    await expect.poll(readAll).toEqual(keys);
    client.destroy();

    await primary?.start();
  });

  it('is whole again after all nodes were killed', async () => {
    const key = uniqueName('k');
    const before = await openClient();
    await before.set(key, 'here');
    before.destroy();
    await server.kill();
    await server.start();
    const after = await openClient();
    expect(await after.get(key)).toBe('here');
    after.destroy();
  });
});
