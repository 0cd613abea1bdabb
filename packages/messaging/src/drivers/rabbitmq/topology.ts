/**
 * Exchanges and queues. A topic is a fanout exchange of its name, a group the queue `<topic>/<group>` behind it. All
 * topics lead on to one topic exchange, where the groups of patterns have their queues; a message comes to a queue
 * once, whichever way it takes.
 */
import type { Channel } from 'amqplib';
import type { SubscriptionSpec } from '../../driver.ts';
import { isPattern } from '../../internal/patterns.ts';
import { type Link, onChannel } from './link.ts';
import { queueOf, routeOf } from './wire.ts';

/** Where all topics lead to. No topic has a colon in its name. */
const ALL = 'ent:topics';

/** A user who may only touch what has certain names has topics all the same; patterns do not see them. */
async function showToPatterns(link: Link, channel: Channel, topic: string): Promise<void> {
  if (link.hasNoPatterns) return;
  try {
    await channel.assertExchange(ALL, 'topic');
    await channel.bindExchange(ALL, topic, '');
  } catch (error) {
    if ((error as { code?: unknown }).code !== 403) throw error;
    link.hasNoPatterns = true;
  }
}

/** Makes the exchange that leads to a group, and binds its queue, which is there. */
export async function bindGroup(link: Link, channel: Channel, spec: SubscriptionSpec): Promise<void> {
  if (isPattern(spec.topic)) {
    await channel.assertExchange(ALL, 'topic');
    await channel.bindQueue(queueOf(spec), ALL, routeOf(spec.topic));
    return;
  }
  await channel.assertExchange(spec.topic, 'fanout');
  await channel.bindQueue(queueOf(spec), spec.topic, '');
  // At the end: a refusal ends the channel.
  await showToPatterns(link, channel, spec.topic);
}

/** Makes the exchange of a topic, on a channel of its own. */
export function makeTopic(link: Link, topic: string, signal: AbortSignal): Promise<void> {
  return onChannel(link, signal, async (channel) => {
    await channel.assertExchange(topic, 'fanout');
    await showToPatterns(link, channel, topic);
  });
}
