import type { RedisClientType } from 'redis';
import type { SubscriptionSpec } from '../../driver.ts';

/** The topics that one server has, with their groups. */
export async function topicsOf(server: RedisClientType, prefix: string): Promise<SubscriptionSpec[]> {
  // A client of the application may have other types by default.
  const client = server.withCommandOptions({ typeMapping: {} }) as unknown as RedisClientType;
  const options = { MATCH: `${literally(prefix)}{*}`, TYPE: 'stream', COUNT: 1000 };
  const keys = new Set<string>();
  let cursor = '0';
  do {
    const page = await client.scan(cursor, options);
    for (const key of page.keys) keys.add(key);
    cursor = page.cursor;
  } while (cursor !== '0');
  const found: SubscriptionSpec[] = [];
  for (const key of keys) {
    const topic = key.slice(prefix.length + 1, -1);
    // It may have been deleted meanwhile.
    const groups = await client.xInfoGroups(key).catch(() => []);
    for (const { name } of groups) found.push({ topic, group: name });
  }
  return found;
}

/** The text in a pattern of SCAN. */
function literally(text: string): string {
  return text.replace(/[\\*?[\]]/g, String.raw`\$&`);
}
