import assert from 'node:assert/strict';

/** What a conformance suite needs of a test runner: vitest, node:test, mocha and jest have it. */
export interface TestRunner {
  it(name: string, work: () => Promise<void>): unknown;
}

/** One case of a conformance suite: a name, and what rejects when the driver fails it. */
export interface Case<Features, Tools> {
  readonly name: string;
  /** Runs where this is true. Default: everywhere. */
  readonly when?: (features: Features) => boolean;
  readonly run: (tools: Tools) => Promise<void>;
}

/**
 * Declares one test for each case that fits the features.
 *
 * @param withTools makes what a case works with, runs it, and takes everything down again, whatever happened
 */
export function declareCases<Features, Tools>(
  runner: TestRunner,
  features: Features,
  cases: readonly Case<Features, Tools>[],
  withTools: (run: (tools: Tools) => Promise<void>) => Promise<void>,
): void {
  for (const { name, when, run } of cases) {
    if (when === undefined || when(features)) runner.it(name, () => withTools(run));
  }
}

/** Waits until the condition holds; fails after half a minute. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 30_000;
  // Rarely, when it takes long: others are waiting too.
  for (let waitMs = 5; !(await condition()); waitMs = Math.min(1.2 * waitMs, 100)) {
    assert.ok(performance.now() < end, `${what} within 30 s`);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

/** What a promise rejects with; fails when it resolves. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  return assert.fail(`expected a rejection; it resolved with ${typeof value}`);
}

/** Asserts that the promise rejects with this code; anything that has none is thrown on, so that the test shows it. */
export async function rejectsWith(code: string, promise: Promise<unknown>): Promise<void> {
  const error = await rejectionOf(promise);
  if (typeof (error as { code?: unknown } | null)?.code !== 'string') throw error;
  assert.equal((error as { code: string }).code, code);
}
