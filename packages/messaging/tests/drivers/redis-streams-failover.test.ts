import { startServer, uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { createClient, type RedisClientType } from 'redis';
import { expect, it } from 'vitest';
import { redisStreams } from '../../src/drivers/redis-streams/index.ts';
import { createMessaging, type Messaging } from '../../src/index.ts';
import { openMessaging } from '../../src/open.ts';
import { patientCall } from '../support.ts';
import { publishUntil } from './redis-streams-support.ts';

/** Waits until a replica has all that was written. WAIT alone is about what its own connection wrote. */
async function replicate(primary: Pick<RedisClientType, 'sendCommand'>, key: string): Promise<void> {
  await primary.sendCommand(['SET', key, '1']);
  await primary.sendCommand(['WAIT', '1', '0']);
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
  await expect.poll(missing, { timeout: 120_000 }).toEqual([]);
  expect(after.length).toBe(100);
  await Promise.all([publisher.close(), subscriber.close()]);
}

for (const [how, what] of [
  ['kill', 'is killed'],
  ['pause', 'stands still'],
] as const) {
  describeWithServer('redis-cluster', { killable: true }, (server) => {
    it(`goes on with the replica of a primary that ${what}`, { timeout: 360_000 }, async () => {
      const cluster = { rootNodes: server.urls.map((url) => ({ url })) };
      const make = () => createMessaging({ driver: redisStreams({ cluster, lease: 1000 }), timeout: '2m' });
      const probe = redisStreams({ cluster });
      await probe.connect(patientCall());
      const primaryOf = (topic: string) => probe.client.getNodeClientForKey(`ent:{${topic}}`);
      await expectNothingLost(
        make,
        async (topic) => replicate(await primaryOf(topic), `{${topic}}`),
        async (topic) => {
          const { port } = (await primaryOf(topic)).options.socket as { port: number };
          await server.nodes.find((node) => node.port === port)![how]();
        },
      );
      await probe.close();
    });
  });
}

describeWithServer('redis-sentinel', { killable: true }, (server) => {
  it('goes on with the new primary after a failover', { timeout: 360_000 }, async () => {
    const hosts = server.urls.map((url) => new URL(url).host);
    const url = `redis+sentinel://${hosts.join()}/${server.primaryName}?lease=1s`;
    const made = await Promise.all([1, 2].map(() => openMessaging(url, { timeout: '2m' })));
    await expectNothingLost(
      () => made.pop() as Messaging,
      async () => {
        const client = await createClient({ url: (await server.primary()).url }).connect();
        await replicate(client, 'written');
        client.destroy();
      },
      async () => (await server.primary()).kill(),
    );
  });
});

describeWithServer('redis', { killable: true }, (server) => {
  it('follows its address to a new primary, while the old one stays up as a replica', async () => {
    const newer = await startServer('redis');
    const address = await server.proxy();
    const old = await createClient({ url: server.url }).connect();
    const topic = uniqueName('moved');
    const messaging = createMessaging({ driver: redisStreams({ url: address.url, lease: 1000 }), timeout: '2m' });
    const seen = new Set<unknown>();
    await messaging.subscribe(topic, { group: 'g' }, ({ data }) => void seen.add(data));
    await messaging.publish(topic, 'before');
    await expect.poll(() => seen.has('before')).toBe(true);
    address.moveTo(newer.url);
    await old.sendCommand(['REPLICAOF', '127.0.0.1', String(newer.port)]);
    try {
      // Until the subscriber is there too, nobody is to get it.
      const publish = () => messaging.publish(topic, 'after').then(({ status }) => status);
      await expect.poll(publish).toBe('stored');
      await expect.poll(() => seen.has('after')).toBe(true);
    } finally {
      await old.sendCommand(['REPLICAOF', 'NO', 'ONE']);
      old.destroy();
    }
    await messaging.close();
    await address.close();
    await newer.close();
  });
});
