// Somebody deletes what messages lie in, under a living subscriber: again and again, of all kinds.
import { uniqueName } from '@ent/testkit';
import { describeWithServer, itInDepth } from '@ent/testkit/vitest';
import { connect } from 'amqplib';
import { createClient } from 'redis';
import { expect } from 'vitest';
import { rabbitmq } from '../../src/drivers/rabbitmq/index.ts';
import { redisStreams } from '../../src/drivers/redis-streams/index.ts';
import { createMessaging, type MessagingDriver } from '../../src/index.ts';

const DELETIONS = { full: 120, ci: 5, of: 'deletions' };
const PATIENT = { timeout: 60_000, interval: 20 };
/** Within which it is to consume again. */
const SOON_MS = 5000;

/** What is deleted, by its name; the last word of a test that fails. */
type Kinds = Record<string, () => Promise<unknown>>;

interface Deleting {
  readonly driver: MessagingDriver;
  kinds(topic: string): Kinds;
  close(): Promise<void>;
}

function outlivesDeletions(make: () => Promise<Deleting>): void {
  itInDepth('consumes again, and gets all that is stored from then on', DELETIONS, async ({ count, seed, tell }) => {
    const topic = uniqueName('deletions');
    const { driver, kinds, close } = await make();
    const messaging = createMessaging({ driver, timeout: '1m' });
    const seen = new Set<unknown>();
    const options = { group: 'g', backoff: { base: 1 } };
    const { deadLetter } = await messaging.subscribe(topic, options, ({ data }, { attempt }) => {
      // Every second one goes through the topic for retries.
      if (Number(data) % 2 === 1 && attempt === 1) throw new Error('not yet');
      seen.add(data);
    });
    expect(deadLetter).toBe(`${topic}.g.dead`);
    await messaging.publish(topic, -2);
    await expect.poll(() => seen.has(-2), PATIENT).toBe(true);
    const all = Object.entries(kinds(topic));
    const took: number[] = [];
    for (let n = 0; n < count; n++) {
      const [kind, remove] = all[(seed + n) % all.length]!;
      const begun = performance.now();
      await remove();
      // To nobody, until the group is there again.
      const publish = async () => (await messaging.publish(topic, n)).status;
      await expect.poll(publish, { ...PATIENT, message: kind }).toBe('stored');
      await expect.poll(() => seen.has(n), { ...PATIENT, message: kind }).toBe(true);
      took.push(performance.now() - begun);
      tell(n);
    }
    // Most of them: a busy machine may hold one up for longer.
    expect(took.sort((a, b) => a - b)[Math.floor(took.length / 2)]).toBeLessThan(SOON_MS);
    await messaging.close();
    await close();
  });
}

describeWithServer('rabbitmq', (server) => {
  for (const queues of ['quorum', 'classic'] as const) {
    outlivesDeletions(async () => {
      const connection = await connect(server.url);
      const channel = await connection.createChannel();
      return {
        driver: rabbitmq({ url: server.url, queues }),
        kinds: (topic) => ({
          queue: () => channel.deleteQueue(`${topic}/g`),
          exchange: () => channel.deleteExchange(topic),
          'exchange and queue': async () => {
            await channel.deleteExchange(topic);
            await channel.deleteQueue(`${topic}/g`);
          },
          binding: () => channel.unbindQueue(`${topic}/g`, topic, ''),
          'exchange and queue of retries': async () => {
            await channel.deleteExchange(`${topic}.g.retry`);
            await channel.deleteQueue(`${topic}.g.retry/retry`);
          },
        }),
        close: () => connection.close(),
      };
    });
  }
});

describeWithServer('redis', (server) => {
  outlivesDeletions(async () => {
    const client = await createClient({ url: server.url }).connect();
    const streamOf = (topic: string) => `ent:{${topic}}`;
    return {
      driver: redisStreams({ url: server.url }),
      kinds: (topic) => ({
        group: () => client.xGroupDestroy(streamOf(topic), 'g'),
        stream: () => client.del(streamOf(topic)),
        entries: () => client.xTrim(streamOf(topic), 'MAXLEN', 0),
        consumer: async () => {
          for (const { name } of await client.xInfoConsumers(streamOf(topic), 'g')) {
            await client.xGroupDelConsumer(streamOf(topic), 'g', name);
          }
        },
        notes: () => client.del([`${streamOf(topic)}:floors`, `${streamOf(topic)}:later:g`]),
        everything: () => client.flushAll(),
      }),
      close: async () => client.destroy(),
    };
  });
});
