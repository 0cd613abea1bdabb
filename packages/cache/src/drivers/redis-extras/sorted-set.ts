import { cacheErrors } from '../../errors.ts';
import { assertKnown } from '../../internal/checks.ts';
import type { Access } from './access.ts';
import { checkInteger, checkString, Structure, strings, sum } from './structure.ts';

/** A member of a sorted set with its score. */
export interface ScoredMember {
  readonly member: string;
  readonly score: number;
}

/** Options of {@link RedisSortedSet.add}. */
export interface AddOptions {
  /**
   * `absent`: only new members. `present`: only those that are there. `greater`, `less`: new ones, and those that are
   * there if the new score is so compared to their own. Default: always.
   */
  readonly when?: 'absent' | 'present' | 'greater' | 'less' | undefined;
}

/** A range of scores, both ends included unless said otherwise. */
export interface ScoreRange {
  /** Default: -Infinity. */
  readonly min?: number | undefined;
  /** Default: Infinity. */
  readonly max?: number | undefined;
  /** Leaves out `min` itself. Default: false. */
  readonly minExclusive?: boolean | undefined;
  /** Leaves out `max` itself. Default: false. */
  readonly maxExclusive?: boolean | undefined;
}

/** The order of a range. */
export interface OrderOptions {
  /** From the highest score to the lowest. Default: false. */
  readonly reverse?: boolean | undefined;
}

/** Options of {@link RedisSortedSet.rangeByScore}. */
export interface ScoreRangeOptions extends ScoreRange, OrderOptions {
  /** The most members to answer. Default: all. */
  readonly limit?: number | undefined;
  /** How many to skip first. Default: 0. */
  readonly offset?: number | undefined;
}

const RANGE = { min: true, max: true, minExclusive: true, maxExclusive: true } as const;
const ORDER = { reverse: true } as const;

const CONDITIONS = {
  absent: { condition: 'NX' },
  present: { condition: 'XX' },
  greater: { comparison: 'GT' },
  less: { comparison: 'LT' },
} as const;

/**
 * A sorted set of Redis: different strings, of any content, ordered by a score each; those of the same score by their
 * bytes. Scores that are given are finite numbers.
 *
 * @example
 * ```ts no-run
 * import { createCache } from '@ent/cache';
 * import { redis } from '@ent/cache/redis';
 * import { redisExtras } from '@ent/cache/redis-extras';
 *
 * const cache = createCache({ driver: redis({ url: 'redis://localhost:6379' }), prefix: 'app' });
 * const scores = redisExtras(cache).sortedSet('scores');
 * await scores.add('ada', 42, { when: 'greater' });
 * console.log(await scores.range(0, 9, { reverse: true })); // the best ten
 * ```
 */
export class RedisSortedSet extends Structure {
  /** @internal Use `redisExtras(cache).sortedSet(name)`. */
  constructor(access: Access, name: string) {
    super(access, 'sorted-set', name);
  }

  /** Adds a member, or gives it another score; answers whether that changed anything. */
  async add(member: string, score: number, options: AddOptions = {}): Promise<boolean> {
    return (await this.addMany([[member, score]], options)) === 1;
  }

  /** {@link add} for several, 500 in one step; answers how many were added or have another score. */
  async addMany(
    entries: Iterable<readonly [member: string, score: number]>,
    options: AddOptions = {},
  ): Promise<number> {
    assertKnown(options, { when: true }, 'sortedSet.add');
    const { when } = options;
    const members = [...entries].map(([member, score]) => ({
      value: checkString(member, 'member'),
      score: checkScore(score),
    }));
    if (when !== undefined && !Object.hasOwn(CONDITIONS, when)) {
      throw cacheErrors.invalid_argument(
        `when must be one of ${Object.keys(CONDITIONS).join(', ')}; got ${String(when)}.`,
      );
    }
    const how = { ...(when && CONDITIONS[when]), CH: true as const };
    return sum(await this.runMany('add', members, (redis, some) => redis.zAdd(this.key, some, how)));
  }

  /**
   * Adds to the score of a member, which is 0 when it is absent, atomically; answers
   * the new score, which can overflow to Infinity.
   */
  async increment(member: string, by = 1): Promise<number> {
    checkString(member, 'member');
    checkScore(by);
    return this.run('increment', (redis) => redis.zIncrBy(this.key, by, member));
  }

  /** The score of a member, or undefined. */
  async score(member: string): Promise<number | undefined> {
    checkString(member, 'member');
    return this.run('score', async (redis) => (await redis.zScore(this.key, member)) ?? undefined);
  }

  /** The place of a member from 0 on, by rising score or in reverse; undefined when it is absent. */
  async rank(member: string, options: OrderOptions = {}): Promise<number | undefined> {
    assertKnown(options, ORDER, 'rank');
    const { reverse = false } = options;
    checkString(member, 'member');
    return this.run('rank', async (redis) => {
      const rank = await (reverse ? redis.zRevRank(this.key, member) : redis.zRank(this.key, member));
      return rank ?? undefined;
    });
  }

