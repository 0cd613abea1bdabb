import { describeWithServer, itInDepth } from '@ent/testkit/vitest';
import { randomOf, uniqueName } from '@ent/testkit';
import { type Channel, connect } from 'amqplib';
import { describe, expect, it } from 'vitest';
import { rabbitmq, type RabbitmqServerOptions } from '../../src/drivers/rabbitmq/index.ts';
import { createMessaging, type Source } from '../../src/index.ts';
import { patientCall } from '../support.ts';
import { receivesOnceItIsThere } from './away.ts';
import { channelsOf, outlivesAKill } from './rabbitmq-support.ts';

/** Less than a test has, so that it tells what did not happen. */
const PATIENT = { timeout: 100_000 };

describeWithServer('rabbitmq', { killable: true }, (server) => {
  const messagingOf = (options: Partial<RabbitmqServerOptions> = {}, timeout = '30s') =>
    createMessaging({ driver: rabbitmq({ url: server.url, ...options }), timeout });

  /** What somebody with the rights for it does to the broker. */
  const operate = async <T>(work: (channel: Channel) => Promise<T>): Promise<T> => {
    const connection = await connect(server.url);
    try {
      return await work(await connection.createChannel());
    } finally {
      await connection.close();
    }
  };

  for (const queues of ['quorum', 'classic'] as const) {
    it(`loses no message when the broker is killed (${queues})`, { timeout: 600_000 }, async () => {
      const make = () => messagingOf({ queues }, '3m');
      await outlivesAKill(server, uniqueName('killed'), [make(), make()], 100);
    });
  }

  it('has who subscribes while it is away receive once it is there', { timeout: 600_000 }, async () => {
    await server.stop();
    const messaging = messagingOf({}, '3m');
    await receivesOnceItIsThere(server, uniqueName('away'), messaging, PATIENT);
    await messaging.close();
  });

  it('goes on after an orderly restart, with what waited', { timeout: 600_000 }, async () => {
    const topic = uniqueName('restarted');
    const messaging = messagingOf({}, '3m');
    await messaging.driver.ensure({ topic, group: 'g' }, patientCall());
    await messaging.publish(topic, 'before');
    await server.restart();
    const seen: unknown[] = [];
    await messaging.subscribe(topic, { group: 'g' }, ({ data }) => seen.push(data));
    await messaging.publish(topic, 'after');
    await expect.poll(() => seen, PATIENT).toEqual(['before', 'after']);
    await messaging.close();
  });

  it('consumes again when its queue and its exchange are deleted under it', async () => {
    const topic = uniqueName('deleted');
    const messaging = messagingOf();
    const seen: unknown[] = [];
    await messaging.subscribe(topic, { group: 'g' }, ({ data }) => seen.push(data));
    await messaging.publish(topic, 'before');
    await expect.poll(() => seen.length, PATIENT).toBe(1);
    const { client } = messaging.driver;
    // One for the topic, one for its retries.
    await expect.poll(() => channelsOf(client.consuming), PATIENT).toBe(2);
    await operate((channel) => channel.deleteQueue(`${topic}/g`));
    // Published to nobody until the group is there again.
    await expect.poll(async () => (await messaging.publish(topic, 'after')).status, PATIENT).toBe('stored');
    await expect.poll(() => seen.at(-1), PATIENT).toBe('after');
    await operate((channel) => channel.deleteExchange(topic));
    await operate((channel) => channel.deleteQueue(`${topic}/g`));
    await expect.poll(async () => (await messaging.publish(topic, 'again')).status, PATIENT).toBe('stored');
    await expect.poll(() => seen.at(-1), PATIENT).toBe('again');
    // A channel that nobody consumes on any more would keep what it has not settled.
    await expect.poll(() => channelsOf(client.consuming), PATIENT).toBe(2);
    await messaging.close();
  });

  it('publishes on when its exchange is deleted: no message of another topic is lost by it', async () => {
    const [gone, other] = [uniqueName('gone'), uniqueName('other')];
    const messaging = messagingOf();
    for (const topic of [gone, other]) await messaging.driver.ensure({ topic, group: 'g' }, patientCall());
    await messaging.publish(gone, 0);
    await operate((channel) => channel.deleteExchange(gone));
    const sent = await Promise.all(
      Array.from({ length: 200 }, (_, n) => messaging.publish(n % 2 === 0 ? gone : other, n, { id: `m${n}` })),
    );
    // The new exchange has no queue yet.
    expect(sent.map(({ status }) => status)).toEqual(sent.map((_, n) => (n % 2 === 0 ? 'unroutable' : 'stored')));
    await messaging.close();
  });

  it('settles each publish by its deadline while the broker is frozen, and goes on after', async () => {
    const topic = uniqueName('frozen');
    const proxy = await server.proxy();
    const messaging = messagingOf({ url: `${proxy.url}?heartbeat=1` }, '2m');
    const impatient = createMessaging({ driver: messaging.driver, timeout: 300 });
    const seen: unknown[] = [];
    await messaging.subscribe(topic, { group: 'g' }, ({ data }) => seen.push(data));
    await messaging.publish(topic, 'before');
    // Or twice: a heartbeat of a second may be missed on a busy machine.
    await expect.poll(() => seen, PATIENT).toContain('before');
    proxy.blackhole();
    const results = await Promise.allSettled(Array.from({ length: 50 }, (_, n) => impatient.publish(topic, n)));
    expect(new Set(results.map((result) => (result as PromiseRejectedResult).reason.code))).toEqual(
      new Set(['messaging.timeout']),
    );
    // Found out by the heartbeat, also where nobody publishes; the silence goes on until then.
    const { client } = messaging.driver;
    await expect.poll(() => [client.publishing, client.consuming], PATIENT).toEqual([undefined, undefined]);
    await proxy.heal();
    await messaging.publish(topic, 'after');
    await expect.poll(() => seen.includes('after'), PATIENT).toBe(true);
    await messaging.close();
  });

  it('leaves no channel behind that nobody waited for any more', async () => {
    const [topic, proxy] = [uniqueName('late'), await server.proxy()];
    const messaging = messagingOf({ url: `${proxy.url}?heartbeat=60` });
    await messaging.connect();
    proxy.blackhole();
    for (let n = 0; n < 10; n++) {
      const call = { deadlineAt: performance.now() + 50, signal: AbortSignal.timeout(50) };
      const asked = [
        messaging.driver.ping(call),
        messaging.driver.subscribe({ topic, group: 'g', prefetch: 1 }, call),
        messaging.driver.count({ topic, group: 'g' }, call),
      ];
      expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual(asked.map(() => 'rejected'));
    }
    await proxy.heal();
    await messaging.ping();
    await expect.poll(() => channelsOf(messaging.driver.client.consuming), PATIENT).toBe(0);
    await messaging.close();
  });

  it('closes while the broker is frozen', async () => {
    const proxy = await server.proxy();
    const messaging = messagingOf({ url: proxy.url });
    await messaging.subscribe(uniqueName('closing'), { group: 'g' }, () => {});
    await messaging.connect();
    proxy.blackhole();
    await messaging.close({ timeout: 100 });
    const { client } = messaging.driver;
    await expect.poll(() => [client.publishing, client.consuming], PATIENT).toEqual([undefined, undefined]);
  });
});

