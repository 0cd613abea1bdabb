import { EntError } from '@ent/errors';
import { type Case, declareCases, rejectionOf } from '@ent/internal';
import type { Database } from '../database.ts';
import type { DatabaseFeatures } from '../driver.ts';
import { createAll } from './entities.ts';
import type { DatabaseHarness, DatabaseStorage, TestRunner } from './harness.ts';

export { rejectionOf as rejection } from '@ent/internal';

/** What a case works with. */
export interface Tools {
  readonly features: DatabaseFeatures;
  /** A database of its own, tables made. */
  readonly db: Database;
  /** Another database on the same place. */
  readonly connect: DatabaseStorage['connect'];
  /** `db` and others on the same place: four in all, or the one where nobody else can get at it. */
  many(): readonly Database[];
  readonly storage: DatabaseStorage;
}

export type DatabaseCase = Case<DatabaseFeatures, Tools>;

/** Declares the cases. Whatever one opens is closed and removed afterwards, whatever happened. */
export function declare(runner: TestRunner, harness: DatabaseHarness, cases: readonly DatabaseCase[]): void {
  const { features } = harness;
  declareCases(runner, features, cases, async (run) => {
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
      const many = (): Database[] => [db, ...Array.from({ length: features.shared ? 3 : 0 }, () => connect())];
      await run({ features, db, connect, many, storage });
    } finally {
      for (const db of opened) await db.close();
      await storage.remove();
    }
  });
}

/** The code of what a promise rejects with; what is none of our errors is thrown on, so that the test shows it. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await rejectionOf(promise);
  if (!EntError.is(error)) throw error;
  return error.code;
}
