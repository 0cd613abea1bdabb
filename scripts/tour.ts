// docs/tour.md: the files and functions that six ordinary calls go through, in order, as they are traced; and a budget
// for each, so that no call gets longer unseen. `npm run check -- tour` compares and counts,
// `npm run check -- tour --update` writes the page.
//
// A budget is what was counted when it was set, and only falls: the check fails above it, and below it too, until the
// number in CALLS is lowered. Where a call has to grow, the change that raises its budget says why.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRequired } from '../packages/testkit/src/environment.ts';
import { type Finding, main } from './lib/findings.ts';
import { purposeOf } from './lib/purpose.ts';
import type { Trace, Traces } from './tour/record.ts';

interface Call {
  readonly title: string;
  /** What is called, on what. */
  readonly about: string;
  readonly files: number;
  readonly functions: number;
}

/** By the names that `tour/calls.ts` answers to. */
const CALLS: Readonly<Record<string, Call>> = {
  get: {
    title: '`cache.get` on Redis',
    about: 'A key that is there, on `redis({ url })`, the connection open.',
    files: 9,
    functions: 28,
  },
  getOrSet: {
    title: '`cache.getOrSet` on Redis, a miss',
    about: 'A key that nobody has loaded: the lease of the load is taken, and the value stored in its place.',
    files: 20,
    functions: 87,
  },
  insert: {
    title: '`repo.insert` on SQLite',
    about: 'An entity with a generated id, a time and a version, outside of a transaction.',
    // The engine's two ideas, sessions and calls, have a file each; what a SQL
    // driver shares with others is one it stands on. The function that is made
    // for an entity's rows has a file, and asks one function for each field.
    files: 21,
    functions: 62,
  },
  request: {
    title: 'A `GET` through http',
    about: 'A route with a path parameter and a response schema, behind `requestId()`, on a connection that is open.',
    // The writer that a route chose when it was made runs here; it has its file, since it refuses what JSON lacks.
    files: 15,
    functions: 48,
  },
  publish: {
    title: '`publish` to the handler, on the memory broker',
    about: 'From the publisher to a handler that succeeds, and until its message is settled.',
    // A message is made in a file that publishers share with the outbox.
    files: 20,
    functions: 94,
  },
  line: {
    title: 'A log line',
    about: '`logger.info` with a field, as JSON, to standard output.',
    files: 12,
    functions: 32,
  },
};

const PAGE = 'docs/tour.md';
const HEAD = `# A tour

Which files and functions run, in the order of their first use, when a service does six ordinary things. Written by \`scripts/tour.ts\`, which
traces the calls when everything is warm; \`npm run check\` fails when the page is not what runs, and when a call goes through more than its
budget. Read one from the top to know where its parts are; what stands behind a part is said at the head of its file.
`;

export async function checkTour(root: string, options: { readonly update: boolean }): Promise<Finding[]> {
  const traces = await trace();
  for (const [name, why] of Object.entries(traces)) {
    if (typeof why === 'string') console.log(`skipped: the tour of ${CALLS[name]?.title}: ${why}`);
  }
  const required = isRequired('redis') || process.env['CI'] !== undefined;
  return judge(root, traces, { ...options, required, calls: CALLS });
}

