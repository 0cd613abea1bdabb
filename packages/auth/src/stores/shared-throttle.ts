import { memcachedSlot, refuseUnknown, Script } from '@ent/internal';
import type { ThrottleStore } from '../driver.ts';
import { authErrors } from '../errors.ts';
import { demandMethods } from '../internal/demand.ts';
import type { RedisScripts } from '../internal/redis-records.ts';
import { slotThrottleStore } from '../internal/slot-throttle.ts';

/** Options of {@link redisThrottleStore} and {@link memcachedThrottleStore}. */
export interface SharedThrottleOptions {
  /** Stands before each key: up to 40 visible characters of ASCII. Default: `throttle:`. */
  readonly prefix?: string | undefined;
}

/**
 * One step of a bucket, by the clock that the throttle gives. A key goes when its bucket is empty again; one that is no
 * number counts as absent. ARGV: take, give or reset; milliseconds an interval, burst, now.
 */
const step = new Script(`
local interval, burst, now = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local kept = redis.pcall('GET', KEYS[1])
kept = type(kept) == 'string' and tonumber(kept) or nil
if kept ~= kept then kept = nil end
local latest = now + interval * burst
local function keep(time)
  if time <= now then return redis.call('DEL', KEYS[1]) end
  redis.call('SET', KEYS[1], string.format('%.17g', time), 'PX', string.format('%.0f', math.ceil(time - now)))
end
if ARGV[1] == 'reset' then
  redis.call('DEL', KEYS[1])
  return {1, '0'}
end
if ARGV[1] == 'give' then
  if kept then keep(math.min(kept, latest) - interval) end
  return {1, '0'}
end
local next = math.max(math.min(kept or 0, latest), now) + interval
local over = next - latest
if over <= math.min(interval / 2, 2.220446049250313e-16 * next * (burst + 1)) then
  keep(next)
  return {1, '0'}
end
if kept > latest then keep(latest) end
return {0, string.format('%.17g', over)}`);

const PREFIX = /^[\x21-\x7e]{0,40}$/;

function prefixOf(options: SharedThrottleOptions, of: string): string {
  refuseUnknown(options, { prefix: true }, of, authErrors.configuration);
  const { prefix = 'throttle:' } = options;
  if (typeof prefix === 'string' && PREFIX.test(prefix)) return prefix;
  throw authErrors.configuration(`${of}: "prefix" must be at most 40 visible characters of ASCII.`);
}

/**
 * Counts attempts for all processes in Redis 6.2 or later, or Valkey: one script, and so one round trip, for each
 * limit. The client is the application's, and connected by it.
 *
 * @throws `auth.configuration`
 *
 * @example
 * ```ts no-run
 * import { createThrottle } from '@ent/auth';
 * import { redisThrottleStore } from '@ent/auth/stores';
 * import { createClient } from 'redis';
 *
 * const client = createClient({ url: 'redis://localhost:6379', disableOfflineQueue: true });
 * const throttle = createThrottle({ store: redisThrottleStore(client) });
 * ```
 */
export function redisThrottleStore(client: RedisScripts, options: SharedThrottleOptions = {}): ThrottleStore {
  const prefix = prefixOf(options, 'redisThrottleStore');
  demandMethods(client, ['evalSha', 'eval'], 'redisThrottleStore: the client');
  const run = async (what: 'take' | 'give' | 'reset', key: string, numbers: readonly number[]): Promise<number[]> => {
    const reply = await step.run(client, prefix + key, [what, ...numbers.map(String)]);
    // A client of the application may give bytes for text.
    return (reply as unknown[]).map((each) => Number(String(each)));
  };
  return {
    async take(key, { intervalMs, burst }, now) {
      const [ok, retryAfterMs = 0] = await run('take', key, [intervalMs, burst, now]);
      return { ok: ok === 1, retryAfterMs };
    },
    async give(key, { intervalMs, burst }, now) {
      await run('give', key, [intervalMs, burst, now]);
    },
    async reset(key) {
      await run('reset', key, [1, 1, 0]);
    },
  };
}

/** What {@link memcachedThrottleStore} needs of a client: that of memcache-client. */
export interface ThrottleMemcachedClient {
  xretrieve(command: string, keys: string[]): Promise<unknown>;
  add(key: string, value: string, options: { lifetime: number }): Promise<unknown>;
  cas(key: string, value: string, options: { lifetime: number; casUniq: string }): Promise<unknown>;
  delete(key: string): Promise<unknown>;
}

/**
 * Counts attempts for all processes in Memcached 1.4.8 or later, by compare and set. Entries may go when the server
 * needs room; their limits begin anew. The client is the application's.
 *
 * @throws `auth.configuration`
 *
 * @example
 * ```ts no-run
 * import { createThrottle } from '@ent/auth';
 * import { memcachedThrottleStore } from '@ent/auth/stores';
 * import { MemcacheClient } from 'memcache-client';
 *
 * const client = new MemcacheClient({ server: 'localhost:11211' });
 * const throttle = createThrottle({ store: memcachedThrottleStore(client) });
 * ```
 */
export function memcachedThrottleStore(
  client: ThrottleMemcachedClient,
  options: SharedThrottleOptions = {},
): ThrottleStore {
  const prefix = prefixOf(options, 'memcachedThrottleStore');
  demandMethods(client, ['xretrieve', 'add', 'cas', 'delete'], 'memcachedThrottleStore: the client');
  return slotThrottleStore(memcachedSlot(client, prefix), async (key) => {
    await client.delete(prefix + key).catch((error: unknown) => {
      if (!(error instanceof Error && error.message === 'NOT_FOUND')) throw error;
    });
  });
}
