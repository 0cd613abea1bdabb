import {
  channels,
  createRateLimiter,
  memoryRateLimitStore,
  type RateLimitDecision,
  type RateLimitOperation,
  rateLimit,
  type RateLimitStore,
  requestId,
} from '@ent/middleware';
import { createNodeListener } from '@ent/middleware/node';
import { testRateLimitStore } from '@ent/middleware/testing';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { retryAfterSeconds } from '../src/problem.ts';
import { serve } from './support/serve.ts';

const rule = { intervalMs: 100, burst: 5 };
function clocked(maxKeys?: number): { take(key?: string, cost?: number): RateLimitDecision; clock: { now: number } } {
  const clock = { now: 1_000_000.123 };
  const store = memoryRateLimitStore({ now: () => clock.now, ...(maxKeys === undefined ? {} : { maxKeys }) });
  return { clock, take: (key = 'k', cost = 1) => store.take(key, cost, rule) as RateLimitDecision };
}

describe('the memory store', () => {
  it('allows the burst, then one an interval', () => {
    const { take, clock } = clocked();
    expect(Array.from({ length: 7 }, () => take().allowed)).toEqual([true, true, true, true, true, false, false]);
    expect(take()).toMatchObject({ allowed: false, remaining: 0, retryAfterMs: 100, resetMs: 500 });
    clock.now += 100;
    expect([take().allowed, take().allowed]).toEqual([true, false]);
  });

  it('never lets more than burst + elapsed through, however the calls fall', () => {
    const { take, clock } = clocked();
    const begin = clock.now;
    let passed = 0;
    // A fixed pattern of uneven steps around every edge.
    for (let i = 0; i < 5000; i++) {
      clock.now += [0, 1, 99, 100, 101, 7, 0.1][i % 7] as number;
      if (take().allowed) passed++;
      expect(passed).toBeLessThanOrEqual(rule.burst + (clock.now - begin) / rule.intervalMs + 1e-3);
    }
    expect(passed).toBeGreaterThan((clock.now - begin) / rule.intervalMs - 1);
  });

  it('counts down what is left', () => {
    const { take } = clocked();
    expect(Array.from({ length: 5 }, () => take().remaining)).toEqual([4, 3, 2, 1, 0]);
  });

  it('takes nothing from a key that is refused, and nothing of another key', () => {
    const { take, clock } = clocked();
    for (let i = 0; i < 50; i++) take();
    clock.now += 500;
    expect(take('k', 5).allowed).toBe(true);
    expect(take('other').remaining).toBe(4);
  });

  it('forgets the key that is nearest to being free when there are too many, and no flood washes away one that is used up', () => {
    const { take } = clocked(3);
    for (let i = 0; i < 5; i++) take('idle');
    for (let i = 0; i < 5; i++) take('hammering');
    take('light');
    take('light');
    for (let i = 0; i < 100; i++) {
      take(`flood-${i}`);
      expect(take('hammering').allowed).toBe(false);
    }
    expect(take('idle').allowed).toBe(false);
    expect(take('light').remaining).toBe(4);
  });

  it('says exactly when a refused call would have passed', () => {
    const { take, clock } = clocked();
    for (let i = 0; i < 5; i++) take();
    clock.now += 30;
    const { retryAfterMs } = take();
    clock.now += retryAfterMs - 0.01;
    expect(take().allowed).toBe(false);
    clock.now += 0.01;
    expect(take().allowed).toBe(true);
  });
});

describe('the memory store, by the suite', () => {
  testRateLimitStore(
    { it },
    {
      make() {
        const store = memoryRateLimitStore();
        return [store, store];
      },
    },
  );
});

const start = async (
  ...parts: Parameters<typeof rateLimit>
): Promise<(headers?: Record<string, string>) => Promise<Response>> => {
  const listener = createNodeListener(() => ({ status: 200 }), {
    middleware: [requestId(), rateLimit(...parts)],
    trustProxies: ['loopback'],
  });
  const { url } = await serve(listener);
  return (headers = {}) => fetch(url, { headers });
};

