import { slotOf } from '@ent/internal';
import { type Server, uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { createClient, createCluster } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCache } from '../../src/cache.ts';
import { memory } from '../../src/drivers/memory/index.ts';
import { redis } from '../../src/drivers/redis/index.ts';
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

  it('takes a key with what is no text for a miss, and leaves the other keys of the same read alone', async () => {
    const prefix = uniqueName('types');
    const client = createCluster(options());
    await client.connect();
    await using cache = createCache({ driver: redis({ cluster: options() }), prefix, timeout: '1m' });
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
    await cache.setMany(keys.map((key) => [key, 1]));
    await client.rPush(`${prefix}:theirs`, 'x');
    expect(await cache.getMany([...keys, 'theirs'])).toEqual(new Map(keys.map((key) => [key, 1])));
    expect(await Promise.all(['theirs', ...keys].map((key) => cache.has(key)))).toEqual([
      false,
      ...keys.map(() => true),
    ]);
    expect(await cache.getOrSet('theirs', () => 'made')).toBe('made');
    expect(await cache.get('theirs')).toBe('made');
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
        const settings = { prefix: uniqueName('still'), timeout: 2_000, breaker } as const;
        const cache = createCache({ driver: redis({ cluster: options() }), ...settings });
        const lenient = createCache({ driver: redis({ cluster: options() }), ...settings, onError: 'miss' });
        const tiered = createCache({ driver: redis({ cluster: options() }), ...settings, local: memory() });
        const keys = Array.from({ length: 60 }, (_, i) => `k${i}`);
        const ready = async (): Promise<string> => {
          await cache.setMany(keys.map((key) => [key, key]));
          await Promise.all([lenient.connect(), tiered.getMany(keys)]);
          return 'ready';
        };
        await expect.poll(ready).toBe('ready');
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
          for (const end = performance.now() + 12_000; performance.now() < end; ) {
            const outcomes = await Promise.allSettled(keys.map((key) => cache.get(key)));
            const answers = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : undefined));
            expect(answers).toEqual(keys.map((key) => (isLost(key) ? undefined : key)));
            expect(await cache.getMany(served)).toEqual(new Map(served.map((key) => [key, key])));
            await expect(cache.getMany(keys)).rejects.toMatchObject({ code: expect.stringMatching(/^cache\./) });
            expect(await lenient.getMany(keys)).toEqual(new Map(served.map((key) => [key, key])));
            expect(await cache.increment(counter)).toBeGreaterThan(0);
            await cache.setMany(served.map((key) => [key, key]));
            expect(await tiered.getMany(served)).toEqual(new Map(served.map((key) => [key, key])));
            // What concerns all nodes fails, and does the others no harm.
            await Promise.allSettled([cache.ping(), cache.namespace('empty').clear(), tiered.getMany(keys)]);
          }
          // One that starts now may first ask the one that does not answer.
          const late = createCache({ driver: redis({ cluster: options() }), ...settings });
          await expect
            .poll(() => late.getMany(served).catch(() => undefined))
            .toEqual(new Map(served.map((key) => [key, key])));
          await late.close();
        } finally {
          await still.resume();
        }
        await expect
          .poll(() => cache.getMany(keys).catch(() => undefined))
          .toEqual(new Map(keys.map((key) => [key, key])));
        await Promise.all([cache.close(), lenient.close(), tiered.close()]);
      });
    }

    it('leaves no connection behind when it is closed while one is replaced', async () => {
      const others = cluster.nodes.filter((node) => node !== still);
      const connections = async (): Promise<number> => {
        const lists = await Promise.all(others.map((node) => ask(node, ['CLIENT', 'LIST', 'TYPE', 'normal'])));
        return lists.join('').split('\n').length;
      };
      const before = await connections();
      const key = Array.from({ length: 60 }, (_, i) => `k${i}`);
      await still.pause();
      try {
        for (const waitMs of [0, 1, 2, 5, 20]) {
          const cache = createCache({ driver: redis({ cluster: options() }), timeout: 100, breaker: false });
          for (let i = 0; i < 4; i++) await Promise.allSettled(key.map((each) => cache.get(each)));
          await new Promise((resolve) => setTimeout(resolve, waitMs));
          await cache.close();
        }
        await expect.poll(connections).toBeLessThanOrEqual(before);
      } finally {
        await still.resume();
      }
      await expect.poll(connections).toBeLessThanOrEqual(before);
    });

    // With the longer one the primary that is left says meanwhile that the cluster is down, and is dialled anew.
    it.each([300, 2_000])(
      'learns of a primary that took over while yet another stands still, calls of %i ms',
      async (timeout) => {
        const prefix = uniqueName('two');
        const cache = createCache({
          driver: redis({ cluster: options() }),
          prefix,
          timeout,
          breaker: false,
        });
        const { client } = cache.driver;
        const keys = Array.from({ length: 60 }, (_, i) => `k${i}`);
        await expect.poll(() => cache.setMany(keys.map((key) => [key, key])).then(() => 'stored')).toBe('stored');
        const nodeOf = (address: string): Server => cluster.nodes.find(({ port }) => address.endsWith(`:${port}`))!;
        const [one, two] = client.masters.map(({ address }) => nodeOf(address)) as [Server, Server];
        const lost = client.masters[0]!;
        const ofLost = keys.filter((key) => client.slots[slotOf(`${prefix}:${key}`)]!.master.address === lost.address);
        // id, address, flags, id of the primary, ...
        const table = String(await ask(cluster, ['CLUSTER', 'NODES']))
          .split('\n')
          .map((line) => line.split(' '));
        const [lostId] = table.find(([, address]) => address!.startsWith(`${lost.address}@`))!;
        const replica = table.find((fields) => fields[3] === lostId)![1]!.split('@')[0]!;
        await one.pause();
        await two.pause();
        try {
          // Until both connections count as dead, and the other nodes are asked.
          for (let i = 0; i < 4; i++) await Promise.allSettled(keys.map((key) => cache.get(key)));
          await ask(nodeOf(replica), ['CLUSTER', 'FAILOVER', 'TAKEOVER']);
          await expect
            .poll(() => cache.getMany(ofLost).catch(() => undefined))
            .toEqual(new Map(ofLost.map((key) => [key, key])));
        } finally {
          await one.resume();
          await two.resume();
        }
        await cache.close();
      },
    );
  });
});
