import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type Case, declareCases } from '@ent/internal';
import type { ThrottleStore } from '../driver.ts';
import type { TestRunner } from './runner.ts';

/** What the suite needs to know about a store of attempts. */
export interface ThrottleStoreHarness {
  make(): ThrottleStore | Promise<ThrottleStore>;
}

/** A store, and a key that no other case uses. */
interface Tools {
  readonly store: ThrottleStore;
  readonly key: string;
}

const RULE = { burst: 5, intervalMs: 1000 };
const NOW = Date.UTC(2030, 0, 1);

const define = (name: string, run: (tools: Tools) => Promise<void>): Case<unknown, Tools> => ({ name, run });

const cases: readonly Case<unknown, Tools>[] = [
  define('of many attempts at once the burst gets through, and the rest is told when', async ({ store, key }) => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => store.take(key, RULE, NOW)));
    assert.equal(answers.filter(({ ok }) => ok).length, 5);
    for (const { ok, retryAfterMs } of answers) assert.equal(retryAfterMs, ok ? 0 : 1000);
  }),

  define('one more gets through each interval, and refused ones cost nothing', async ({ store, key }) => {
    for (let n = 0; n < 5; n++) await store.take(key, RULE, NOW);
    for (let n = 0; n < 50; n++) await store.take(key, RULE, NOW + 100);
    assert.deepEqual(await store.take(key, RULE, NOW + 400), { ok: false, retryAfterMs: 600 });
    assert.deepEqual(await store.take(key, RULE, NOW + 1000), { ok: true, retryAfterMs: 0 });
    assert.deepEqual(await store.take(key, RULE, NOW + 1000), { ok: false, retryAfterMs: 1000 });
  }),

  define('a rest refills the whole burst and no more', async ({ store, key }) => {
    for (let n = 0; n < 5; n++) await store.take(key, RULE, NOW);
    const later = NOW + 60_000;
    const answers = [];
    for (let n = 0; n < 7; n++) answers.push((await store.take(key, RULE, later)).ok);
    assert.deepEqual(answers, [true, true, true, true, true, false, false]);
  }),

  define('what is given back can be taken again, once', async ({ store, key }) => {
    for (let n = 0; n < 5; n++) await store.take(key, RULE, NOW);
    await store.give(key, RULE, NOW);
    assert.equal((await store.take(key, RULE, NOW)).ok, true);
    assert.equal((await store.take(key, RULE, NOW)).ok, false);
    // Giving to who has taken nothing makes no credit.
    const other = randomUUID();
    for (let n = 0; n < 10; n++) await store.give(other, RULE, NOW);
    for (let n = 0; n < 5; n++) await store.take(other, RULE, NOW);
    assert.equal((await store.take(other, RULE, NOW)).ok, false);
  }),

  define('keys are apart, and one can be forgotten', async ({ store, key }) => {
    const other = key.toUpperCase();
    for (let n = 0; n < 6; n++) await store.take(key, RULE, NOW);
    assert.equal((await store.take(other, RULE, NOW)).ok, true);
    await store.reset(key);
    await store.reset(randomUUID());
    assert.equal((await store.take(key, RULE, NOW)).ok, true);
  }),
];

/** The conformance suite for stores of attempts, under any test runner. */
export function testThrottleStore(runner: TestRunner, harness: ThrottleStoreHarness): void {
  declareCases(runner, undefined, cases, async (run) => run({ store: await harness.make(), key: randomUUID() }));
}
