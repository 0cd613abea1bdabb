// Benchmarks. As a module: `bench()`, for packages/<name>/bench/*.bench.ts, or those of an example. As a program:
// `pnpm bench <name>`, which runs them, each file in a process of its own. `pnpm bench --plots` draws what was
// measured: of each docs/benchmarks/<name>.json the picture beside it.
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { on, once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { plot } from './lib/plot.ts';

/** One operation; a promise that it gives is awaited before the next one. */
export type Work = () => unknown;

/** A result, as `--json` writes it. */
export interface BenchRow {
  readonly work: string;
  readonly subject: string;
  /** Median over the rounds. */
  readonly opsPerSec: number;
  /** Median over the rounds of: operations a second, divided by those of `raw` in the same round. */
  readonly ratioToRaw: number;
}

export interface BenchOptions {
  /** What the others are compared with. */
  readonly raw: Work;
  readonly subjects: Readonly<Record<string, Work>>;
  /** Default 15, or `--rounds`. */
  readonly rounds?: number;
  /** Operations between two turns of the event loop. Default 1000. */
  readonly perTurn?: number;
  /**
   * Whether each subject gets a process of its own, which runs the script up to this call: where subjects
   * share code (a logger on winston beside plain winston), one would otherwise be measured with what the
   * engine learned from the other. Default `false`.
   */
  readonly isolate?: boolean;
  /**
   * What counts: the time that passes (`wall`), or the time of the processor (`cpu`), which other work of the machine
   * hardly changes; only for work that does not wait. Or milliseconds of the subject's own clock, such as the processor
   * time of its server. Default `wall`, or `--clock`.
   */
  readonly clock?: Clock | ((subject: string) => number);
}

type Clock = 'wall' | 'cpu';

/** Milliseconds since some moment. */
const clocks: Readonly<Record<Clock, () => number>> = {
  wall: () => performance.now(),
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
};

interface How {
  readonly perTurn: number;
  readonly clock: Clock | ((subject: string) => number);
}

/** A subject that is measured: here, or in a process of its own. */
interface Runner {
  readonly subject: string;
  /** Runs a batch and answers the operations per second. */
  round(): Promise<number>;
  end(): Promise<void>;
}

const BATCH_MS = 50;
const rows: BenchRow[] = [];

/**
 * Measures `raw` and the subjects in turns, so that whatever else the machine does hits all of them alike, and prints a
 * table of medians.
 */
export async function bench(name: string, options: BenchOptions): Promise<BenchRow[]> {
  const { values } = parseArgs({
    options: {
      json: { type: 'string' },
      rounds: { type: 'string' },
      only: { type: 'string' },
      clock: { type: 'string' },
      works: { type: 'string' },
    },
    strict: false,
  });
  if (typeof values.works === 'string' && !name.includes(values.works)) return [];
  const works: Record<string, Work> = { raw: options.raw, ...options.subjects };
  const how: How = {
    perTurn: options.perTurn ?? 1000,
    clock: options.clock ?? (values.clock === 'cpu' ? 'cpu' : 'wall'),
  };
  if (typeof values.only === 'string') {
    await serve(name, values.only, works, how);
    return [];
  }
  const rounds = options.rounds ?? (Number(values.rounds) || 15);
  const start = options.isolate ? startElsewhere : startHere;
  const runners: Runner[] = [];
  for (const subject of Object.keys(works)) runners.push(await start(name, subject, works, how));
  const rates = runners.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    // Another one begins in each round: what runs first after a pause is at a disadvantage.
    for (let i = 0; i < runners.length; i++) {
      const at = (round + i) % runners.length;
      rates[at]?.push(await (runners[at] as Runner).round());
    }
  }
  for (const runner of runners) await runner.end();
  const result = runners.map(({ subject }, at) => ({
    work: name,
    subject,
    opsPerSec: Math.round(median(rates[at] as number[])),
    ratioToRaw: Number(median((rates[at] as number[]).map((rate, i) => rate / (rates[0]?.[i] as number))).toFixed(3)),
  }));
  rows.push(...result);
  print(name, result, rounds);
  if (typeof values.json === 'string') writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
  return result;
}

async function startHere(_name: string, subject: string, works: Record<string, Work>, how: How): Promise<Runner> {
  const run = await makeRun(works[subject] as Work, how.perTurn);
  const chosen = how.clock;
  const clock = typeof chosen === 'function' ? () => chosen(subject) : clocks[chosen];
  const batch = await calibrate(run, clock);
  return { subject, round: async () => (batch / (await time(run, batch, clock))) * 1000, end: async () => {} };
}

async function startElsewhere(name: string, subject: string): Promise<Runner> {
  const child = fork(process.argv[1] as string, ['--only', JSON.stringify([name, subject])]);
  await reply(child);
  return {
    subject,
    async round() {
      child.send('round');
      return (await reply(child)) as number;
    },
    async end() {
      child.send('end');
      const [status] = (await once(child, 'exit')) as [number | null];
      if (status !== 0) throw new Error(`${name}: the process of ${subject} ended with ${status}`);
    },
  };
}

async function reply(child: ChildProcess): Promise<unknown> {
  const gone = new AbortController();
  const exit = (): void => gone.abort(new Error('a process of the benchmark ended early'));
  child.once('exit', exit);
  try {
    const [message] = (await once(child, 'message', { signal: gone.signal })) as [unknown];
    return message;
  } finally {
    child.off('exit', exit);
  }
}

