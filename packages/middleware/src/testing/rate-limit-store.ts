import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type Case, declareCases, until } from '@ent/internal';
import type { RateLimitDecision, RateLimitStore } from '../rate-limit-store.ts';
import type { TestRunner } from './runner.ts';

/** What the suite needs to know about a store of rate limits. */
export interface RateLimitStoreHarness {
  /** Two stores on the same data, as two processes have them; one twice for a store of one process. */
  make(): readonly [RateLimitStore, RateLimitStore] | Promise<readonly [RateLimitStore, RateLimitStore]>;
}

interface Tools {
  readonly stores: readonly [RateLimitStore, RateLimitStore];
  /** A key that no other case uses. */
  readonly key: string;
}

/** So slow that nothing becomes free while a case runs. */
const SLOW = { burst: 5, intervalMs: 3_600_000 };
const QUICK = { burst: 3, intervalMs: 50 };

const define = (name: string, run: (tools: Tools) => Promise<void>): Case<unknown, Tools> => ({ name, run });

async function several(count: number, take: (n: number) => ReturnType<RateLimitStore['take']>) {
  const decisions: RateLimitDecision[] = [];
  for (let n = 0; n < count; n++) decisions.push(await take(n));
  return decisions;
}

const cases: readonly Case<unknown, Tools>[] = [
  define('of many attempts at once, of two processes, exactly the burst gets through', async ({ stores, key }) => {
    const all = Array.from({ length: 60 }, async (_, n) => (stores[n % 2] as RateLimitStore).take(key, 1, SLOW));
    const decisions = await Promise.all(all);
    assert.equal(decisions.filter(({ allowed }) => allowed).length, 5);
    for (const { allowed, remaining, retryAfterMs, resetMs } of decisions) {
      if (allowed) {
        assert.equal(retryAfterMs, 0);
        continue;
      }
      assert.equal(remaining, 0);
      assert.ok(retryAfterMs > 0 && retryAfterMs <= SLOW.intervalMs);
      assert.ok(resetMs > 4 * SLOW.intervalMs - 600_000 && resetMs <= 5 * SLOW.intervalMs);
    }
  }),

  define('what is left is counted down, and a refused attempt takes nothing', async ({ stores: [store], key }) => {
    const decisions = await several(7, () => store.take(key, 1, SLOW));
    assert.deepEqual(
      decisions.map(({ remaining }) => remaining),
      [4, 3, 2, 1, 0, 0, 0],
    );
    const { retryAfterMs } = decisions[6] as RateLimitDecision;
    assert.ok(retryAfterMs <= SLOW.intervalMs);
  }),

  define('an attempt may cost several units, none, or more than there ever are', async ({ stores: [store], key }) => {
    assert.equal((await store.take(key, 6, SLOW)).allowed, false);
    assert.deepEqual(pick(await store.take(key, 0, SLOW)), { allowed: true, remaining: 5 });
    assert.deepEqual(pick(await store.take(key, 3, SLOW)), { allowed: true, remaining: 2 });
    assert.deepEqual(pick(await store.take(key, 3, SLOW)), { allowed: false, remaining: 2 });
    assert.deepEqual(pick(await store.take(key, 2, SLOW)), { allowed: true, remaining: 0 });
  }),

  define('a limit whose interval is no whole number lets all of its burst through', async ({ stores: [store] }) => {
    for (const burst of [3, 7, 700]) {
      const rule = { burst, intervalMs: 3_600_000 / burst };
      const decision = await store.take(randomUUID(), burst, rule);
      assert.deepEqual(pick(decision), { allowed: true, remaining: 0 });
    }
    const key = randomUUID();
    const decisions = await several(8, () => store.take(key, 1, { burst: 7, intervalMs: 3_600_000 / 7 }));
    assert.equal(decisions.filter(({ allowed }) => allowed).length, 7);
  }),

  define('units come back, and never more than the burst', async ({ stores: [store], key }) => {
    const begin = performance.now();
    let passed = 0;
    await until(async () => {
      if ((await store.take(key, 1, QUICK)).allowed) passed++;
      const elapsed = performance.now() - begin;
      // A clock may be read a step apart.
      assert.ok(passed <= QUICK.burst + elapsed / QUICK.intervalMs + 1, `${passed} passed in ${elapsed} ms`);
      return passed >= 6;
    }, 'units come back');
    await until(async () => (await store.take(key, 0, QUICK)).remaining === QUICK.burst, 'all units come back');
    assert.equal((await store.take(key, QUICK.burst + 1, QUICK)).allowed, false);
  }),

  define('keys are apart, whatever is in them', async ({ stores: [store], key }) => {
    const keys = [key, key.toUpperCase(), `${key} `, `${key}\r\nflush_all\r\n`, `${key}é`, `${key}${'x'.repeat(5000)}`];
    keys.push(`${key}${'x'.repeat(5001)}`, `${key}__proto__`, `${key}'; drop table x; --`);
    for (const each of keys) {
      const decisions = await several(6, () => store.take(each, 1, SLOW));
      assert.deepEqual(
        decisions.map(({ allowed }) => allowed),
        [true, true, true, true, true, false],
        JSON.stringify(each.slice(0, 60)),
      );
    }
  }),

  define('a rule that became smaller forgives what it would never have let through', async ({ stores, key }) => {
    const [store] = stores;
    await several(5, () => store.take(key, 1, SLOW));
    const smaller = { burst: 2, intervalMs: 1000 };
    const { resetMs, allowed } = await store.take(key, 1, smaller);
    assert.equal(allowed, false);
    assert.ok(resetMs < 2001, `${resetMs}`);
  }),
];

function pick({ allowed, remaining }: RateLimitDecision): Pick<RateLimitDecision, 'allowed' | 'remaining'> {
  return { allowed, remaining };
}

/** The conformance suite for stores of rate limits, under any test runner. */
export function testRateLimitStore(runner: TestRunner, harness: RateLimitStoreHarness): void {
  declareCases(runner, undefined, cases, async (run) => run({ stores: await harness.make(), key: randomUUID() }));
}
