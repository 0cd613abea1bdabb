import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { authErrors, channels, createThrottle, type ThrottleOptions, type ThrottleStore } from '../src/index.ts';
import { memoryThrottleStore, memoryTotpStore } from '../src/stores.ts';
import { createTotp } from '../src/totp.ts';

const MINUTE = 60_000;

function setUp(options: Partial<ThrottleOptions> = {}) {
  const clock = { time: Date.UTC(2030, 0, 1) };
  const throttle = createThrottle({ store: memoryThrottleStore(), now: () => clock.time, ...options });
  const fails = async (address: string, account: string): Promise<boolean> =>
    throttle.attempt({ address, account }).then(
      () => true,
      () => false,
    );
  return { throttle, clock, fails };
}

describe('login attempts', () => {
  it('are limited for one account from one address', async () => {
    const { throttle, clock } = setUp();
    const who = { address: '192.0.2.1', account: 'ann@example.com' };
    for (let n = 0; n < 10; n++) await throttle.attempt(who);
    const refused = await throttle.attempt(who).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'auth.too_many_attempts', status: 429, retryAfterMs: 1.5 * MINUTE });
    expect(JSON.stringify(refused)).not.toContain('ann');
    clock.time += 1.5 * MINUTE;
    await throttle.attempt(who);
    await expect(throttle.attempt(who)).rejects.toThrow();
  });

  it.each([7, 11, 13, 99])(
    'get through up to the limit of %d, though the time between two is no whole number',
    async (attempts) => {
      const { fails } = setUp({ pair: { attempts, per: '15m' }, account: { attempts: 1000, per: '15m' } });
      let passed = 0;
      for (let n = 0; n < 2 * attempts; n++) if (await fails('192.0.2.1', 'ann')) passed++;
      expect(passed).toBe(attempts);
    },
  );

  it('are limited for many accounts from one address, and for one account from many', async () => {
    const { fails } = setUp();
    let passed = 0;
    for (let n = 0; n < 200; n++) if (await fails('192.0.2.1', `user${n}`)) passed++;
    expect(passed).toBe(100);
    passed = 0;
    for (let n = 0; n < 200; n++) if (await fails(`198.51.100.${n}`, 'ann')) passed++;
    expect(passed).toBe(50);
  });

  it('that succeed use nothing up', async () => {
    const { throttle } = setUp();
    const who = { address: '192.0.2.1', account: 'ann' };
    for (let n = 0; n < 500; n++) await (await throttle.attempt(who)).succeeded();
    for (let n = 0; n < 9; n++) await throttle.attempt(who);
    await (await throttle.attempt(who)).succeeded();
    for (let n = 0; n < 10; n++) await throttle.attempt(who);
  });

  it('that came to nothing are given back, and no more', async () => {
    const { throttle } = setUp();
    const who = { address: '192.0.2.1', account: 'ann' };
    for (let n = 0; n < 9; n++) await throttle.attempt(who);
    for (let n = 0; n < 100; n++) await (await throttle.attempt(who)).undo();
    await throttle.attempt(who);
    await expect(throttle.attempt(who)).rejects.toThrow();
  });

  it('that are refused do not count against the account or the address', async () => {
    const { throttle, fails } = setUp();
    for (let n = 0; n < 10; n++) await throttle.attempt({ address: '192.0.2.1', account: 'ann' });
    for (let n = 0; n < 1000; n++) await throttle.attempt({ address: '192.0.2.1', account: 'ann' }).catch(() => {});
    expect(await fails('192.0.2.1', 'bob')).toBe(true);
    expect(await fails('198.51.100.1', 'ann')).toBe(true);
  });

  it('that are refused for their address use up no account', async () => {
    const { throttle, fails } = setUp({ address: { attempts: 1, per: '15m' }, account: { attempts: 5, per: '15m' } });
    await throttle.attempt({ address: '192.0.2.1', account: 'bob' });
    for (let n = 0; n < 100; n++) expect(await fails('192.0.2.1', 'ann')).toBe(false);
    for (let n = 0; n < 5; n++) expect(await fails(`198.51.100.${n}`, 'ann')).toBe(true);
  });

  it('are counted before they are made: of a thousand at once no more than the limit get through', async () => {
    const { fails } = setUp();
    const all = await Promise.all(Array.from({ length: 1000 }, () => fails('192.0.2.1', 'ann')));
    expect(all.filter(Boolean)).toHaveLength(10);
  });

  it('are one account however it is typed, and one client however its address is written', async () => {
    const { throttle } = setUp();
    const spellings = ['ann@example.com', 'ANN@EXAMPLE.COM', 'Ann@Example.com', 'ａnn@example.com'];
    const addresses = ['192.0.2.1', '::ffff:192.0.2.1', '::FFFF:c000:201'];
    for (let n = 0; n < 10; n++) {
      await throttle.attempt({ address: addresses[n % 3] as string, account: spellings[n % 4] as string });
    }
    await expect(throttle.attempt({ address: '192.0.2.1', account: 'ann@example.com' })).rejects.toThrow();
  });

  it('cannot be shifted from one key to another by what is typed', async () => {
    const { throttle, fails } = setUp({ pair: { attempts: 1, per: '15m' } });
    await throttle.attempt({ address: 'a', account: 'b","c' });
    expect(await fails('a","b', 'c')).toBe(true);
  });

  it('wait for limits that can be', () => {
    expect(() => setUp({ timeout: 0 })).toThrow(expect.objectContaining({ code: 'auth.configuration' }));
    for (const bad of [
      { attempts: 0, per: '1m' },
      { attempts: 1.5, per: '1m' },
      { attempts: 1, per: 0 },
      { attempts: 1, per: 'x' },
    ]) {
      expect(() => setUp({ pair: bad })).toThrow(expect.objectContaining({ code: 'auth.configuration' }));
    }
  });
});

