import { EntError } from '@ent/errors';

/** The part of a test runner that the suite uses: vitest, jest, or a few lines over `node:test`. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>): unknown;
  expect(value: unknown): Expectation;
}

/** The assertions that the suite uses. */
export interface Expectation {
  toBe(expected: unknown): unknown;
  toEqual(expected: unknown): unknown;
}

/** What a promise rejects with; fails when it resolves. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('Expected a rejection; it resolved.');
}

/**
 * The code of what a promise rejects with; anything that is none of our errors is thrown on, so that the test shows it.
 */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await rejection(promise);
  if (!EntError.is(error)) throw error;
  return error.code;
}
