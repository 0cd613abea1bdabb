import { channel } from 'node:diagnostics_channel';
import { withDeadline } from '@ent/internal';

/** What `@ent/messaging` answers on `ent:messaging:groups`, which documents it in full. */
interface Asked {
  readonly driver: string;
  readonly topic: string;
  readonly group: string;
  stats(): Promise<GroupCounts | undefined>;
}

/** What messages of a group can be. */
export const STATES = ['ready', 'delayed', 'leased', 'dead'] as const;

/** How many messages are in which state; a state that the broker does not tell of is absent. */
export type GroupCounts = Partial<Record<(typeof STATES)[number], number | undefined>>;

/** A group, and what its broker says of it. */
export interface Group extends Pick<Asked, 'driver' | 'topic' | 'group'> {
  /** `undefined` for a broker that is away or late: that is not one where nothing waits. */
  readonly counts: GroupCounts | undefined;
}

/**
 * How far the groups of this process are: each subscription answers on a channel. A broker that hangs is given up after
 * `patienceMs`, and the others are there in time.
 */
export async function readGroups(patienceMs: number): Promise<Group[]> {
  const asked: Asked[] = [];
  channel('ent:messaging:groups').publish({ add: (group: Asked) => asked.push(group) });
  const late = (): Error => new Error('too late');
  const counts = await Promise.allSettled(asked.map((each) => withDeadline(() => each.stats(), patienceMs, late)));
  return asked.map(({ driver, topic, group }, i) => {
    const outcome = counts[i];
    return { driver, topic, group, counts: outcome?.status === 'fulfilled' ? outcome.value : undefined };
  });
}
