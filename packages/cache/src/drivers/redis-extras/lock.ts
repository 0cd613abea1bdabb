import { randomUUID } from 'node:crypto';
import { pause, Script } from '@ent/internal';
import { cacheErrors } from '../../errors.ts';
import { assertKnown } from '../../internal/checks.ts';
import { durationMs } from '../../internal/ttl.ts';
import { pollDelayMs } from '../../internal/loads/waiting.ts';
import type { Duration } from '../../options.ts';
import type { Access } from './access.ts';
import { HeldLock } from './held-lock.ts';

/** Options of a {@link RedisLock}. */
export interface LockOptions {
  /** How long the lock outlives a holder that died. The holder renews it each third of this time. Default: `"10s"`. */
  readonly ttl?: Duration | undefined;
  /** How long {@link RedisLock.acquire} waits for another holder. Default: `"10s"`. */
  readonly wait?: Duration | undefined;
}

/**
 * Takes the lock if it is free. ARGV: token, milliseconds. Answers the server's microseconds since the epoch, or nil.
 */
const take = new Script(`
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return false end
local now = redis.call('TIME')
return string.format('%d%06d', now[1], now[2])`);

/** Prolongs the lock of this token. ARGV: token, milliseconds. Answers 1 or 0. */
const prolong = new Script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`);

/** Frees the lock of this token. ARGV: token. Answers 1 or 0. */
const free = new Script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`);

/**
 * A lock in Redis: one holder at a time, among all processes. The pattern of
 * https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/ on one server, with the fencing token of
 * https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html.
 *
 * No lock with a TTL can stop a holder that was paused from going on. So the holder has a `signal`, which
 * aborts as soon as the lock may be another's, and a `fence`, a number that grows with each holder: where it
 * is stored with what the lock protects, a late writer with a smaller one can be refused. It is the server's
 * clock in microseconds, and grows as long as that does: a failover to a replica whose clock is behind can
 * break it, as it can lose a lock that was just taken.
 *
 * @example
 * ```ts no-run
 * import { createCache } from '@ent/cache';
 * import { redis } from '@ent/cache/redis';
 * import { redisExtras } from '@ent/cache/redis-extras';
 *
 * const cache = createCache({ driver: redis({ url: 'redis://localhost:6379' }), prefix: 'app' });
 * await redisExtras(cache)
 *   .lock('nightly-report', { ttl: '30s' })
 *   .run(async ({ signal, fence }) => console.log('alone', fence, signal.aborted));
 * ```
 */
export class RedisLock {
  readonly #access: Access;
  readonly #key: string;
  readonly #ttlMs: number;
  readonly #waitMs: number;

  /** @internal Use `redisExtras(cache).lock(name)`. */
  constructor(access: Access, name: string, options: LockOptions = {}) {
    assertKnown(options, { ttl: true, wait: true }, 'lock');
    const { ttl = '10s', wait = '10s' } = options;
    this.#access = access;
    this.#key = access.key('lock', name);
    this.#ttlMs = durationMs(ttl, 'ttl');
    this.#waitMs = durationMs(wait, 'wait');
  }

  /** The lock, or undefined while somebody else holds it. An outage rejects in any case. */
  async tryAcquire(): Promise<HeldLock | undefined> {
    const [key, token, ttlMs] = [this.#key, randomUUID(), this.#ttlMs];
    const access = this.#access;
    const begunAt = performance.now();
    const release = (): Promise<boolean> =>
      access.run('lock.release', async (client) => (await free.run(client, key, [token])) === 1, key);
    let fence: unknown;
    try {
      fence = await access.run('lock.acquire', (client) => take.run(client, key, [token, String(ttlMs)]), key);
    } catch (error) {
      release().catch(() => {}); // it may have been taken, and only the answer lost
      throw error;
    }
    if (fence === null) return undefined;
    return new HeldLock({
      fence: Number(fence),
      ttlMs,
      begunAt,
      release,
      renew: () =>
        access.run('lock.renew', async (client) => (await prolong.run(client, key, [token, String(ttlMs)])) === 1, key),
    });
  }

  /**
   * The lock, as soon as it is free. Waiters are not served in their order.
   *
   * @throws `cache.lock_timeout` after `wait`; the `reason` of the signal
   */
  async acquire(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<HeldLock> {
    assertKnown(options, { signal: true }, 'acquire');
    const { signal } = options;
    const end = performance.now() + this.#waitMs;
    for (let round = 0; ; round++) {
      signal?.throwIfAborted();
      const held = await this.tryAcquire();
      if (held !== undefined) return held;
      if (performance.now() >= end) {
        throw cacheErrors.lock_timeout(`Another holder kept the lock for ${this.#waitMs} ms.`);
      }
      await pause(pollDelayMs(round + 1), signal);
    }
  }

  /**
   * Runs work while holding the lock.
   *
   * @throws what the work throws; errors as {@link acquire}; `cache.lock_lost` when the work
   *   ended after the lock may have become another's
   */
  async run<T>(
    work: (held: HeldLock) => T | Promise<T>,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<T> {
    const held = await this.acquire(options);
    try {
      const result = await work(held);
      held.signal.throwIfAborted();
      return result;
    } finally {
      // It runs out by itself where this fails, and the outcome of the work counts more.
      await held.release().catch(() => false);
    }
  }
}
