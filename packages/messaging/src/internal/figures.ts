import type { DriverCall, GroupCount, MessagingDriver, SubscriptionSpec } from '../driver.ts';
import type { GroupStats, SubscriptionStats } from '../subscription.ts';
import { DEAD_GROUP, deadLetterTopicOf, retriesOf } from './setup.ts';

/** What a subscription has done. */
export class Figures {
  running = 0;
  handled = 0;
  failed = 0;
  redelivered = 0;
  postponed = 0;
  expired = 0;
  deadLettered = 0;

  now(): Omit<SubscriptionStats, keyof GroupStats> {
    const { running, handled, failed, redelivered, postponed, expired, deadLettered } = this;
    return { running, handled, failed, redelivered, postponed, expired, deadLettered };
  }
}

/** How far a group is; undefined where there is none. */
export async function statsOf(
  driver: MessagingDriver,
  { topic, group: name }: SubscriptionSpec,
  deadLetter: string | undefined,
  call: DriverCall,
): Promise<GroupStats | undefined> {
  const retries = retriesOf(driver, topic, name);
  const dead = { topic: deadLetter ?? deadLetterTopicOf(topic, name), group: DEAD_GROUP };
  const counts = [{ topic, group: name }, dead, ...(retries ? [retries] : [])].map((one) => driver.count(one, call));
  const [group, letters, waiting] = await Promise.all(counts);
  if (!group) return undefined;
  return {
    ready: group.ready,
    delayed: (group.delayed ?? 0) + totalOf(waiting),
    leased: group.leased,
    dead: totalOf(letters),
  };
}

/** All that a group has, as far as the broker tells. */
export function totalOf(count: GroupCount | undefined): number {
  return count ? count.ready + (count.delayed ?? 0) + (count.leased ?? 0) : 0;
}