/** The other end of {@link startElsewhere}. */
async function serve(name: string, only: string, works: Record<string, Work>, how: How): Promise<void> {
  const [itsName, subject] = JSON.parse(only) as [string, string];
  if (itsName !== name) return;
  const runner = await startHere(name, subject, works, how);
  process.send?.('ready');
  for await (const [message] of on(process, 'message', { close: ['disconnect'] })) {
    if (message === 'end') break;
    process.send?.(await runner.round());
  }
  process.disconnect();
}

/** A loop of its own for each subject: in a shared one the engine could not inline any of them. */
async function makeRun(work: Work, perTurn: number): Promise<(count: number) => Promise<void>> {
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const first = work();
  const isAsync = first instanceof Promise;
  // A transaction, for example, may be the only one on its connection.
  await first;
  const body = isAsync ? 'await work();' : 'work();';
  // oxlint-disable-next-line typescript/no-implied-eval -- a function that is not compiled anew would be the shared one
  const loop = new Function(
    'work',
    'turn',
    'perTurn',
    `return async (count) => {
       for (let done = 0; done < count; ) {
         const end = Math.min(count, done + perTurn);
         for (; done < end; done++) ${body}
         await turn();
       }
     };`,
  ) as (work: Work, turn: () => Promise<void>, perTurn: number) => (count: number) => Promise<void>;
  return loop(work, turn, perTurn);
}

async function calibrate(run: (count: number) => Promise<void>, clock: () => number): Promise<number> {
  let batch = 1;
  for (let warm = 0; warm < 5; ) {
    const ms = await time(run, batch, clock);
    if (ms >= BATCH_MS / 2) warm++;
    batch = Math.max(1, Math.ceil(batch * Math.min(8, BATCH_MS / Math.max(ms, 0.01))));
  }
  return batch;
}

async function time(run: (count: number) => Promise<void>, batch: number, clock: () => number): Promise<number> {
  const start = clock();
  await run(batch);
  return clock() - start;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

function print(name: string, result: readonly BenchRow[], rounds: number): void {
  const width = Math.max(...result.map((row) => row.subject.length));
  console.log(`\n${name} (median of ${rounds} rounds)`);
  for (const { subject, opsPerSec, ratioToRaw } of result) {
    const rate = opsPerSec.toLocaleString('en').padStart(14);
    console.log(`  ${subject.padEnd(width)} ${rate} ops/s  ${ratioToRaw.toFixed(2).padStart(7)} x raw`);
  }
}

/** Draws the rows of each JSON file in a folder, or of those that are named. */
function drawAll(folder: string, names: readonly string[]): number {
  const measured = readdirSync(folder).filter((file) => file.endsWith('.json'));
  const missing = names.find((name) => !measured.includes(`${name}.json`));
  if (missing !== undefined) {
    console.error(`Nothing is measured of "${missing}": pnpm bench ${missing} --json docs/benchmarks/${missing}.json`);
    return 64;
  }
  for (const file of measured.filter((each) => names.length === 0 || names.includes(each.slice(0, -5)))) {
    const drawn = plot(JSON.parse(readFileSync(join(folder, file), 'utf8')) as BenchRow[]);
    writeFileSync(join(folder, file.replace(/json$/, 'svg')), drawn);
  }
  return 0;
}

function main(): number {
  const { values, positionals } = parseArgs({
    options: {
      json: { type: 'string' },
      rounds: { type: 'string' },
      clock: { type: 'string', default: 'wall' },
      works: { type: 'string' },
      plots: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const root = join(import.meta.dirname, '..');
  if (values.plots) return drawAll(join(root, 'docs', 'benchmarks'), positionals);
  const folderOf = new Map(
    ['packages', 'examples'].flatMap((place) =>
      readdirSync(join(root, place)).map((name) => [name, join(root, place, name, 'bench')] as const),
    ),
  );
  for (const [name, folder] of folderOf) if (!existsSync(folder)) folderOf.delete(name);
  const missing = positionals.find((name) => !folderOf.has(name));
  if (positionals.length === 0 || missing !== undefined || !(values.clock in clocks)) {
    const names = [...folderOf.keys()];
    if (missing !== undefined) console.error(`There is no benchmark of "${missing}".`);
    console.error(
      `usage: pnpm bench <name>... [--json FILE] [--rounds N] [--clock wall|cpu] [--works TEXT], or --plots [name...], with benchmarks of: ${names.join(', ')}`,
    );
    return 64;
  }
  const folders = positionals.map((name) => folderOf.get(name) as string);
  const scratch = mkdtempSync(join(tmpdir(), 'ent-bench-'));
  const all: BenchRow[] = [];
  try {
    for (const folder of folders) {
      for (const file of readdirSync(folder).filter((each) => each.endsWith('.bench.ts'))) {
        const json = join(scratch, 'rows.json');
        rmSync(json, { force: true });
        const args = [
          '--conditions=@ent/source',
          '--expose-gc',
          join(folder, file),
          '--json',
          json,
          '--clock',
          values.clock,
        ];
        if (values.rounds !== undefined) args.push('--rounds', values.rounds);
        if (values.works !== undefined) args.push('--works', values.works);
        const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
        if (status !== 0) return status ?? 1;
        if (existsSync(json)) all.push(...(JSON.parse(readFileSync(json, 'utf8')) as BenchRow[]));
      }
    }
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(all, null, 2)}\n`);
    return 0;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

if (import.meta.main) process.exitCode = main();
