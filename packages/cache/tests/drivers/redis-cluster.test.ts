import { type Server, uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { createClient, createCluster } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCache } from '../../src/cache.ts';
import { redis } from '../../src/drivers/redis.ts';
import { slotOf } from '../../src/drivers/redis/slot.ts';
import { hostileKeys } from '../../src/testing/suite.ts';

/** Sends one command to one node. */
async function ask(node: { readonly url: string }, command: string[]): Promise<unknown> {
  const client = createClient({ url: node.url });
  try {
    await client.connect();
    return await client.sendCommand(command);
  } finally {
    client.destroy();
  }
}

describeWithServer('redis-cluster', { killable: true }, (cluster) => {
  const options = () => ({ rootNodes: cluster.urls.map((url) => ({ url })) });

  it('puts each key into the slot that the server puts it into', async () => {
    const client = createClient({ url: cluster.url });
    await client.connect();
    const braces = ['{}', '{}{a}', 'a{}b{c}', '{a}{b}', 'a{b', 'a}b{c}', '{{a}}', '}{', '{ü}x', 'x{a}{', ''];
    const random = Array.from({ length: 1_000 }, (_, i) => `${'{ü}'.repeat(i % 3)}${Math.random().toString(36)}`);
    for (const key of [...hostileKeys, ...braces, ...random]) {
      expect(slotOf(key), JSON.stringify(key)).toBe(await client.sendCommand(['CLUSTER', 'KEYSLOT', key]));
    }
    client.destroy();
  });

  describe('while one primary stands still, and none takes its place', () => {
    let still: Server;
    let stillAddress: string;
    beforeAll(async () => {
      for (const node of cluster.nodes) {
        await ask(node, ['CONFIG', 'SET', 'cluster-require-full-coverage', 'no']);
        await ask(node, ['CONFIG', 'SET', 'cluster-replica-no-failover', 'yes']);
      }
      const client = createCluster(options());
      await client.connect();
      stillAddress = client.masters[0]!.address;
      client.destroy();
      still = cluster.nodes.find(({ port }) => stillAddress.endsWith(`:${port}`))!;
    });
    afterAll(async () => {
      for (const node of cluster.nodes) await ask(node, ['CONFIG', 'SET', 'cluster-replica-no-failover', 'no']);
    });

    for (const breaker of [false, { failures: 3, cooldown: 200 }] as const) {
      it(`serves the keys of the others, ${breaker ? 'with' : 'without'} a circuit breaker, and all when it is back`, async () => {
        const settings = { prefix: uniqueName('still'), timeout: 500, breaker } as const;
        const cache = createCache({ driver: redis({ cluster: options() }), ...settings });
        const lenient = createCache({ driver: redis({ cluster: options() }), ...settings, onError: 'miss' });
        const keys = Array.from({ length: 60 }, (_, i) => `k${i}`);
        await cache.setMany(keys.map((key) => [key, key]));
        await lenient.connect();
        const isLost = (key: string): boolean =>
          cache.driver.client.slots[slotOf(`${settings.prefix}:${key}`)]!.master.address === stillAddress;
        const lost = keys.filter(isLost);
        const served = keys.filter((key) => !isLost(key));
        const counter = Array.from({ length: 60 }, (_, i) => `count${i}`).find((key) => !isLost(key))!;
        expect(lost.length).toBeGreaterThan(0);
        expect(served.length).toBeGreaterThan(0);

        await still.pause();
        try {
          // For longer than it takes until its connection counts as dead, and is replaced, more than once.
          for (const end = performance.now() + 3_000; performance.now() < end; ) {
            const outcomes = await Promise.allSettled(keys.map((key) => cache.get(key)));
            const answers = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : undefined));
            expect(answers).toEqual(keys.map((key) => (isLost(key) ? undefined : key)));
            expect(await cache.getMany(served)).toEqual(new Map(served.map((key) => [key, key])));
            await expect(cache.getMany(keys)).rejects.toMatchObject({ code: expect.stringMatching(/^cache\./) });
            expect(await lenient.getMany(keys)).toEqual(new Map(served.map((key) => [key, key])));
            expect(await cache.increment(counter)).toBeGreaterThan(0);
            await cache.setMany(served.map((key) => [key, key]));
          }
        } finally {
          await still.resume();
        }
        await expect
          .poll(() => cache.getMany(keys).catch(() => undefined), { timeout: 20_000 })
          .toEqual(new Map(keys.map((key) => [key, key])));
        await cache.close();
        await lenient.close();
      });
    }
  });
});
