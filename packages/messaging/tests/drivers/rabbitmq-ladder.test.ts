import { uniqueName, writtenDown } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { type Channel, connect } from 'amqplib';
import { afterEach, expect, it, vi } from 'vitest';
import { rabbitmq } from '../../src/drivers/rabbitmq/index.ts';
import type * as Options from '../../src/drivers/rabbitmq/options.ts';
import { createMessaging, type Handler, type Messaging, type MessagingDriver } from '../../src/index.ts';
import { manualClock } from '../../src/testing.ts';
import { CLOCK_MS } from '../../src/testing/kit.ts';
import { onSource } from '../support.ts';

const PATIENT = { timeout: 300_000 };

/** Steps of a test in place of those from seconds to days. */
const given = vi.hoisted(() => ({ stepsMs: undefined as readonly number[] | undefined }));
vi.mock('../../src/drivers/rabbitmq/options.ts', async (original) => {
  const options = await original<typeof Options>();
  const settingsOf: typeof options.settingsOf = (own) => {
    const settings = options.settingsOf(own);
    return { ...settings, stepsMs: given.stepsMs ?? settings.stepsMs };
  };
  return { ...options, settingsOf };
});

describeWithServer('rabbitmq', { killable: true }, (server) => {
  afterEach(() => {
    given.stepsMs = undefined;
  });

  /** What goes to a topic of retries, and what comes from there. */
  function watched(queues: 'quorum' | 'classic') {
    const seen = { stores: 0, deliveries: 0 };
    const isRetry = ({ topic }: { topic: string }): boolean => topic.endsWith('.retry');
    const plain = rabbitmq({ url: server.url, queues });
    const heard: MessagingDriver = onSource(plain, (source) => ({
      receive: async (max, signal) => {
        const deliveries = await source.receive(max, signal);
        seen.deliveries += deliveries.filter(({ message }) => isRetry(message)).length;
        return deliveries;
      },
    }));
    const send: MessagingDriver['send'] = (batch, call) => {
      seen.stores += batch.filter(isRetry).length;
      return plain.send(batch, call);
    };
    return { seen, driver: { ...heard, send } };
  }

  const many = (count: number): { data: number; delay: string }[] =>
    Array.from({ length: count }, (_, data) => ({ data, delay: '1h' }));

  /** All of them wait in the broker. */
  const wait = (messaging: Messaging, topic: string, delayed: number): Promise<void> =>
    expect.poll(() => messaging.stats(topic, 'g'), PATIENT).toMatchObject({ ready: 0, delayed, dead: 0 });

  const operate = async (work: (channel: Channel) => Promise<unknown>): Promise<void> => {
    const connection = await connect(server.url);
    try {
      await work(await connection.createChannel());
    } finally {
      await connection.close();
    }
  };

  for (const queues of ['quorum', 'classic'] as const) {
    it(`brings a retry while 2,000 wait for an hour, and touches none of them (${queues})`, PATIENT, async () => {
      const topic = uniqueName('behind');
      const { seen, driver } = watched(queues);
      const messaging = createMessaging({ driver, timeout: '2m' });
      const tries: string[] = [];
      const handler: Handler = ({ data }, { attempt }) => {
        tries.push(`${data as string} ${attempt}`);
        if (attempt === 1) throw new Error('not yet');
      };
      await messaging.subscribe(topic, { group: 'g', prefetch: 500, backoff: { jitter: 0 } }, handler);
      for (let chunk = 0; chunk < 4; chunk++) await messaging.publishMany(topic, many(500));
      await wait(messaging, topic, 2_000);
      const before = { ...seen };
      await messaging.publish(topic, 'quick');
      await expect.poll(() => tries, PATIENT).toEqual(['quick 1', 'quick 2']);
      expect(seen).toEqual({ stores: before.stores + 1, deliveries: before.deliveries + 1 });
      await wait(messaging, topic, 2_000);
      await messaging.close();
    });

    it(`takes a long wait through several steps, and the message as it was (${queues})`, PATIENT, async () => {
      given.stepsMs = [50, 200];
      const topic = uniqueName('steps');
      const clock = manualClock();
      const { seen, driver } = watched(queues);
      const messaging = createMessaging({ driver, timeout: '2m', clock });
      const tries: unknown[] = [];
      let handledAt = 0;
      await messaging.subscribe(topic, { group: 'g' }, ({ id, data, headers }, { attempt }) => {
        handledAt = clock.now();
        tries.push({ id, data, headers: Object.keys(headers), attempt });
      });
      const dueAt = clock.now() + 3_600_000;
      await messaging.publish(topic, 'late', { id: 'm1', delay: '1h' });
      await expect.poll(() => seen.stores, PATIENT).toBeGreaterThan(4);
      await clock.advance(3_580_000);
      const stores = seen.stores;
      await expect.poll(() => seen.stores, PATIENT).toBeGreaterThan(stores);
      expect(tries).toEqual([]);
      await expect.poll(() => clock.advance(1_000).then(() => tries.length), PATIENT).toBe(1);
      expect(tries).toEqual([{ id: 'm1', data: 'late', headers: ['correlation-id', 'deliver-at'], attempt: 1 }]);
      // The broker's clock went on while this one stood still.
      expect(handledAt).toBeGreaterThanOrEqual(dueAt - 200 * seen.stores);
      expect(await messaging.stats(topic, 'g')).toMatchObject({ dead: 0 });
      await messaging.close();
    });
  }

  it('loses nothing that waits when the broker is killed', { timeout: 600_000 }, async () => {
    given.stepsMs = [2_000, 20_000];
    const dueAt = new Map<string, number>();
    const early: number[] = [];
    const handled = new Set<string>();
    const setUp = async (queues: 'quorum' | 'classic') => {
      const topic = uniqueName('killed');
      const make = () => createMessaging({ driver: rabbitmq({ url: server.url, queues }), timeout: '3m' });
      const [publisher, subscriber] = [make(), make()];
      await subscriber.subscribe(topic, { group: 'g', prefetch: 50 }, ({ id }) => {
        handled.add(id);
        const leftMs = dueAt.get(id)! - Date.now();
        if (leftMs > CLOCK_MS) early.push(leftMs);
      });
      // For it the steps are made.
      await publisher.publish(topic, 'first', { delay: '1h' });
      await wait(subscriber, topic, 1);
      return { queues, topic, publisher, subscriber };
    };
    const kinds = [await setUp('quorum'), await setUp('classic')];
    await writtenDown(server);
    for (const { queues, topic, publisher } of kinds) {
      const items = Array.from({ length: 50 }, (_, n) => ({ data: n, id: `${queues} ${n}`, delay: '25s' }));
      for (const { id } of items) dueAt.set(id, Date.now() + 25_000);
      await publisher.publishMany(topic, items);
    }
    for (const { topic, subscriber } of kinds) await wait(subscriber, topic, 51);
    await server.kill();
    await server.start();
    await expect.poll(() => handled.size, PATIENT).toBe(100);
    expect(early).toEqual([]);
    for (const { topic, subscriber } of kinds) await wait(subscriber, topic, 1);
    await Promise.all(kinds.flatMap(({ publisher, subscriber }) => [publisher.close(), subscriber.close()]));
  });

  it('makes a step again that somebody deletes, and counts the others meanwhile', PATIENT, async () => {
    const topic = uniqueName('gone');
    const { driver } = watched('quorum');
    const messaging = createMessaging({ driver, timeout: '2m' });
    await messaging.subscribe(topic, { group: 'g' }, () => {});
    await messaging.publishMany(topic, many(1));
    await wait(messaging, topic, 1);
    const step = (seconds: number): string => `${topic}.g.retry/retry/${seconds}s`;
    // What was in it is lost with it.
    await operate((channel) => channel.deleteQueue(step(2048)));
    await messaging.publishMany(topic, many(3));
    await wait(messaging, topic, 3);
    await operate((channel) => channel.deleteQueue(step(8)));
    await messaging.publishMany(topic, many(2));
    await wait(messaging, topic, 5);
    await messaging.publish(topic, 'sooner', { delay: '20s' });
    await wait(messaging, topic, 6);
    await messaging.close();
  });

  it('retries as on any other broker where a step is something else', PATIENT, async () => {
    const topic = uniqueName('strange');
    const clock = manualClock();
    const { driver } = watched('quorum');
    const messaging = createMessaging({ driver, timeout: '2m', clock });
    await operate((channel) => channel.assertQueue(`${topic}.g.retry/retry/2s`));
    const attempts: number[] = [];
    const options = { group: 'g', maxAttempts: 3, backoff: { base: '30s', jitter: 0 } };
    await messaging.subscribe(topic, options, (_message, { attempt }) => {
      attempts.push(attempt);
      throw new Error('no');
    });
    await messaging.publish(topic, 1);
    const dead = async () => {
      await clock.advance(5_000);
      return messaging.stats(topic, 'g');
    };
    await expect.poll(dead, PATIENT).toMatchObject({ dead: 1 });
    expect(attempts).toEqual([1, 2, 3]);
    await messaging.close();
  });
});
