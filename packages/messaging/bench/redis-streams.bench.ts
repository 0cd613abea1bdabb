// Redis Streams: one message, or 100 at once, published, and handled and acknowledged in a group. Raw is node-redis
// with what anybody has to do: JSON both ways, attributes beside the body with an id by which a duplicate is known, a
// read that waits on a connection of its own, XACK for what was read, XTRIM now and then. It renews no lease, counts no
// attempt, and acknowledges also what another has by now. BullMQ, on node-redis too, renews leases and counts attempts
// as @ent does, and removes a job when it is done. In the rows "handled" it is node-redis that publishes.
import { randomUUID } from 'node:crypto';
import { startServer } from '@ent/testkit';
import { createNodeRedisClient, Queue, Worker } from 'bullmq';
import { createClient } from 'redis';
import { bench } from '../../../scripts/bench.ts';
import { redisStreams } from '../src/drivers/redis-streams/index.ts';
import { createMessaging } from '../src/index.ts';
import { counter } from './counter.ts';

const CALLERS = 100;
const sizes = { '200 B': 100, '10 KB': 9_900 };

const server = process.env['BENCH_REDIS_URL'] === undefined ? await startServer('redis') : undefined;
const url = (process.env['BENCH_REDIS_URL'] ??= server!.url);

const client = createClient({ url });
await client.connect();
const reader = await client.duplicate().connect();
const raw = counter();
await client.xGroupCreate('raw', 'g', '$', { MKSTREAM: true });
const reading = (async () => {
  let done = 0;
  for (;;) {
    const options = { COUNT: CALLERS, BLOCK: 1000 };
    const reply = await reader.xReadGroup('g', 'me', { key: 'raw', id: '>' }, options).catch(() => undefined);
    if (reply === undefined) return;
    const [{ messages } = { messages: [] }] = (reply ?? []) as {
      messages: { id: string; message: { meta: string; body: string } }[];
    }[];
    if (messages.length === 0) continue;
    for (const { message } of messages) for (const text of [message.meta, message.body]) JSON.parse(text);
    await client.xAck(
      'raw',
      'g',
      messages.map(({ id }) => id),
    );
    for (const _ of messages) raw.add();
    done += messages.length;
    if (done < 2000) continue;
    done = 0;
    void client.xTrim('raw', 'MINID', Number.parseInt(messages[0]!.id, 10), { strategyModifier: '~' });
  }
})();
function addTo(stream: string, data: object): Promise<string> {
  const id = randomUUID();
  const attributes = { id, type: 't', source: 'bench', time: Date.now(), contentType: 'application/json' };
  const meta = JSON.stringify({ ...attributes, headers: { 'correlation-id': id } });
  return client.xAdd(stream, '*', { meta, body: JSON.stringify(data) });
}
const add = (data: object): Promise<string> => addTo('raw', data);

const messaging = createMessaging({ driver: redisStreams({ url }), source: 'bench' });
const ours = counter();
await messaging.subscribe('t', { group: 'g', concurrency: CALLERS }, () => ours.add());

const bulls = createClient({ url }).on('error', () => {});
const connection = createNodeRedisClient(bulls);
const queue = new Queue('bull', { connection, defaultJobOptions: { removeOnComplete: true, attempts: 5 } });
const bull = counter();
const worker = new Worker('bull', async () => bull.add(), { connection, concurrency: CALLERS });
await worker.waitUntilReady();

for (const [size, length] of Object.entries(sizes)) {
  const data = { id: '0198c7a2-5b1e-7c3a-9f00-1c2d3e4f5a6b', email: 'ann@example.com', text: 'x'.repeat(length) };
  const each = Array.from({ length: CALLERS }, () => data);
  const batch = each.map(() => ({ data }));

  await bench(`redis streams: one message of ${size}`, {
    raw: async () => {
      const done = raw.until(1);
      await add(data);
      await done;
    },
    subjects: {
      '@ent': async () => {
        const done = ours.until(1);
        await messaging.publish('t', data);
        await done;
      },
      BullMQ: async () => {
        const done = bull.until(1);
        await queue.add('t', data);
        await done;
      },
    },
    perTurn: 1,
  });

  await bench(`redis streams: 100 messages of ${size}`, {
    raw: async () => {
      const done = raw.until(CALLERS);
      await Promise.all(each.map(add));
      await done;
    },
    subjects: {
      '@ent': async () => {
        const done = ours.until(CALLERS);
        await messaging.publishMany('t', batch);
        await done;
      },
      '@ent: 100 calls of publish': async () => {
        const done = ours.until(CALLERS);
        await Promise.all(each.map((one) => messaging.publish('t', one)));
        await done;
      },
      BullMQ: async () => {
        const done = bull.until(CALLERS);
        await Promise.all(each.map((one) => queue.add('t', one)));
        await done;
      },
    },
    perTurn: 1,
  });

  await bench(`redis streams: 100 handled of ${size}`, {
    raw: async () => {
      const done = raw.until(CALLERS);
      await Promise.all(each.map(add));
      await done;
    },
    subjects: {
      '@ent': async () => {
        const done = ours.until(CALLERS);
        await Promise.all(each.map((one) => addTo('ent:{t}', one)));
        await done;
      },
    },
    perTurn: 1,
  });
}

await messaging.close();
await worker.close();
await queue.close();
bulls.destroy();
reader.destroy();
await reading;
client.destroy();
await server?.close();
