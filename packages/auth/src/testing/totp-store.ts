import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type Case, declareCases } from '@ent/internal';
import type { TotpRecord, TotpStore } from '../driver.ts';
import { pick } from './pick.ts';
import type { TestRunner } from './runner.ts';

/** What the suite needs to know about a store of second factors. */
export interface TotpStoreHarness {
  /** The store to test. Called once a case; several may share one backend. */
  make(): TotpStore | Promise<TotpStore>;
}

const at = (ms: number): Date => new Date(Date.UTC(2030, 0, 1, 12, 0, 0, 123) + ms);

function record(more: Partial<TotpRecord> = {}): TotpRecord {
  return {
    id: `subject-${randomUUID()}`,
    revision: 1,
    // As long as an encrypted secret, and all recovery codes, are.
    secret: 'aZ09-_.'.repeat(40),
    createdAt: at(0),
    confirmedAt: null,
    // Of the year 2106.
    lastStep: 143_165_577,
    recoveryCodes: Array.from({ length: 10 }, (_, n) => `${n}`.repeat(43)).join(' '),
    ...more,
  };
}

const define = (name: string, run: (store: TotpStore) => Promise<void>): Case<unknown, TotpStore> => ({ name, run });

const cases: readonly Case<unknown, TotpStore>[] = [
  define('a record comes back as it was written', async (store) => {
    const first = record();
    assert.equal(await store.get(first.id), undefined);
    assert.equal(await store.write(first), true);
    assert.deepEqual(pick(first, await store.get(first.id)), first);
    const second = { ...first, revision: 2, secret: '', confirmedAt: at(5), lastStep: 7, recoveryCodes: '' };
    assert.equal(await store.write(second), true);
    assert.deepEqual(pick(second, await store.get(first.id)), second);
    assert.equal(await store.get(first.id.toUpperCase()), undefined);
  }),

  define('a record is replaced by who has seen it, and by nobody else', async (store) => {
    const first = record();
    assert.equal(await store.write({ ...first, revision: 2 }), false);
    assert.equal(await store.write(first), true);
    for (const revision of [1, 3, 7]) assert.equal(await store.write({ ...first, revision, lastStep: 1 }), false);
    assert.deepEqual(pick(first, await store.get(first.id)), first);
    const other = record();
    assert.equal(await store.write(other), true);
    assert.equal(await store.write({ ...other, revision: 2 }), true);
    assert.deepEqual(pick(first, await store.get(first.id)), first);
  }),

  define('of many at once one is first, each time', async (store) => {
    const { id } = record();
    for (let revision = 1; revision < 6; revision++) {
      const tries = Array.from({ length: 20 }, (_, n) => store.write(record({ id, revision, lastStep: n })));
      const answers = await Promise.all(tries);
      assert.equal(answers.filter(Boolean).length, 1);
      assert.equal((await store.get(id))?.lastStep, answers.indexOf(true));
    }
  }),
];

/** The conformance suite for stores of second factors, under any test runner. */
export function testTotpStore(runner: TestRunner, harness: TotpStoreHarness): void {
  declareCases(runner, undefined, cases, async (run) => run(await harness.make()));
}