/** A store of which each call does what `how` says, until it is well again. */
function ailing(how: () => Promise<never>) {
  const kept = memoryThrottleStore();
  const state = { ill: true, calls: 0 };
  const through =
    <Args extends unknown[], T>(call: (...args: Args) => Promise<T>) =>
    (...args: Args): Promise<T> => {
      state.calls++;
      return state.ill ? how() : call(...args);
    };
  const store: ThrottleStore = { take: through(kept.take), give: through(kept.give), reset: through(kept.reset) };
  return { store, state, kept };
}

const away = {
  rejects: async (): Promise<never> => Promise.reject(new Error('connect ECONNREFUSED')),
  throws: (): Promise<never> => {
    throw new Error('The client is closed.');
  },
  hangs: (): Promise<never> => new Promise<never>(() => {}),
};

describe.each(Object.entries(away))('a store of attempts that %s', (_name, how) => {
  const pair = { attempts: 3, per: '1h' } as const;
  const who = { address: '192.0.2.1', account: 'ann' };

  it('ASVS 16.5.2: while the store of attempts is away, each process counts by itself', async () => {
    const { store, state } = ailing(how);
    const throttle = createThrottle({ store, timeout: '20ms', pair });
    const told: unknown[] = [];
    const error = (event: unknown): void => void told.push(event);
    const listeners = { start() {}, end() {}, asyncStart() {}, asyncEnd() {}, error };
    channels.throttle.subscribe(listeners);
    onTestFinished(() => {
      channels.throttle.unsubscribe(listeners);
    });
    for (let n = 0; n < 3; n++) await throttle.attempt(who);
    await expect(throttle.attempt(who)).rejects.toMatchObject({ code: 'auth.too_many_attempts', status: 429 });
    expect(told[0]).toMatchObject({ outcome: 'away', error: { code: 'auth.store_failed' } });
    // It is not asked with each attempt.
    expect(state.calls).toBe(1);
    // What it counted is given back to it.
    const other = { ...who, account: 'bob' };
    for (let n = 0; n < 20; n++) await (await throttle.attempt(other)).succeeded();
    for (let n = 0; n < 20; n++) await (await throttle.attempt(other)).undo();
    for (let n = 0; n < 3; n++) await throttle.attempt(other);
    await expect(throttle.attempt(other)).rejects.toMatchObject({ code: 'auth.too_many_attempts' });
  });

  it('is asked again once it may be well', async () => {
    const { store, state } = ailing(how);
    const throttle = createThrottle({ store, timeout: '20ms', pair });
    await throttle.attempt(who);
    state.ill = false;
    await expect
      .poll(
        async () => {
          await (await throttle.attempt({ ...who, account: 'eve' })).undo();
          return state.calls;
        },
        { timeout: 5000 },
      )
      .toBeGreaterThan(1);
    for (let n = 0; n < 3; n++) await throttle.attempt({ ...who, account: 'carl' });
    await expect(throttle.attempt({ ...who, account: 'carl' })).rejects.toMatchObject({
      code: 'auth.too_many_attempts',
    });
  });

  it('does not fail who was right, and was counted before', async () => {
    const { store, state } = ailing(how);
    state.ill = false;
    const throttle = createThrottle({ store, timeout: '20ms', pair });
    const attempt = await throttle.attempt(who);
    state.ill = true;
    await attempt.succeeded();
  });

  it('limits the codes of second factors all the same', async () => {
    const { store } = ailing(how);
    const totp = createTotp({
      store: memoryTotpStore(),
      attempts: store,
      timeout: '20ms',
      issuer: 'Acme',
      secret: 's'.repeat(32),
      limit: { attempts: 2, per: '1h' },
    });
    await totp.enrol('ann', 'ann');
    for (const code of ['code_invalid', 'code_invalid', 'too_many_attempts', 'too_many_attempts']) {
      await expect(totp.verify('ann', 'AAAA')).rejects.toMatchObject({ code: `auth.${code}` });
    }
  });
});

