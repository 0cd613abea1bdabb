// The order of the test files: the longest first, so that the last ones are short and no processor idles at the end;
// and files of different servers side by side. What a file will take is known from the last run (vitest keeps it in
// node_modules), or guessed from the servers that it starts, so that a new driver's tests need no entry anywhere.
import { statSync } from 'node:fs';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { serversOf } from './lib/test-servers.ts';

/** Seconds that a block with its own server takes, about: to start it, and to do with it what such tests do. */
const BLOCK_S: Readonly<Record<string, number>> = {
  'redis-cluster': 15,
  'redis-sentinel': 15,
  rabbitmq: 15,
  memcached: 7,
};
const OTHER_BLOCK_S = 10;
const DRIVER_S = 5;
/** They run a suite once for each bug that it must find. */
const MUTANTS_S = 30;
const BYTES_PER_S = 5000;

export interface Estimate {
  readonly seconds: number;
  readonly servers: readonly string[];
}

export class TestOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const estimates = new Map(files.map((file) => [file, this.#estimate(file)]));
    return spread(files, (file) => estimates.get(file) as Estimate);
  }

  #estimate(file: TestSpecification): Estimate {
    const servers = serversOf(file.moduleId);
    const last = this.ctx.cache.getTestSpecificationResult(file)?.duration;
    if (last !== undefined && last > 0) return { seconds: last / 1000, servers };
    const blocks = servers.reduce((sum, name) => sum + (BLOCK_S[name] ?? OTHER_BLOCK_S), 0);
    const own = file.project.name === 'drivers' ? DRIVER_S : 0;
    const mutants = file.moduleId.endsWith('/mutants.test.ts') ? MUTANTS_S : 0;
    return { seconds: blocks + own + mutants + statSync(file.moduleId).size / BYTES_PER_S, servers };
  }
}

/** The longest first; of those that are nearly as long, one that shares no server with the file before it. */
export function spread<File>(files: readonly File[], estimate: (file: File) => Estimate): File[] {
  const rest = [...files].sort((a, b) => estimate(b).seconds - estimate(a).seconds);
  const order: File[] = [];
  let before: readonly string[] = [];
  while (rest.length > 0) {
    const longest = estimate(rest[0] as File).seconds;
    const other = rest.findIndex((file) => {
      const { seconds, servers } = estimate(file);
      return seconds >= longest / 2 && !servers.some((name) => before.includes(name));
    });
    const [next] = rest.splice(Math.max(other, 0), 1) as [File];
    order.push(next);
    before = estimate(next).servers;
  }
  return order;
}
