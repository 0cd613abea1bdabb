import type { GroupCount } from '../../driver.ts';
import type { RedisStreamsClient } from './client.ts';
import type { Link } from './link.ts';
import { countEntries, countGroup } from './scripts.ts';

/** So often a thousand entries are counted at the most, by a server that others want something of as well. */
const MOST_PAGES = 100;

/** What a group has, which is at least what is told where its lag is unknown, and it has too much to count. */
export async function countOf(
  link: Link<RedisStreamsClient>,
  [stream, later]: readonly [stream: string, later: string],
  group: string,
): Promise<GroupCount | undefined> {
  type Counted = [ready: number, delayed: number, leased: number, after?: Buffer] | [];
  const counted = await link.scriptAgain<Counted>(countGroup, [stream, later], [group]);
  if (counted.length === 0) return undefined;
  const [ready, delayed, leased, after] = counted;
  let [more, from] = [0, after?.toString()];
  for (let page = 0; page < MOST_PAGES && from !== undefined; page++) {
    const [count, last] = await link.scriptAgain<[count: number, last?: Buffer]>(countEntries, [stream], [from]);
    more += count;
    from = last?.toString();
  }
  return { ready: ready + more, delayed, leased, ...(from !== undefined && { isAtLeast: true }) };
}
