import type { Database } from '../database.ts';
import { createAll } from './entities.ts';
import type { DatabaseHarness, DatabaseStorage } from './harness.ts';
import type { TestRunner } from './runner.ts';

/** What the groups of cases are written with. */
export interface Suite extends TestRunner {
  readonly features: DatabaseHarness['features'];
  /** A case with a database of its own, tables made. Everything is closed and removed afterwards, whatever happened. */
  test(name: string, body: (db: Database, more: More) => Promise<void>): void;
}

interface More {
  /** Another database on the same place, closed by the suite. */
  connect: DatabaseStorage['connect'];
  readonly storage: DatabaseStorage;
}

export function suiteOf(runner: TestRunner, harness: DatabaseHarness): Suite {
  return {
    features: harness.features,
    describe: (name, body) => runner.describe(name, body),
    it: (name, body) => runner.it(name, body),
    expect: (value) => runner.expect(value),
    test(name, body) {
      runner.it(name, async () => {
        const storage = await harness.create();
        const opened: Database[] = [];
        const connect: DatabaseStorage['connect'] = (options) => {
          const db = storage.connect(options);
          opened.push(db);
          return db;
        };
        try {
          const db = connect();
          await createAll(db);
          await body(db, { connect, storage });
        } finally {
          for (const db of opened) await db.close();
          await storage.remove();
        }
      });
    },
  };
}
