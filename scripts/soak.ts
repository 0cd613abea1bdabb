// Runs the tests in depth (`itInDepth` of the testkit) with all their rounds: `npm run soak`,
// or some: `npm run soak -- packages/cache`. It says how far it is, ends with a table, and keeps in docs/proof.md what
// it ran, beside what ran before.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import type { TestAnnotation } from 'vitest';
import type { Reporter, TestCase, TestModule, TestRunEndReason } from 'vitest/node';
import { startVitest } from 'vitest/node';
import { keepProof, machine, provedRows, seconds, state, table } from './lib/proof.ts';
import { filesUnder } from './lib/workspace.ts';

const root = join(import.meta.dirname, '..');
const EVERY_MS = 15_000;
/** Characters. */
const BAR = 20;

type Row = Readonly<Record<'what' | 'count' | 'seconds' | 'result' | 'seed' | 'ran', string>>;

/** A test that runs. */
interface Running {
  readonly what: string;
  readonly since: number;
  /** `12000 of 100000 messages`, of one that tells. */
  progress?: string;
}

/** Tells what runs while it runs, and keeps what ended. */
class SoakReporter implements Reporter {
  readonly rows: Row[] = [];
  reason: TestRunEndReason = 'interrupted';
  readonly #ran = state();
  readonly #running = new Map<string, Running>();
  readonly #began = Date.now();
  #total = 0;
  #timer: NodeJS.Timeout | undefined;

  onTestRunStart(): void {
    this.#timer = setInterval(() => this.#tell(), EVERY_MS).unref();
  }

  onTestModuleCollected(module: TestModule): void {
    this.#total += [...module.children.allTests()].filter((test) => test.options.mode === 'run').length;
  }

  onTestCaseReady(test: TestCase): void {
    if (test.options.mode === 'run') this.#running.set(test.id, { what: nameOf(test), since: Date.now() });
  }

  onTestCaseAnnotate(test: TestCase, { type, message }: TestAnnotation): void {
    const running = this.#running.get(test.id);
    if (running !== undefined && type === 'progress') running.progress = message;
  }

  onTestCaseResult(test: TestCase): void {
    this.#running.delete(test.id);
    const { depth } = test.meta();
    if (depth === undefined) return;
    const row = {
      what: nameOf(test),
      count: `${depth.count.toLocaleString('en')} ${depth.of}`,
      seconds: ((test.diagnostic()?.duration ?? 0) / 1000).toFixed(1),
      result: test.result().state,
      seed: String(depth.seed),
      ran: this.#ran,
    };
    this.rows.push(row);
    console.log(`${row.result}: ${row.what}, ${row.count}, ${row.seconds} s, seed ${row.seed}`);
  }

  onTestRunEnd(_modules: readonly TestModule[], _errors: readonly unknown[], reason: TestRunEndReason): void {
    clearInterval(this.#timer);
    this.reason = reason;
  }

  #tell(): void {
    const now = Date.now();
    let done = this.rows.length;
    const running = [...this.#running.values()].map(({ what, since, progress }) => {
      if (progress === undefined) return `${what} (${seconds(now - since)})`;
      const [part = 0, whole = 1] = progress.split(' of ').map((text) => Number.parseInt(text, 10));
      done += Math.min(1, part / whole);
      return `${what} (${seconds(now - since)}, ${progress})`;
    });
    const full = Math.floor((BAR * done) / Math.max(1, this.#total));
    const bar = `[${'#'.repeat(full).padEnd(BAR, '.')}] ${this.rows.length} of ${this.#total} tests`;
    console.log(`progress: ${bar}, ${seconds(now - this.#began)}; running: ${running.join('; ') || 'none'}`);
  }
}

/** `cache/property: redis: agrees with the model`; the count at its end has a column of its own. */
function nameOf(test: TestCase): string {
  const names = test.fullName.split(' > ');
  return [fileOf(relative(root, test.module.moduleId)), ...names].join(': ').replace(/, [\d,]+ [^,]*$/, '');
}

/** `cache/property` of the path of a test. */
function fileOf(path: string): string {
  return path.replace(/^packages\/|\/tests|\/drivers|\.test\.ts$/g, '');
}

/** What ran now, with what others files had to say when they last ran, as long as they are there. */
function withEarlier(rows: readonly Row[], all: readonly string[], ran: readonly string[]): readonly Row[] {
  const kept = new Set(all.filter((path) => !ran.includes(path)).map(fileOf));
  const earlier = provedRows<Row>('soak').filter(({ what }) => kept.has(what.slice(0, what.indexOf(': '))));
  return [...earlier, ...rows].toSorted((a, b) => (a.what < b.what ? -1 : 1));
}

/** Such tests stand in the file itself, or in one beside it that several such files share. */
function isInDepth(path: string): boolean {
  const text = readFileSync(path, 'utf8');
  const shared = [...text.matchAll(/ from '(\.[^']+)'/g)].map(([, other]) => resolve(dirname(path), other as string));
  // Some tests write programs, whose imports lead elsewhere.
  const there = shared.filter((file) => existsSync(file));
  return [text, ...there.map((file) => readFileSync(file, 'utf8'))].some((one) => one.includes('itInDepth('));
}

async function main(filters: readonly string[]): Promise<number> {
  const tests = ['packages', 'examples'].flatMap((group) =>
    filesUnder(join(root, group), (path) => path.endsWith('.test.ts')),
  );
  const all = tests.filter(isInDepth).map((path) => relative(root, path));
  const files = all.filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)));
  if (files.length === 0) {
    console.error('No test file has tests in depth (itInDepth), or none that was named.');
    return 64;
  }
  console.log(`Tests in depth, with all their rounds:\n${files.map((file) => `  ${file}`).join('\n')}`);
  process.env['ENT_TEST_DEPTH'] = 'full';
  const reporter = new SoakReporter();
  const began = Date.now();
  const vitest = await startVitest(files, {
    config: 'vitest.workspace.ts',
    watch: false,
    tagsFilter: ['depth'],
    reporters: ['default', reporter],
  });
  await vitest.close();
  const rows = reporter.rows.toSorted((a, b) => (a.what < b.what ? -1 : 1));
  console.log(`\n${table(rows)}\n`);
  const passed = reporter.reason === 'passed' && rows.length > 0;
  if (reporter.reason !== 'interrupted') {
    keepProof('soak', `On ${machine()}.\n\n${table(withEarlier(rows, all, files))}\n`);
  }
  console.log(
    `soak: ${seconds(Date.now() - began)}; ${rows.filter(({ result }) => result === 'passed').length} of ${rows.length} passed`,
  );
  return passed ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
