/** What a suite needs of a test runner: vitest, node:test, mocha and jest have it. */
export interface TestRunner {
  it(name: string, work: () => Promise<void>): unknown;
}
