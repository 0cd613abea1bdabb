import { uniqueName } from '@ent/testkit';
import { describeWithServer, itInShares } from '@ent/testkit/vitest';
import { expect, it } from 'vitest';
import { createMessaging, type MessagingDriver } from '../../src/index.ts';
import { testMessagingDriver } from '../../src/testing.ts';
import { patientCall } from '../support.ts';
import { rabbitmq, rabbitmqFeatures } from '../throwaway/rabbitmq.ts';
import { outlivesAKill } from './rabbitmq-support.ts';

// The contract, proved on a broker that has neither delayed redelivery nor a count of attempts.
describeWithServer('rabbitmq', (server) => {
  const cuts = new WeakMap<MessagingDriver, () => void>();
  // RabbitMQ passes all of it in each run, by the driver that is published.
  itInShares('passes the conformance suite', 15, (runner) =>
    testMessagingDriver(runner, {
      features: rabbitmqFeatures,
      patienceMs: 100_000,
      async createDriver() {
        const proxy = await server.proxy();
        const driver = rabbitmq(proxy.url);
        cuts.set(driver, () => proxy.cut());
        return driver;
      },
      disconnect: (driver) => cuts.get(driver)?.(),
    }),
  );

  it('the topic for retries is made again when somebody deletes it', async () => {
    const topic = uniqueName('deleted');
    const messaging = createMessaging({ driver: rabbitmq(server.url), timeout: '1m' });
    const seen: string[] = [];
    await messaging.subscribe(topic, { group: 'g', backoff: { base: 10 } }, ({ data }, { attempt }) => {
      seen.push(`${data as string} ${attempt}`);
      if (attempt < 3) throw new Error('not yet');
    });
    await messaging.publish(topic, 'before');
    await expect.poll(() => seen.at(-1), { timeout: 20_000 }).toBe('before 3');
    const channel = await messaging.driver.client!.createChannel();
    await channel.deleteQueue(`${topic}.g.retry/retry`);
    await channel.deleteExchange(`${topic}.g.retry`);
    await messaging.publish(topic, 'after');
    await expect.poll(() => seen.at(-1), { timeout: 20_000 }).toBe('after 3');
    await messaging.close();
  });

  it('a message that was given back again and again goes to its handler', async () => {
    const topic = uniqueName('returned');
    const messaging = createMessaging({ driver: rabbitmq(server.url), timeout: '1m' });
    const { driver } = messaging;
    const call = patientCall();
    await driver.ensure({ topic, group: 'g' }, call);
    await messaging.publish(topic, 1);
    const source = await driver.subscribe({ topic, group: 'g', prefetch: 1 }, call);
    for (let stop = 0; stop < 40; stop++) {
      const [delivery] = await source.receive(1, call.signal);
      await source.settle([{ token: delivery!.token, action: 'release' }]);
    }
    await source.close();
    const attempts: number[] = [];
    const subscription = await messaging.subscribe(topic, { group: 'g' }, (_message, { attempt }) => {
      attempts.push(attempt);
    });
    await expect.poll(() => attempts, { timeout: 20_000 }).toEqual([1]);
    expect((await subscription.stats()).dead).toBe(0);
    await messaging.close();
  });

  it.runIf(server.killable)('no message is lost when the broker is killed', { timeout: 600_000 }, async () => {
    const make = () => createMessaging({ driver: rabbitmq(server.url), timeout: '2m' });
    await outlivesAKill(server, uniqueName('killed'), [make(), make()], 200);
  });
});
