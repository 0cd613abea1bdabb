// A broker that takes no messages for a long time, while many are published without a pause.
import { once } from 'node:events';
import type { EntError } from '@ent/errors';
import { heldBytes, uniqueName } from '@ent/testkit';
import { describeWithServer, itInDepth } from '@ent/testkit/vitest';
import { expect } from 'vitest';
import { rabbitmq } from '../../src/drivers/rabbitmq/index.ts';
import { createMessaging, type Published } from '../../src/index.ts';
import { channelsOf } from './rabbitmq-support.ts';

const OUTAGE = { full: 600, ci: 4, of: 'seconds of outage' };
/** So many publish, each the next message as soon as the one before has settled. */
const PUBLISHERS = 100;
/** To so many topics, beside that of a subscriber. */
const TOPICS = 30;
const BODY = 'x'.repeat(10_000);
const DEADLINE_MS = 250;
/** Bytes: what the engine learns once, and what a publish may leave behind. A body would be some ten thousand. */
const LEARNT = 2_000_000;
const LEFT = 20;

const outcomeOf = (publishing: Promise<Published>): Promise<string> =>
  publishing.then(
    ({ status }) => status,
    (error: unknown) => (error as EntError).code,
  );

describeWithServer('rabbitmq', { killable: true }, (server) => {
  itInDepth('every publish settles by its deadline, and the heap stays flat', OUTAGE, async ({ count, tell }) => {
    const topic = uniqueName('alarm');
    const driver = rabbitmq({ url: server.url });
    const messaging = createMessaging({ driver, timeout: '2m' });
    const impatient = createMessaging({ driver, timeout: DEADLINE_MS });
    const seen: unknown[] = [];
    await messaging.subscribe(topic, { group: 'g' }, ({ data }) => seen.push(data === BODY ? 'body' : data));
    const topics = [topic, ...Array.from({ length: TOPICS }, (_, n) => `${topic}.${n}`)];
    for (const each of topics) await messaging.publish(each, 'before');
    let waiting: Promise<Published>;
    await server.control('set_vm_memory_high_watermark', '0');
    try {
      // The broker tells with the first message that it takes none.
      const blocked = once(driver.client.publishing!, 'blocked');
      expect(await outcomeOf(impatient.publish(topic, 'first'))).toBe('messaging.timeout');
      await blocked;
      const written = bytesWritten(driver.client.publishing);
      let isOver = false;
      const settled = new Map<string, number>();
      let turn = 0;
      const publish = async (): Promise<void> => {
        // One that never settles ends this test by its time.
        while (!isOver) {
          const outcome = await outcomeOf(impatient.publish(topics[turn++ % topics.length] as string, BODY));
          settled.set(outcome, (settled.get(outcome) ?? 0) + 1);
        }
      };
      const publishing = Array.from({ length: PUBLISHERS }, publish);
      const second = () => new Promise((resolve) => setTimeout(resolve, 1000));
      for (let n = 0; n < Math.min(20, count / 2); n++) await second();
      const [held, before] = [heldBytes(), settled.get('messaging.timeout') ?? 0];
      const settledSince = (): number => (settled.get('messaging.timeout') ?? 0) - before;
      // On a busy machine for longer, until there is something to measure.
      for (let n = 0; n < count || settledSince() <= PUBLISHERS; n++) {
        await second();
        tell(n);
      }
      const [grown, published] = [heldBytes() - held, settledSince()];
      isOver = true;
      await Promise.all(publishing);
      expect([...settled.keys()]).toEqual(['messaging.timeout']);
      // None of it lies in this process's socket.
      expect(bytesWritten(driver.client.publishing) - written).toBeLessThan(20_000);
      expect(grown).toBeLessThan(LEARNT + LEFT * published);
      // No topic has one of its own, but for what was under way when the alarm began.
      expect(channelsOf(driver.client.publishing)).toBeLessThan(5);
      // The consumers' connection is not held up.
      await messaging.ping();
      waiting = messaging.publish(topic, 'after');
    } finally {
      await server.control('set_vm_memory_high_watermark', '0.4');
    }
    await expect.poll(() => channelsOf(driver.client.publishing), { timeout: 100_000 }).toBe(1);
    // Whoever has the time is served when it is over.
    expect(await waiting).toMatchObject({ status: 'stored' });
    await expect.poll(() => seen.at(-1), { timeout: 100_000 }).toBe('after');
    // What was refused was not sent later on.
    expect(seen.filter((data) => data === 'body')).toEqual([]);
    await messaging.close();
  });
});

/** By the application, whether the broker has read them or not. */
function bytesWritten(connection: unknown): number {
  return (connection as { connection: { stream: { bytesWritten: number } } }).connection.stream.bytesWritten;
}