describe('rateLimit', () => {
  it('rounds up to whole seconds, but not for what is left of a rounding', () => {
    const times = [0, 1, 30_000, 241_882.0193 + 30_000 - 241_882.0193, 30_000.01];
    expect(times.map(retryAfterSeconds)).toEqual(['1', '1', '30', '30', '31']);
  });

  it('says what is left and refuses what is over, with all headers', async () => {
    const call = await start({ limit: 2, window: '1m' });
    const first = await call();
    expect([first.status, first.headers.get('ratelimit-policy')]).toEqual([200, '"default";q=2;w=60']);
    expect(first.headers.get('ratelimit')).toBe('"default";r=1;t=30');
    await call();
    const over = await call();
    expect(over.status).toBe(429);
    expect(over.headers.get('ratelimit')).toMatch(/^"default";r=0;t=(59|60)$/);
    expect(Number(over.headers.get('retry-after'))).toBeGreaterThanOrEqual(29);
    expect(over.headers.get('x-request-id')).not.toBeNull();
    expect(await over.json()).toMatchObject({ code: 'middleware.rate_limited', status: 429 });
  });

  it('never lets one more through, whatever comes at once', async () => {
    const call = await start({ limit: 20, window: '1h' });
    const statuses = (await Promise.all(Array.from({ length: 100 }, () => call()))).map((answer) => answer.status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(20);
    expect(statuses.filter((status) => status === 429)).toHaveLength(80);
  });

  it('counts an IPv6 client by its /64, however it writes its address', async () => {
    const call = await start({ limit: 1, window: '1h' });
    const from = async (address: string): Promise<number> => (await call({ 'x-forwarded-for': address })).status;
    expect(await from('2001:db8:1:2::1')).toBe(200);
    expect(await from('2001:0DB8:0001:0002:ffff::9')).toBe(429);
    expect(await from('2001:db8:1:3::1')).toBe(200);
    expect(await from('192.0.2.1')).toBe(200);
    expect(await from('::ffff:192.0.2.1')).toBe(429);
    expect(await from('::ffff:c000:201')).toBe(429);
    expect(await from('192.0.2.2')).toBe(200);
  });

  it('counts by the key that it is given, and lets pass what has none', async () => {
    const call = await start({
      limit: 1,
      window: '1h',
      key: (exchange) => exchange.header('x-key'),
    });
    expect((await call({ 'x-key': 'a' })).status).toBe(200);
    expect((await call({ 'x-key': 'a' })).status).toBe(429);
    expect((await call({ 'x-key': 'b' })).status).toBe(200);
    const free = await call();
    expect([free.status, free.headers.get('ratelimit')]).toEqual([200, null]);
  });

  it.each<[string, RateLimitStore]>([
    [
      'throws',
      {
        take() {
          throw new Error('store down');
        },
      },
    ],
    [
      'rejects',
      {
        take: async () => {
          throw new Error('store down');
        },
      },
    ],
  ])('limits on its own while its store %s, and says so', async (_name, store) => {
    const failed: RateLimitOperation[] = [];
    const listeners = {
      start() {},
      end() {},
      asyncStart() {},
      asyncEnd() {},
      error: (operation: RateLimitOperation) => void failed.push(operation),
    };
    channels.rateLimit.subscribe(listeners);
    onTestFinished(() => {
      channels.rateLimit.unsubscribe(listeners);
    });
    const call = await start({ limit: 1, window: '1h', store, name: 'calls' });
    expect([(await call()).status, (await call()).status]).toEqual([200, 429]);
    expect(failed[0]).toMatchObject({ policy: 'calls', error: { message: 'store down' } });
  });

  it('leaves a store that failed alone for a while, and asks it again then', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    let [asked, down] = [0, true];
    const memory = memoryRateLimitStore();
    const store: RateLimitStore = {
      take(...attempt) {
        asked++;
        return down ? Promise.reject(new Error('down')) : memory.take(...attempt);
      },
    };
    const limiter = createRateLimiter({ limit: 100, window: '1h', store });
    const several = (): Promise<RateLimitDecision[]> =>
      Promise.all(Array.from({ length: 5 }, async () => limiter.take('k')));
    await limiter.take('k');
    await several();
    expect(asked).toBe(1);
    vi.advanceTimersByTime(1001);
    // One looks, the others do not wait for it.
    await several();
    expect(asked).toBe(2);
    vi.advanceTimersByTime(1001);
    down = false;
    await limiter.take('k');
    expect((await limiter.take('k')).remaining).toBe(98);
    expect(asked).toBe(4);
  });

  it('does not wait for a store that does not answer', async () => {
    const store: RateLimitStore = { take: () => new Promise(() => {}) };
    const limiter = createRateLimiter({ limit: 1, window: '1h', store, timeout: '20ms' });
    expect((await limiter.take('k')).allowed).toBe(true);
    await expect(limiter.require('k')).rejects.toMatchObject({ code: 'middleware.rate_limited' });
  });

  it.each([
    { limit: 0 },
    { limit: 1.5 },
    { limit: Number.NaN },
    { window: 0 },
    { window: '1 fortnight' },
    { timeout: 0 },
    { store: {} as never },
    { store: null as never },
    { name: 'a"b' },
  ])('refuses %j at set-up', (wrong) => {
    expect(() => rateLimit({ limit: 1, window: '1s', ...wrong })).toThrow(/^rateLimit: /);
  });
});

describe('createRateLimiter', () => {
  it('counts two limits on one store apart, and asks for a wait in the error', async () => {
    const store = memoryRateLimitStore();
    const address = createRateLimiter({ name: 'address', limit: 2, window: '1m', store });
    const account = createRateLimiter({ name: 'account', limit: 1, window: '1m', store });
    await address.require('x');
    await account.require('x');
    await address.require('x');
    await expect(account.require('x')).rejects.toMatchObject({ code: 'middleware.rate_limited', status: 429 });
    const error = await account.require('x').catch((thrown: unknown) => thrown as { retryAfterMs: number });
    expect(error?.retryAfterMs).toBeGreaterThan(50_000);
  });
});