describeWithServer('rabbitmq', (server) => {
  describe('delivery tags', () => {
    itInDepth(
      'never settle the message of another epoch',
      { full: 10_000, ci: 60, of: 'epochs' },
      async ({ count, seed, tell }) => {
        const random = randomOf(seed);
        const driver = rabbitmq({ url: server.url });
        const spec = { topic: uniqueName('epochs'), group: 'g', prefetch: 4 };
        const call = { deadlineAt: performance.now() + 3_600_000, signal: new AbortController().signal };
        await driver.ensure(spec, call);
        const messaging = createMessaging({ driver });
        const ids = Array.from({ length: 8 }, (_, n) => `m${n}`);
        await messaging.publishMany(
          spec.topic,
          ids.map((id) => ({ id, data: id })),
        );
        let old: Source | undefined;
        let tokens: unknown[] = [];
        for (let epoch = 0; epoch < count; epoch++) {
          const source = await driver.subscribe(spec, call);
          const deliveries = await source.receive(4, call.signal);
          // Answers that come late, to the new source and to the one that is gone; its messages have the same tags.
          const late = tokens.map((token) => ({ token, action: random() < 0.5 ? 'ack' : 'release' }) as const);
          expect(new Set(await source.settle(late))).toEqual(new Set(late.map(() => 'stale')));
          expect(new Set(await old?.settle(late))).toEqual(new Set(late.map(() => 'stale')));
          tokens = deliveries.map(({ token }) => token);
          old = source;
          await source.close();
          tell(epoch);
        }
        const source = await driver.subscribe({ ...spec, prefetch: 8 }, call);
        const seen = new Set<string>();
        while (seen.size < ids.length)
          for (const { message } of await source.receive(8, call.signal)) seen.add(message.id);
        expect([...seen].toSorted()).toEqual(ids);
        await messaging.close();
      },
    );
  });
});