/** The program that traces runs by itself: with marks in its files, and with an output of its own for the log line. */
async function trace(): Promise<Traces> {
  const child = fork(join(import.meta.dirname, 'tour/calls.ts'), {
    execArgv: ['--conditions=@ent/source', '--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'advanced',
    timeout: 120_000,
  });
  let traces: Traces | undefined;
  child.on('message', (message) => (traces = message as Traces));
  const [code] = (await once(child, 'close')) as [number | null];
  if (traces === undefined || code !== 0) throw new Error(`scripts/tour/calls.ts failed (exit ${code})`);
  return traces;
}

/** Compares the page of a repository and the budgets with what was traced. */
export function judge(
  root: string,
  traces: Traces,
  options: {
    readonly update: boolean;
    /** Whether each call must have been traced. */
    readonly required: boolean;
    readonly calls: Readonly<Record<string, Call>>;
  },
): Finding[] {
  const findings: Finding[] = [];
  const path = join(root, PAGE);
  const before = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const sections = Object.entries(options.calls).map(([name, call]) => {
    const way = traces[name] ?? 'no such call';
    if (typeof way !== 'string') {
      findings.push(...checkBudget(call, way));
      return sectionOf(root, call, way);
    }
    if (options.required) findings.push({ file: PAGE, problem: `${call.title} could not be traced: ${way}` });
    // What cannot be traced here stays as it was.
    return before.split(/^(?=## )/m).find((section) => section.startsWith(`## ${call.title}\n`)) ?? '';
  });
  const page = [HEAD, ...sections.map((section) => `${section.trimEnd()}\n`)].join('\n');
  if (page === before) return findings;
  if (options.update) {
    writeFileSync(path, page);
    return findings;
  }
  const [are, were] = [page, before].map((text) => text.split('\n')) as [string[], string[]];
  const at = are.findIndex((text, line) => text !== were[line]);
  const problem = `is not what runs: ${JSON.stringify(were[at] ?? '')} is now ${JSON.stringify(are[at] ?? '')}`;
  return [...findings, { file: PAGE, line: at + 1, problem, fix: 'npm run check -- tour --update' }];
}

function checkBudget(call: Call, way: Trace): Finding[] {
  const counts = countsOf(way);
  return (['files', 'functions'] as const).flatMap((what) => {
    const [count, budget] = [counts[what], call[what]];
    if (count === budget) return [];
    const problem = `${call.title} goes through ${count} ${what}; its budget is ${budget}`;
    const fix =
      count > budget
        ? 'find a shorter way; a budget is only raised with a reason, in CALLS of scripts/tour.ts'
        : `it fell: set ${what}: ${count} in CALLS of scripts/tour.ts, so that it stays there`;
    return [{ file: PAGE, problem, fix }];
  });
}

function countsOf({ files, lines }: Trace): { files: number; functions: number; lines: number } {
  const functions = files.reduce((sum, each) => sum + each.functions.length, 0);
  return { files: files.length, functions, lines };
}

function sectionOf(root: string, { title, about }: Call, way: Trace): string {
  const counts = countsOf(way);
  const stops = way.files.map(({ file, functions }, at) => {
    const names = functions.flatMap((name) => name?.split('.')[0] ?? []);
    const purpose = purposeOf(file, readFileSync(join(root, file), 'utf8'), names);
    const [number, indent] = [`${at + 1}.`, ' '.repeat(`${at + 1}.`.length)];
    const link = `[\`${file.replace(/^packages\//, '')}\`](../${file})`;
    return `${number} ${[`${link}: ${listOf(functions)}`, ...(purpose === undefined ? [] : [purpose])].join(`\\\n${indent} `)}\n`;
  });
  const { files, functions, lines } = counts;
  // To the ten, or the page would have to be written anew for each line that is added.
  const roughly = Math.round(lines / 10) * 10;
  return `## ${title}\n\n${about} ${files} files, ${functions} functions, about ${roughly} lines.\n\n${stops.join('')}`;
}

/** `a`, `b` and 2 without a name. */
function listOf(functions: readonly (string | undefined)[]): string {
  const named = functions.flatMap((name) => (name === undefined ? [] : `\`${shortly(name)}\``));
  const others = functions.length - named.length;
  if (others === 0) return named.join(', ');
  const rest = `${others} without a name`;
  return named.length === 0 ? rest : `${named.join(', ')} and ${rest}`;
}

/** The file says which class. */
function shortly(name: string): string {
  const [owner, member] = name.split('.');
  return member === 'constructor' ? `new ${owner}` : (member ?? name);
}

if (import.meta.main) await main(checkTour);
