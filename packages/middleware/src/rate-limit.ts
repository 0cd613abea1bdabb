import { durationOption, isThenable, kindOf, refuseUnknown, withDeadline } from '@ent/internal';
import { addressKey } from './address.ts';
import { channels } from './channels.ts';
import { middlewareErrors } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { demandMethods } from './internal/demand.ts';
import type { Middleware } from './middleware.ts';
import type { Duration } from './options.ts';
import { retryAfterSeconds } from './problem.ts';
import {
  memoryRateLimitStore,
  type RateLimitDecision,
  type RateLimitRule,
  type RateLimitStore,
} from './rate-limit-store.ts';

/** How much is allowed. */
export interface RateLimiterOptions {
  /** Units that are allowed in each window. They may come at once; then they come back evenly. */
  limit: number;
  /** Length of the window: milliseconds, or text such as `"1m"`. */
  window: Duration;
  /**
   * Where the counts are: of `@ent/middleware/stores` one that all processes share. Default: in memory, for this
   * process, up to 100,000 keys.
   */
  store?: RateLimitStore | undefined;
  /** How long an answer of the store is waited for. Default: `"1s"`. */
  timeout?: Duration | undefined;
  /**
   * Names the limit in `RateLimit` headers, store keys and telemetry. Default:
   * `default`. Two limits on one store need two names.
   */
  name?: string | undefined;
}

/** Counts attempts by key. For limits that are not about whole requests, such as login attempts of an account. */
export interface RateLimiter {
  readonly name: string;
  readonly limit: number;
  readonly windowMs: number;
  /**
   * Takes `cost` units (default 1) and says whether they were there. When the store fails or does not answer in time, a
   * local one of this process decides, and for a second on, before the store is asked again: an outage neither locks
   * everybody out nor opens the gates, and few wait for it.
   * @throws `middleware.invalid_options` for a key that is no text, or a cost that is no number
   */
  take(key: string, cost?: number): RateLimitDecision | Promise<RateLimitDecision>;
  /** As {@link take}. @throws `middleware.rate_limited` (429 with `Retry-After`) when they were not */
  require(key: string, cost?: number): Promise<void>;
}

const OPTIONS = { limit: true, window: true, store: true, timeout: true, name: true } as const;

/** How long a store that failed is left alone. */
const COOLDOWN_MS = 1000;

const NAME = /^[a-z0-9_-]{1,64}$/;

/**
 * Makes a limiter.
 *
 * @throws `middleware.invalid_options`
 * @example
 * ```ts
 * import { createRateLimiter } from '@ent/middleware';
 *
 * const logins = createRateLimiter({ name: 'login', limit: 10, window: '15m' });
 * await logins.require('account:ada@example.com');
 * ```
 */
