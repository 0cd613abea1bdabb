// What a run says about itself: at its start what there is to do, and while it lasts how far it is.
import { relative } from 'node:path';
import type { TestModule, TestSpecification, Vitest } from 'vitest/node';
import { print } from './print.ts';
import { serversOf } from './test-servers.ts';

const EVERY_MS = 15_000;

export class TestProgress {
  readonly #vitest: Vitest;
  /** When each file that runs now began. */
  readonly #running = new Map<string, number>();
  #files = 0;
  #done = 0;
  #began = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(vitest: Vitest) {
    this.#vitest = vitest;
  }

  async start(specifications: readonly TestSpecification[]): Promise<void> {
    this.#files = specifications.length;
    this.#began = Date.now();
    print(await plan(specifications, this.#vitest.config.maxWorkers));
    // On a terminal vitest itself keeps its last lines up to date.
    if (!process.stdout.isTTY) this.#timer = setInterval(() => this.#tell(), EVERY_MS).unref();
  }

  began(module: TestModule): void {
    this.#running.set(this.#nameOf(module), Date.now());
  }

  ended(module: TestModule): void {
    this.#running.delete(this.#nameOf(module));
    this.#done++;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tell(): void {
    const counts = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const module of this.#vitest.state.getTestModules()) {
      for (const test of module.children.allTests()) counts[test.result().state]++;
    }
    const now = Date.now();
    const running = [...this.#running].map(([name, since]) => `${name} (${seconds(now - since)})`);
    print(
      `progress: ${this.#done} of ${this.#files} files, ${counts.passed} tests passed, ${counts.failed} failed, ` +
        `${seconds(now - this.#began)}; running: ${running.join(', ') || 'nothing'}\n`,
    );
  }

  #nameOf(module: TestModule): string {
    return relative(this.#vitest.config.root, module.moduleId);
  }
}

/** How many files of which projects, and which of the servers that they start are there. */
async function plan(specifications: readonly TestSpecification[], workers: number): Promise<string> {
  const projects = Map.groupBy(specifications, ({ project }) => project.name);
  const files = [...projects].map(([name, { length }]) => (name ? `${length} ${name}` : String(length)));
  const names = [...new Set(specifications.flatMap(({ moduleId }) => serversOf(moduleId)))].sort();
  const lines = [`Test files: ${files.join(', ')}; ${workers} at a time.`];
  if (names.length > 0) lines.push(...(await serverLines(names)));
  return `${lines.join('\n')}\n\n`;
}

async function serverLines(names: readonly string[]): Promise<string[]> {
  // Only where a file starts a server: it brings the client of Redis along.
  const { SERVER_NAMES, whyMissing } = await import('../../packages/testkit/src/index.ts');
  const known = SERVER_NAMES.filter((name) => names.includes(name));
  const absent = known.flatMap((name) => whyMissing(name) ?? []);
  const present = known.filter((name) => whyMissing(name) === undefined);
  return [`Servers: ${present.join(', ') || 'none'}.`, ...absent.map((reason) => `Absent: ${reason}.`)];
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
