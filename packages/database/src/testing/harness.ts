import type { ChildProcess } from 'node:child_process';
import type { Database } from '../database.ts';
import type { DatabaseFeatures } from '../driver.ts';
import type { DatabaseOptions } from '../options.ts';

/** What the suite needs of a test runner: vitest, node:test, mocha and jest have it. */
export interface TestRunner {
  it(name: string, body: () => Promise<void>): unknown;
}

/** What the suite needs to know of a driver. */
export interface DatabaseHarness {
  /** The driver's features; they decide which cases are run. */
  readonly features: DatabaseFeatures;
  /** A new, empty place to store things, which nobody else uses. */
  create(): Promise<DatabaseStorage>;
}

/** A place to store things. */
export interface DatabaseStorage {
  /** A new database on this place. Where `features.shared` is false it is only asked for once. The suite closes it. */
  connect(options?: Omit<DatabaseOptions<unknown>, 'driver'>): Database;
  /** Starts a process that connects to this place and calls `writeForever(db)`. Needed where `features.shared`. */
  spawnWriter?(): ChildProcess;
  /** Removes it. Every database on it is closed by then. */
  remove(): Promise<void>;
}
