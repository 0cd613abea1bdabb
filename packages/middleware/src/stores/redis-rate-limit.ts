import { refuseUnknown, Script } from '@ent/internal';
import { middlewareErrors } from '../errors.ts';
import { demandMethods } from '../internal/demand.ts';
import type { RateLimitStore } from '../rate-limit-store.ts';

/** What {@link redisRateLimitStore} needs of a client: that of node-redis, for one server, a cluster or sentinels. */
export interface RedisScripts {
  evalSha(sha: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
}

/** How limits are kept in Redis. */
export interface RedisRateLimitStoreOptions {
  /** Stands before each key. Default: `ratelimit:`. */
  prefix?: string | undefined;
}

/**
 * One step of GCRA, as `gcra()` has it, by the server's clock. The key goes when everything is free again; one that is
 * no number counts as absent. ARGV: milliseconds an interval, burst, cost.
 */
const step = new Script(`
local interval, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local capacity = interval * burst
local kept = redis.pcall('GET', KEYS[1])
local arrival = type(kept) == 'string' and tonumber(kept) or now
if arrival ~= arrival then arrival = now end
local start = math.min(math.max(arrival, now), now + capacity)
local next = start + cost * interval
local over = next - now - capacity
local rounding = math.min(interval / 2, 2.220446049250313e-16 * next * (burst + 1))
local allowed = over <= rounding
local reset = (allowed and next or start) - now
if allowed and reset > 0 then
  redis.call('SET', KEYS[1], string.format('%.17g', next), 'PX', string.format('%.0f', math.ceil(reset)))
end
local remaining = math.max(0, math.floor((capacity - reset + rounding) / interval))
return {allowed and 1 or 0, remaining, string.format('%.17g', allowed and 0 or over), string.format('%.17g', reset)}`);

/**
 * Limits that all processes share, in Redis 6.2 or later, or Valkey: one script, and so one round trip, for each
 * attempt. The time is the server's, so that clocks of the processes do not matter.
 *
 * The client is the application's, and connected by it.
 *
 * @throws `middleware.invalid_options`
 * @example
 * ```ts no-run
 * import { rateLimit } from '@ent/middleware';
 * import { redisRateLimitStore } from '@ent/middleware/stores';
 * import { createClient } from 'redis';
 *
 * const client = createClient({ url: 'redis://localhost:6379' });
 * const limit = rateLimit({ limit: 1000, window: '1m', store: redisRateLimitStore(client) });
 * ```
 */
export function redisRateLimitStore(client: RedisScripts, options: RedisRateLimitStoreOptions = {}): RateLimitStore {
  refuseUnknown(options, { prefix: true }, 'redisRateLimitStore', middlewareErrors.invalid_options);
  demandMethods(client, ['evalSha', 'eval'], 'redisRateLimitStore: the client');
  const { prefix = 'ratelimit:' } = options;
  return {
    async take(key, cost, { intervalMs, burst }) {
      const reply = await step.run(client, prefix + key, [String(intervalMs), String(burst), String(cost)]);
      // A client of the application may give bytes for text.
      const [allowed, remaining, retryAfterMs, resetMs] = (reply as unknown[]).map((each) => Number(String(each)));
      return {
        allowed: allowed === 1,
        remaining: remaining as number,
        retryAfterMs: retryAfterMs as number,
        resetMs: resetMs as number,
      };
    },
  };
}
