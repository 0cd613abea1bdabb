import assert from 'node:assert/strict';
import { type Case, declareCases } from '@ent/internal';
import type { KeySetStore } from '../driver.ts';
import type { TestRunner } from './runner.ts';

/** What the suite needs to know about a store of keys. */
export interface KeySetStoreHarness {
  /** Two objects on one empty place, as two processes have them. */
  make(): Promise<readonly [KeySetStore, KeySetStore]> | readonly [KeySetStore, KeySetStore];
}

interface Tools {
  readonly one: KeySetStore;
  readonly two: KeySetStore;
}

const define = (name: string, run: (tools: Tools) => Promise<void>): Case<unknown, Tools> => ({ name, run });

const cases: readonly Case<unknown, Tools>[] = [
  define('an empty store has no set', async ({ one }) => {
    assert.equal(await one.read(), undefined);
  }),

  define('a set is there for all once it is written, as it was', async ({ one, two }) => {
    // As long as a few encrypted keys are.
    const data = 'aZ09-_.'.repeat(1000);
    assert.equal(await one.write(data, 0), true);
    for (const store of [one, two]) assert.deepEqual(await store.read(), { revision: 1, data });
  }),

  define('a set is replaced by who has seen it, and by nobody else', async ({ one, two }) => {
    assert.equal(await one.write('a', 0), true);
    assert.equal(await two.write('b', 0), false);
    assert.equal(await two.write('b', 1), true);
    for (const expected of [0, 1, 3, 7]) assert.equal(await one.write('c', expected), false);
    assert.deepEqual(await one.read(), { revision: 2, data: 'b' });
    for (let revision = 2; revision < 6; revision++) assert.equal(await one.write(`r${revision + 1}`, revision), true);
    assert.deepEqual(await two.read(), { revision: 6, data: 'r6' });
  }),

  define('of many at once one is first, each time', async ({ one, two }) => {
    for (let expected = 0; expected < 5; expected++) {
      const tries = Array.from({ length: 10 }, (_, n) => (n % 2 ? one : two).write(`${expected}-${n}`, expected));
      const answers = await Promise.all(tries);
      assert.equal(answers.filter(Boolean).length, 1);
      const data = `${expected}-${answers.indexOf(true)}`;
      for (const store of [one, two]) assert.deepEqual(await store.read(), { revision: expected + 1, data });
    }
  }),
];

/** The conformance suite for stores of keys, under any test runner. */
export function testKeySetStore(runner: TestRunner, harness: KeySetStoreHarness): void {
  declareCases(runner, undefined, cases, async (run) => {
    const [one, two] = await harness.make();
    await run({ one, two });
  });
}
