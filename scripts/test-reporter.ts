// What a test run says about itself: what it will run, how far it is, and at the end what was skipped and why, and the
// line `tests: N passed, N failed, N skipped`, which CI reads.
import { relative } from 'node:path';
import type {
  Reporter,
  SerializedError,
  TestCase,
  TestModule,
  TestRunEndReason,
  TestSpecification,
  TestSuite,
  Vitest,
} from 'vitest/node';
import { print } from './lib/print.ts';
import { TestProgress } from './lib/test-progress.ts';

/** How a block or a test says in its name why it is skipped: `redis (skipped: redis-server is not installed)`. */
const REASON = /\(skipped: (.*)\)/;

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

export default class TestReporter implements Reporter {
  #vitest: Vitest | undefined;
  #progress: TestProgress | undefined;
  #ended = false;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
    if (vitest.config.watch) return;
    this.#progress = new TestProgress(vitest);
    // Also when the run is interrupted, or the process ends by something that no test caught.
    process.once('exit', () => {
      if (this.#ended) return;
      if (!process.exitCode) process.exitCode = 1;
      print('\nThe run was interrupted; these are the tests that had ended.\n');
      this.#summarize(vitest.state.getTestModules(), []);
    });
  }

  async onTestRunStart(specifications: readonly TestSpecification[]): Promise<void> {
    await this.#progress?.start(specifications);
  }

  onTestModuleQueued(module: TestModule): void {
    this.#progress?.began(module);
  }

  onTestModuleEnd(module: TestModule): void {
    this.#progress?.ended(module);
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[], reason: TestRunEndReason): void {
    this.#ended = true;
    this.#progress?.stop();
    if (reason === 'interrupted') print('\nThe run was interrupted; these are the tests that had ended.\n');
    this.#summarize(modules, errors);
  }

  #summarize(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
    const skips = new Map<string, number>();
    const filtered = this.#vitest?.config.testNamePattern !== undefined;
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'pending') continue;
        counts[state]++;
        if (state !== 'skipped') continue;
        const named = filtered && !hasReason(test) ? 'not selected by -t' : this.#describeSkip(test);
        skips.set(named, (skips.get(named) ?? 0) + 1);
      }
      counts.failed += failuresBeyondTests(module);
    }
    // An error that no test caught fails the run, so it counts.
    counts.failed += errors.length;
    if (skips.size > 0) print(`\nSkipped:\n${[...skips].map(([what, count]) => `  ${count} × ${what}`).join('\n')}\n`);
    print(`\ntests: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
  }

  /** A test by its name; a block that is skipped as a whole by the block's. */
  #describeSkip(test: TestCase): string {
    const file = relative(this.#vitest?.config.root ?? '', test.module.moduleId);
    const names = [...ancestors(test)].reverse().map(({ name }) => name);
    const at = names.findIndex((name) => REASON.test(name));
    const reason = at >= 0 ? REASON.exec(names[at] ?? '')?.[1] : noteOf(test);
    const upTo = at >= 0 ? at + 1 : names.length;
    const name = names
      .slice(0, upTo)
      .map((each) => each.replace(REASON, '').trim())
      .join(' > ');
    return `${file} > ${name}: ${reason ?? 'no reason given'}`;
  }
}

/** Blocks and files that failed by themselves, by a hook or an import, and not by a test of theirs. */
function failuresBeyondTests(module: TestModule): number {
  const blocks: (TestSuite | TestModule)[] = [module, ...module.children.allSuites()];
  return blocks.filter((block) => block.errors().length > 0).length;
}

function hasReason(test: TestCase): boolean {
  return noteOf(test) !== undefined || [...ancestors(test)].some(({ name }) => REASON.test(name));
}

function noteOf(test: TestCase): string | undefined {
  const result = test.result();
  return result.state === 'skipped' ? result.note : undefined;
}

/** The test, and the blocks around it from the inside out. */
function* ancestors(test: TestCase): Generator<{ name: string }> {
  for (let task: TestCase | TestSuite | TestModule = test; task.type !== 'module'; task = task.parent) yield task;
}
