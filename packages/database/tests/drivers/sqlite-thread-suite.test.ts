import { testDatabaseDriver } from '@ent/database/testing';
import { itInShares } from '@ent/testkit/vitest';
import { threadHarness } from '../fixtures/storage.ts';

// From source each thread compiles its program anew, which takes longer than the cases: a few of them in each run.
itInShares('a SQLite file in threads passes the conformance suite', 8, (runner) =>
  testDatabaseDriver(runner, threadHarness),
);
