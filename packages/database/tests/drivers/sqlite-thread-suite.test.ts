import { testDatabaseDriver } from '@ent/database/testing';
import { itInDepth } from '@ent/testkit/vitest';
import { threadHarness } from '../fixtures/storage.ts';

// From source each thread compiles its program anew, which takes longer than the cases: a few of them in each run.
const cases: { readonly name: string; readonly run: () => Promise<void> }[] = [];
testDatabaseDriver({ it: (name, run) => cases.push({ name, run }) }, threadHarness);

const rounds = { full: cases.length, ci: 8, of: 'cases' };
itInDepth('a SQLite file in threads passes the conformance suite', rounds, async ({ count, seed }) => {
  for (let round = 0; round < count; round += 1) {
    const { name, run } = cases[(seed + round) % cases.length] as (typeof cases)[number];
    try {
      await run();
    } catch (cause) {
      throw new Error(`In "${name}".`, { cause });
    }
  }
});