  /** The members from one rank to another, both included; negative ones count from the end. Default: all. */
  async range(start = 0, stop = -1, options: OrderOptions = {}): Promise<ScoredMember[]> {
    assertKnown(options, ORDER, 'range');
    const { reverse = false } = options;
    checkInteger(start, 'start');
    checkInteger(stop, 'stop');
    return this.run('range', async (redis) => {
      return scored(await redis.zRangeWithScores(this.key, start, stop, reverse ? { REV: true } : {}));
    });
  }

  /** The members with a score in a range. */
  async rangeByScore(options: ScoreRangeOptions = {}): Promise<ScoredMember[]> {
    assertKnown(options, { ...RANGE, ...ORDER, limit: true, offset: true }, 'rangeByScore');
    const { reverse = false, limit, offset = 0 } = options;
    const [min, max] = bounds(options);
    if (!(checkInteger(offset, 'offset') >= 0)) throw cacheErrors.invalid_argument('offset must not be negative.');
    if (limit !== undefined && !(checkInteger(limit, 'limit') >= 0)) {
      throw cacheErrors.invalid_argument('limit must not be negative.');
    }
    const page = limit !== undefined || offset > 0 ? { LIMIT: { offset, count: limit ?? -1 } } : {};
    return this.run('range', async (redis) => {
      // In reverse Redis takes the upper end first.
      const [first, last] = reverse ? [max, min] : [min, max];
      const order = reverse ? { REV: true as const } : {};
      return scored(await redis.zRangeWithScores(this.key, first, last, { BY: 'SCORE', ...order, ...page }));
    });
  }

  /** How many members have a score in a range. */
  async countByScore(range: ScoreRange = {}): Promise<number> {
    assertKnown(range, RANGE, 'countByScore');
    const [min, max] = bounds(range);
    return this.run('count', (redis) => redis.zCount(this.key, min, max));
  }

  /** Removes one member or several, 500 in one step; answers how many were there. */
  async remove(members: string | Iterable<string>): Promise<number> {
    const unwanted = strings(members, 'member');
    return sum(await this.runMany('remove', unwanted, (redis, some) => redis.zRem(this.key, some)));
  }

  /** Removes the members with a score in a range, in one step; answers how many. An empty range object means all. */
  async removeByScore(range: ScoreRange): Promise<number> {
    assertKnown(range, RANGE, 'removeByScore');
    const [min, max] = bounds(range);
    return this.run('remove', (redis) => redis.zRemRangeByScore(this.key, min, max));
  }

  /**
   * Removes the members from one rank to another, both included; negative ones count from the end. Answers how many.
   */
  async removeByRank(start: number, stop: number): Promise<number> {
    checkInteger(start, 'start');
    checkInteger(stop, 'stop');
    return this.run('remove', (redis) => redis.zRemRangeByRank(this.key, start, stop));
  }

  /** Takes the members with the lowest scores, as many as `count`, in one step. */
  async popMin(count = 1): Promise<ScoredMember[]> {
    checkCount(count);
    return this.run('pop', async (redis) => scored(await redis.zPopMinCount(this.key, count)));
  }

  /** Takes the members with the highest scores, as many as `count`, in one step. */
  async popMax(count = 1): Promise<ScoredMember[]> {
    checkCount(count);
    return this.run('pop', async (redis) => scored(await redis.zPopMaxCount(this.key, count)));
  }

  /** How many members there are. */
  size(): Promise<number> {
    return this.run('size', (redis) => redis.zCard(this.key));
  }
}

function scored(found: readonly { readonly value: Buffer; readonly score: number }[]): ScoredMember[] {
  return found.map(({ value, score }) => ({ member: value.toString(), score }));
}

function checkScore(score: number): number {
  if (typeof score === 'number' && Number.isFinite(score)) return score;
  throw cacheErrors.invalid_argument(`A score must be a finite number; got ${String(score)}.`);
}

function checkCount(count: number): void {
  if (checkInteger(count, 'count') < 1) throw cacheErrors.invalid_argument('count must be at least 1.');
}

function bounds({ min = -Infinity, max = Infinity, minExclusive, maxExclusive }: ScoreRange): [string, string] {
  return [bound(min, minExclusive), bound(max, maxExclusive)];
}

function bound(score: number, exclusive = false): string {
  if (typeof score !== 'number' || Number.isNaN(score)) {
    throw cacheErrors.invalid_argument(`An end of a range of scores must be a number; got ${String(score)}.`);
  }
  const text = score === Infinity ? '+inf' : score === -Infinity ? '-inf' : String(score);
  return exclusive ? `(${text}` : text;
}
