import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { createClient } from 'redis';
import { describe, expect, it } from 'vitest';
import { redisStreams, redisStreamsFeatures } from '../../src/drivers/redis-streams/index.ts';
import type { MessagingDriver } from '../../src/index.ts';
import { openMessaging } from '../../src/open.ts';
import { testMessagingDriver } from '../../src/testing.ts';

/** Ends the connections of the clients that have this name, on each server. */
async function killConnections(urls: readonly string[], name: string): Promise<void> {
  for (const url of urls) {
    const client = await createClient({ url }).connect();
    const list = await client.sendCommand<string>(['CLIENT', 'LIST']);
    for (const [, id] of list.matchAll(new RegExp(`^id=(\\d+) .* name=${name} `, 'gm'))) {
      await client.sendCommand(['CLIENT', 'KILL', 'ID', id!]);
    }
    client.destroy();
  }
}

describeWithServer('redis-cluster', (server) => {
  const rootNodes = () => server.urls.map((url) => ({ url }));

  describe('conformance', () => {
    const names = new WeakMap<MessagingDriver, string>();
    testMessagingDriver(
      { it },
      {
        features: redisStreamsFeatures,
        patienceMs: 100_000,
        createDriver() {
          const name = uniqueName('client');
          const driver = redisStreams({ cluster: { rootNodes: rootNodes(), defaults: { name } }, lease: 5000 });
          names.set(driver, name);
          return driver;
        },
        disconnect: (driver) => killConnections(server.urls, names.get(driver)!),
      },
    );
  });

  it('is opened by URL', async () => {
    const hosts = server.urls.map((url) => new URL(url).host);
    const messaging = await openMessaging(`redis+cluster://${hosts.join()}?lease=30s`, { timeout: '1m' });
    const topics = ['a', 'b', 'c', 'd'].map((name) => uniqueName(name));
    const seen: unknown[] = [];
    for (const topic of topics) await messaging.subscribe(topic, { group: 'g' }, ({ type }) => seen.push(type));
    await Promise.all(topics.map((topic) => messaging.publish(topic, 1)));
    await expect.poll(() => seen.toSorted()).toEqual(topics.toSorted());
    await messaging.close();
  });
});
