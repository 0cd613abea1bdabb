import { expect } from 'vitest';
import type { Messaging } from '../../src/index.ts';

/**
 * Publishes and handles while the broker is killed and started again, and expects each message to be handled.
 *
 * @param more messages that are published after it is up again
 */
export async function outlivesAKill(
  server: { kill(): Promise<void>; start(): Promise<void> },
  topic: string,
  [publisher, subscriber]: readonly [Messaging, Messaging],
  more: number,
): Promise<void> {
  const handled = new Set<unknown>();
  const begun = performance.now();
  const options = { group: 'g', concurrency: 5, maxAttempts: 100, backoff: { base: 20 } };
  await subscriber.subscribe(topic, options, ({ data }, { attempt }) => {
    // Half of them are on their way through the topic for retries when it happens.
    if (Number(data) % 2 === 1 && attempt === 1) throw new Error('not yet');
    handled.add(data);
  });
  let published = 0;
  const publishUntil = async (enough: () => boolean): Promise<void> => {
    while (!enough()) await publisher.publish(topic, published++);
  };
  // RabbitMQ 3.10 forgets a queue that is killed right after its declaration, with what was confirmed in it.
  await publishUntil(() => performance.now() - begun > 3000);
  let isUp = false;
  const before = published;
  const publishing = publishUntil(() => isUp && published > before + more);
  await server.kill();
  await server.start();
  isUp = true;
  await publishing;
  await expect.poll(() => handled.size, { timeout: 200_000 }).toBe(published);
  await Promise.all([publisher.close(), subscriber.close()]);
}
