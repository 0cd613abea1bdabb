import { type Server, writtenDown } from '@ent/testkit';
import { expect } from 'vitest';
import type { Messaging } from '../../src/index.ts';

/**
 * Publishes and handles while the broker is killed and started again, and expects each message to be handled.
 *
 * @param more messages that are published after it is up again
 */
export async function outlivesAKill(
  server: Server,
  topic: string,
  [publisher, subscriber]: readonly [Messaging, Messaging],
  more: number,
): Promise<void> {
  const handled = new Set<unknown>();
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
  // Some went through the topic for retries by now, which is made for the first of them.
  await publishUntil(() => [...handled].some((data) => Number(data) % 2 === 1));
  await writtenDown(server);
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

/** How many a connection has, by the client. */
export function channelsOf(connection: unknown): number {
  const { channels } = (connection as { connection: { channels: unknown[] } }).connection;
  // The first is that of the connection itself.
  return channels.slice(1).filter((one) => one !== null && one !== undefined).length;
}
