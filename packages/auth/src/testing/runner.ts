/** What a suite needs of a test runner: vitest, node:test, mocha and jest have it. */
export interface TestRunner {
  it(name: string, work: () => Promise<void>): unknown;
}

/** One case of a suite: rejects when it is not met. For a runner of your own. */
export interface Case {
  readonly name: string;
  run(): Promise<void>;
}

export function register(runner: TestRunner, cases: readonly Case[]): void {
  for (const { name, run } of cases) runner.it(name, run);
}
