import { uniqueName } from '@ent/testkit';
import { createClient } from 'redis';
import { afterEach } from 'vitest';
import { redisStreams } from '../../src/drivers/redis-streams/index.ts';
import { createMessaging, type Delivery, type Messaging, type Source, type WireMessage } from '../../src/index.ts';
import { wireMessage } from '../../src/testing/kit.ts';
import { patientCall } from '../support.ts';

/** What sets up a topic of its own on a server: a driver, messaging on another, and a client that looks behind both. */
export function onStreams(url: () => string) {
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  return async (options: { lease?: number | string; prefix?: string } = {}) => {
    const topic = uniqueName('topic');
    // A lease that ends only where a test wants it to: its process may stand still for a while on a busy machine.
    const settings = { url: url(), ...options } as { url: string; lease: number };
    const driver = redisStreams(settings);
    const messaging = createMessaging({ driver: redisStreams(settings), timeout: '2m' });
    const native = await createClient({ url: url() })
      .on('error', () => {})
      .connect();
    ends.push(
      () => native.destroy(),
      () => driver.close(),
      () => messaging.close({ timeout: 1 }),
    );
    const call = patientCall();
    return {
      topic,
      driver,
      messaging,
      native,
      call,
      stream: `ent:{${topic}}`,
      later: `ent:{${topic}}:later:g`,
      async subscribe(): Promise<Source> {
        await driver.ensure({ topic, group: 'g' }, call);
        return driver.subscribe({ topic, group: 'g', prefetch: 100 }, call);
      },
      /** Answers the last one. */
      async send(...bodies: string[]): Promise<WireMessage> {
        const messages = bodies.map((body) => wireMessage(topic, body));
        await driver.send(messages, call);
        return messages.at(-1) as WireMessage;
      },
    };
  };
}

/** Receives until there are so many. */
export async function receive(source: Source, count: number): Promise<Delivery[]> {
  const { signal } = new AbortController();
  const all: Delivery[] = [];
  while (all.length < count) all.push(...(await source.receive(count - all.length, signal)));
  return all;
}

/** Publishes numbers one after the other, and answers those that were stored. */
export async function publishUntil(messaging: Messaging, topic: string, enough: () => boolean): Promise<number[]> {
  const stored: number[] = [];
  while (!enough()) {
    const n = published++;
    const { status } = await messaging.publish(topic, n);
    if (status === 'stored') stored.push(n);
  }
  return stored;
}

let published = 0;
