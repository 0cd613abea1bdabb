import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { createClient } from 'redis';
import { describe, expect, it } from 'vitest';
import { redisStreams, redisStreamsFeatures } from '../../src/drivers/redis-streams/index.ts';
import { createMessaging, type Messaging, type MessagingDriver } from '../../src/index.ts';
import { openMessaging } from '../../src/open.ts';
import { testMessagingDriver } from '../../src/testing.ts';
import { patientCall } from '../support.ts';
import { publishUntil } from './redis-streams-support.ts';

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

/** Publishes while a primary goes away, and demands that all that was stored is handled. */
async function expectNothingLost(
  make: () => Messaging,
  replicated: (topic: string) => Promise<unknown>,
  kill: (topic: string) => Promise<void>,
): Promise<void> {
  const topic = uniqueName('failover');
  const [publisher, subscriber] = [make(), make()];
  const handled = new Set<unknown>();
  await subscriber.subscribe(topic, { group: 'g', concurrency: 5, backoff: { base: 20 } }, ({ data }, { attempt }) => {
    if (Number(data) % 2 === 1 && attempt === 1) throw new Error('not yet');
    handled.add(data);
  });
  let count = 0;
  const before = await publishUntil(publisher, topic, () => count++ === 100);
  // Replication is asynchronous: what no replica has is gone with the primary.
  await replicated(topic);
  await kill(topic);
  count = 0;
  const after = await publishUntil(publisher, topic, () => count++ === 100);
  const missing = () => [...before, ...after].filter((n) => !handled.has(n));
  await expect.poll(missing, { timeout: 60_000 }).toEqual([]);
  expect(after.length).toBe(100);
  await Promise.all([publisher.close(), subscriber.close()]);
}

describeWithServer('redis-cluster', (server) => {
  const rootNodes = () => server.urls.map((url) => ({ url }));

  describe('conformance', () => {
    const names = new WeakMap<MessagingDriver, string>();
    testMessagingDriver(
      { it },
      {
        features: redisStreamsFeatures,
        createDriver() {
          const name = uniqueName('client');
          const driver = redisStreams({ cluster: { rootNodes: rootNodes(), defaults: { name } }, lease: 2000 });
          names.set(driver, name);
          return driver;
        },
        disconnect: (driver) => killConnections(server.urls, names.get(driver)!),
      },
    );
  });

  it('is opened by URL', async () => {
    const hosts = server.urls.map((url) => new URL(url).host);
    const messaging = await openMessaging(`redis+cluster://${hosts.join()}?lease=5s`);
    const topics = ['a', 'b', 'c', 'd'].map((name) => uniqueName(name));
    const seen: unknown[] = [];
    for (const topic of topics) await messaging.subscribe(topic, { group: 'g' }, ({ type }) => seen.push(type));
    await Promise.all(topics.map((topic) => messaging.publish(topic, 1)));
    await expect.poll(() => seen.toSorted()).toEqual(topics.toSorted());
    await messaging.close();
  });

  it.runIf(server.killable)('goes on with the replica of a primary that is killed', { timeout: 120_000 }, async () => {
    const cluster = { rootNodes: rootNodes() };
    const make = () => createMessaging({ driver: redisStreams({ cluster, lease: 1000 }), timeout: '60s' });
    const probe = redisStreams({ cluster });
    await probe.connect(patientCall());
    const primaryOf = (topic: string) => probe.client.getNodeClientForKey(`ent:{${topic}}`);
    await expectNothingLost(
      make,
      async (topic) => (await primaryOf(topic)).sendCommand(['WAIT', '1', '5000']),
      async (topic) => {
        const { port } = (await primaryOf(topic)).options.socket as { port: number };
        await server.nodes.find((node) => node.port === port)!.kill();
      },
    );
    await probe.close();
  });
});

describeWithServer('redis-sentinel', { killable: true }, (server) => {
  it('goes on with the new primary after a failover', { timeout: 120_000 }, async () => {
    const hosts = server.urls.map((url) => new URL(url).host);
    const url = `redis+sentinel://${hosts.join()}/${server.primaryName}?lease=1s`;
    const made = await Promise.all([1, 2].map(() => openMessaging(url, { timeout: '60s' })));
    await expectNothingLost(
      () => made.pop() as Messaging,
      async () => {
        const client = await createClient({ url: (await server.primary()).url }).connect();
        await client.sendCommand(['WAIT', '1', '5000']);
        client.destroy();
      },
      async () => (await server.primary()).kill(),
    );
  });
});
