import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type Case, declareCases, until } from '@ent/internal';
import type { IdempotencyStore } from '../idempotency-store.ts';
import type { TestRunner } from './runner.ts';

/** What the suite needs to know about a store of answers. */
export interface IdempotencyStoreHarness {
  /** Two stores on the same data, as two processes have them; one twice for a store of one process. */
  make(): readonly [IdempotencyStore, IdempotencyStore] | Promise<readonly [IdempotencyStore, IdempotencyStore]>;
}

interface Tools {
  readonly stores: readonly [IdempotencyStore, IdempotencyStore];
  /** A key that no other case uses. */
  readonly key: string;
}

const LONG_MS = 3_600_000;

const define = (name: string, run: (tools: Tools) => Promise<void>): Case<unknown, Tools> => ({ name, run });

const cases: readonly Case<unknown, Tools>[] = [
  define('of many claims at once, of two processes, exactly one gets the key', async ({ stores, key }) => {
    const claims = Array.from({ length: 40 }, async (_, n) =>
      (stores[n % 2] as IdempotencyStore).claim(key, `record ${n}`, LONG_MS),
    );
    const answers = await Promise.all(claims);
    const won = answers.flatMap((there, n) => (there === undefined ? [n] : []));
    assert.equal(won.length, 1);
    for (const there of answers) assert.ok(there === undefined || there === `record ${won[0]}`);
  }),

  define('a record is replaced by who knows it, and by nobody else', async ({ stores: [one, two], key }) => {
    await one.claim(key, 'a', LONG_MS);
    assert.equal(await two.replace(key, 'b', 'c', LONG_MS), false);
    assert.equal(await two.replace(key, 'a', 'c', LONG_MS), true);
    assert.equal(await one.replace(key, 'a', 'd', LONG_MS), false);
    assert.equal(await one.claim(key, 'e', LONG_MS), 'c');
    assert.equal(await one.replace(`${key}-other`, 'a', 'c', LONG_MS), false);
  }),

  define('the last record of a process is kept, though it renews the one before meanwhile', async ({ stores, key }) => {
    const [one, two] = stores;
    for (let n = 0; n < 20; n++) {
      const each = `${key}-${n}`;
      await one.claim(each, 'a', LONG_MS);
      const [, kept] = await Promise.all([two.replace(each, 'a', 'a', LONG_MS), one.replace(each, 'a', 'b', LONG_MS)]);
      assert.equal(kept, true);
      assert.equal(await two.claim(each, 'c', LONG_MS), 'b');
    }
  }),

  define('a key is free again for who knows its record, and for nobody else', async ({ stores: [one, two], key }) => {
    await one.claim(key, 'a', LONG_MS);
    await two.release(key, 'b');
    assert.equal(await two.claim(key, 'c', LONG_MS), 'a');
    await two.release(key, 'a');
    assert.equal(await one.claim(key, 'c', LONG_MS), undefined);
    assert.equal(await two.claim(key, 'd', LONG_MS), 'c');
    await one.release(`${key}-other`, 'a');
  }),

  define('a record is gone after its time, and the key is free', async ({ stores: [one, two], key }) => {
    await one.claim(key, 'a', 50);
    await until(async () => (await two.claim(key, 'b', LONG_MS)) === undefined, 'the key is free');
    assert.equal(await one.replace(key, 'a', 'c', LONG_MS), false);
    assert.equal(await one.claim(key, 'c', LONG_MS), 'b');
  }),

  define('a replacement has a time of its own', async ({ stores: [store], key }) => {
    await store.claim(key, 'a', LONG_MS);
    await store.replace(key, 'a', 'b', 50);
    await until(async () => (await store.claim(key, 'c', LONG_MS)) === undefined, 'the key is free');
  }),

  define('records are kept as they are, whatever is in them', async ({ stores: [one, two], key }) => {
    for (const record of ['é\u{1F600}\0"\\', 'x'.repeat(300_000), '{"a":1}', 'null']) {
      const each = `${key}-${record.length}`;
      await one.claim(each, record, LONG_MS);
      assert.equal(await two.claim(each, 'other', LONG_MS), record);
    }
  }),
];

/** The conformance suite for stores of answers, under any test runner. */
export function testIdempotencyStore(runner: TestRunner, harness: IdempotencyStoreHarness): void {
  declareCases(runner, undefined, cases, async (run) => run({ stores: await harness.make(), key: randomUUID() }));
}
