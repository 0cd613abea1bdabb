import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node';

/** How a block says in its name why it is skipped, so that every reporter shows it. */
const IN_BRACKETS = /\(skipped: (.*)\)$/;

/**
 * A vitest reporter that ends a run with its skipped tests, counted by reason:
 *
 * ```text
 *  Skipped 9 tests
 *    7  PostgreSQL is not installed; run scripts/install-services.sh postgres
 *    2  no reason given: packages/cache/tests/cache.test.ts
 * ```
 *
 * In a config: `reporters: ['default', './packages/testkit/src/reporter.ts']`.
 */
export default class SkipReporter implements Reporter {
  #isFiltered = false;

  onInit(vitest: Vitest): void {
    this.#isFiltered = vitest.config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = new Map<string, number>();
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        const reason = reasonOf(test);
        // With --testNamePattern vitest counts everything else as skipped.
        if (reason === undefined && this.#isFiltered) continue;
        const line = reason ?? `no reason given: ${module.relativeModuleId}`;
        counts.set(line, (counts.get(line) ?? 0) + 1);
      }
    }
    if (counts.size === 0) return;
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
    console.log(` Skipped ${total} ${total === 1 ? 'test' : 'tests'}`);
    for (const [reason, count] of counts) console.log(`${String(count).padStart(5)}  ${reason}`);
    console.log();
  }
}

function reasonOf(test: TestCase): string | undefined {
  for (let task: TestCase | TestCase['parent'] = test; task.type !== 'module'; task = task.parent) {
    const reason = IN_BRACKETS.exec(task.name)?.[1];
    if (reason !== undefined) return reason;
  }
  const result = test.result();
  return result.state === 'skipped' ? result.note : undefined;
}
