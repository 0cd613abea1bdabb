import type { Server } from '@ent/testkit';
import { expect } from 'vitest';
import type { Messaging } from '../../src/index.ts';

/** Subscribes while the server is stopped, starts it a second later, and expects that a message comes. */
export async function receivesOnceItIsThere(
  server: Server,
  topic: string,
  messaging: Messaging,
  patience?: { readonly timeout: number },
): Promise<void> {
  const seen: unknown[] = [];
  const subscribing = messaging.subscribe(topic, { group: 'g' }, ({ data }) => void seen.push(data));
  await Promise.race([subscribing, new Promise((resolve) => setTimeout(resolve, 1000))]);
  await server.start();
  await subscribing;
  await messaging.publish(topic, 1);
  await expect.poll(() => seen, patience).toEqual([1]);
}
