import type { Access } from './access.ts';
import { checkString, Structure, strings, sum } from './structure.ts';

/**
 * A set of Redis: different strings, of any content, in no order.
 *
 * @example
 * ```ts no-run
 * import { createCache } from '@ent/cache';
 * import { redis } from '@ent/cache/redis';
 * import { redisExtras } from '@ent/cache/redis-extras';
 *
 * const cache = createCache({ driver: redis({ url: 'redis://localhost:6379' }), prefix: 'app' });
 * const online = redisExtras(cache).set('online');
 * await online.add(['ada', 'grace']);
 * for await (const name of online.members()) console.log(name);
 * ```
 */
export class RedisSet extends Structure {
  /** @internal Use `redisExtras(cache).set(name)`. */
  constructor(access: Access, name: string) {
    super(access, 'set', name);
  }

  /** Adds one member or several, 500 in one step; answers how many were new. */
  async add(members: string | Iterable<string>): Promise<number> {
    const added = strings(members, 'member');
    return sum(await this.runMany('add', added, (redis, some) => redis.sAdd(this.key, some)));
  }

  /** Removes one member or several, 500 in one step; answers how many were there. */
  async remove(members: string | Iterable<string>): Promise<number> {
    const unwanted = strings(members, 'member');
    return sum(await this.runMany('remove', unwanted, (redis, some) => redis.sRem(this.key, some)));
  }

  /** Whether a string is a member. */
  async has(member: string): Promise<boolean> {
    checkString(member, 'member');
    return this.run('has', async (redis) => (await redis.sIsMember(this.key, member)) === 1);
  }

  /** Those of the strings that are members. */
  async hasMany(members: string | Iterable<string>): Promise<Set<string>> {
    const asked = [...new Set(strings(members, 'member'))];
    const answers = (await this.runMany('has', asked, (redis, some) => redis.smIsMember(this.key, some))).flat();
    return new Set(asked.filter((_, i) => answers[i] === 1));
  }

  /** How many members there are. */
  size(): Promise<number> {
    return this.run('size', (redis) => redis.sCard(this.key));
  }

  /**
   * The members, read bit by bit. Those that are there all the time come, one that is added or removed meanwhile
   * may come or not, and a member may come twice.
   */
  async *members(): AsyncIterableIterator<string> {
    for await (const { members } of this.scan((redis, cursor) => redis.sScan(this.key, cursor, { COUNT: 100 }))) {
      for (const member of members) yield member.toString();
    }
  }
}
