import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type Case, declareCases, pause } from '@ent/internal';
import type { ReplayStore } from '../driver.ts';
import type { TestRunner } from './runner.ts';

/** What the suite needs to know about a store of what was used once. */
export interface ReplayStoreHarness {
  /** The store to test. Called once a case; several may share one backend. */
  make(): ReplayStore | Promise<ReplayStore>;
}

const define = (name: string, run: (store: ReplayStore) => Promise<void>): Case<unknown, ReplayStore> => ({
  name,
  run,
});

const cases: readonly Case<unknown, ReplayStore>[] = [
  define('an id is new once', async (store) => {
    const id = randomUUID();
    assert.equal(await store.add(id, 60_000), true);
    for (let n = 0; n < 3; n++) assert.equal(await store.add(id, 60_000), false);
    for (const other of [randomUUID(), id.toUpperCase(), `${id}x`]) assert.equal(await store.add(other, 60_000), true);
  }),

  define('of many at once one is first', async (store) => {
    for (let round = 0; round < 5; round++) {
      const id = randomUUID();
      const answers = await Promise.all(Array.from({ length: 50 }, () => store.add(id, 60_000)));
      assert.equal(answers.filter(Boolean).length, 1);
    }
  }),

  define('it is new again after its time, which another use does not make longer', async (store) => {
    const id = randomUUID();
    const begun = performance.now();
    assert.equal(await store.add(id, 400), true);
    while (!(await store.add(id, 60_000))) {
      await pause(20);
      // Ample time, for a machine that is busy.
      assert.ok(performance.now() - begun < 30_000, 'it was never new again');
    }
    assert.ok(performance.now() - begun > 300, 'it was new again too early');
    assert.equal(await store.add(id, 60_000), false);
  }),
];

/** The conformance suite for stores of what was used once, under any test runner. */
export function testReplayStore(runner: TestRunner, harness: ReplayStoreHarness): void {
  declareCases(runner, undefined, cases, async (run) => run(await harness.make()));
}