export function createRateLimiter(options: RateLimiterOptions): RateLimiter {
  refuseUnknown(options, OPTIONS, 'rateLimit', middlewareErrors.invalid_options);
  const { limit, name = 'default' } = options;
  const windowMs = durationOption(options.window, 'rateLimit: window', middlewareErrors.invalid_options);
  if (!Number.isInteger(limit) || limit < 1 || !NAME.test(name)) {
    throw middlewareErrors.invalid_options(
      `rateLimit: limit (${limit}) must be a whole number from 1, and name ("${name}") of a-z, 0-9, "_" and "-".`,
    );
  }
  const rule: RateLimitRule = { intervalMs: windowMs / limit, burst: limit };
  const timeoutMs = durationOption(options.timeout ?? '1s', 'rateLimit: timeout', middlewareErrors.invalid_options);
  const local = memoryRateLimitStore();
  const { store = local } = options;
  demandMethods(store, ['take'], 'rateLimit: store');
  /** By `performance.now()`; while somebody asks a store that failed before, the others do not. */
  let awayUntil = 0;

  const fallBack = (error: unknown, key: string, cost: number): RateLimitDecision => {
    awayUntil = performance.now() + COOLDOWN_MS;
    if (channels.rateLimit.hasSubscribers) channels.rateLimit.error.publish({ policy: name, error });
    return local.take(key, cost, rule) as RateLimitDecision;
  };
  const waitFor = async (asked: Promise<RateLimitDecision>): Promise<RateLimitDecision> => {
    const decision = await withDeadline(
      () => asked,
      timeoutMs,
      () => middlewareErrors.store_timeout(`The store of rate limit "${name}" gave no answer in ${timeoutMs} ms.`),
    );
    awayUntil = 0;
    return decision;
  };
  const take = (key: string, cost = 1): RateLimitDecision | Promise<RateLimitDecision> => {
    // A key that is not known would be one that everybody shares.
    if (typeof key !== 'string') {
      throw middlewareErrors.invalid_options(
        `The key that rate limit "${name}" counts must be a text; got ${kindOf(key)}.`,
      );
    }
    if (typeof cost !== 'number' || !(cost >= 0)) {
      throw middlewareErrors.invalid_options(`The cost for rate limit "${name}" must be a number from 0 on.`);
    }
    const full = `${name}:${key}`;
    if (awayUntil > 0) {
      const now = performance.now();
      if (now < awayUntil) return local.take(full, cost, rule);
      awayUntil = now + COOLDOWN_MS;
    }
    try {
      const decision = store.take(full, cost, rule);
      if (isThenable(decision)) {
        return waitFor(Promise.resolve(decision)).catch((error: unknown) => fallBack(error, full, cost));
      }
      awayUntil = 0;
      return decision;
    } catch (error) {
      return fallBack(error, full, cost);
    }
  };
  return {
    name,
    limit,
    windowMs,
    take,
    async require(key, cost) {
      const decision = await take(key, cost);
      if (!decision.allowed) throw limited(decision);
    },
  };
}

/** How requests are limited. */
export interface RateLimitOptions extends RateLimiterOptions {
  /**
   * Whom a request counts for; `undefined` for one that is not counted, such as a probe. Default: the client's address,
   * an IPv6 one by its /64: `addressKey(exchange.peer)`.
   */
  key?: (exchange: Exchange) => string | undefined;
}

/**
 * Limits how often a client may call. What is over the limit gets 429 with `Retry-After`; every counted answer says
 * what is left in `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers).
 *
 * Behind a proxy all clients have its address: name the proxy in the host's `trustProxies`, or they share one limit.
 *
 * @throws `middleware.invalid_options`
 * @example
 * ```ts
 * import { rateLimit } from '@ent/middleware';
 *
 * const middleware = [rateLimit({ limit: 1000, window: '1m' })];
 * ```
 */
export function rateLimit(options: RateLimitOptions): Middleware {
  refuseUnknown(options, { ...OPTIONS, key: true }, 'rateLimit', middlewareErrors.invalid_options);
  const { key = (exchange: Exchange): string | undefined => addressKey(exchange.peer), ...rest } = options;
  const limiter = createRateLimiter(rest);
  const policy = `"${limiter.name}";q=${limiter.limit};w=${Math.ceil(limiter.windowMs / 1000)}`;
  // Each limit has its own place, so that two of them on one exchange do not meet.
  const slot = Symbol('rate limit decision');
  const admit = (exchange: Exchange, decision: RateLimitDecision): undefined => {
    exchange.state.set(slot, decision);
    if (!decision.allowed) throw limited(decision);
  };
  return {
    name: 'rate-limit',
    before(exchange) {
      const counted = key(exchange);
      if (counted === undefined) return undefined;
      const decision = limiter.take(counted);
      return decision instanceof Promise ? decision.then((late) => admit(exchange, late)) : admit(exchange, decision);
    },
    head(exchange, _status, headers) {
      const decision = exchange.state.get(slot) as RateLimitDecision | undefined;
      if (decision === undefined) return;
      headers.append('ratelimit-policy', policy);
      headers.append('ratelimit', `"${limiter.name}";r=${decision.remaining};t=${retryAfterSeconds(decision.resetMs)}`);
    },
  };
}

function limited(decision: RateLimitDecision): Error {
  return middlewareErrors.rate_limited('Too many requests: wait as long as Retry-After says.', {
    retryAfterMs: Math.ceil(decision.retryAfterMs),
  });
}