it('a store of attempts that is too busy is no reason to count anew: it refuses', async () => {
  const { store, state } = ailing(async () => Promise.reject(authErrors.overloaded('Many at once.')));
  const throttle = createThrottle({ store });
  const who = { address: '192.0.2.1', account: 'ann' };
  for (let n = 0; n < 3; n++) {
    await expect(throttle.attempt(who)).rejects.toMatchObject({ code: 'auth.overloaded', status: 503 });
  }
  state.ill = false;
  const attempt = await throttle.attempt(who);
  state.ill = true;
  await attempt.succeeded();
});

describe('a wall clock that is set back by an hour', () => {
  it('locks nobody out: the clock of a throttle only goes on', async () => {
    const throttle = createThrottle({ store: memoryThrottleStore(), pair: { attempts: 1, per: '50ms' } });
    const who = { address: '192.0.2.1', account: 'a' };
    await throttle.attempt(who);
    const back = vi.spyOn(Date, 'now').mockImplementation(() => 0);
    onTestFinished(() => back.mockRestore());
    await expect
      .poll(() =>
        throttle.attempt(who).then(
          () => 'let in',
          () => 'refused',
        ),
      )
      .toBe('let in');
  });

  it('makes nobody wait longer than a window, where the times of another process are of before', async () => {
    const store = memoryThrottleStore();
    const rule = { burst: 2, intervalMs: 1000 };
    const hour = 3_600_000;
    for (let i = 0; i < 2; i++) expect(await store.take('k', rule, 2 * hour)).toMatchObject({ ok: true });
    const { ok, retryAfterMs } = await store.take('k', rule, hour);
    expect(ok).toBe(false);
    expect(retryAfterMs).toBeLessThanOrEqual(2000);
    expect(await store.take('k', rule, hour + 1000)).toMatchObject({ ok: true });
  });
});
