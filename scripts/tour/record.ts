// Records what runs of the packages, and in which order.
//
// V8's precise coverage knows what ran and not in which order, and a debugger that stops at each entry changes the
// timing of what it looks at. So the files of the packages get a mark at the entry of each function while they are
// loaded. Files, functions and their order all come from these marks, so they agree; only the lines are counted by
// V8, which knows the branches that were taken.
import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { parseProgram } from '../lib/imports.ts';
import { MARK, withMarks } from './marks.ts';

/** What a call went through. */
export interface Trace {
  /**
   * In the order of their first use: files, relative to the root, and functions;
   * `View.read` in a class, undefined without a name.
   */
  readonly files: readonly { readonly file: string; readonly functions: readonly (string | undefined)[] }[];
  /** Lines of code of which something ran, without comments. */
  readonly lines: number;
}

/** By call. A text tells why a call was not traced. */
export type Traces = Readonly<Record<string, Trace | string>>;

/** Makes a call several times, and traces it. It is told which time it is. */
export type Recorder = (call: (time: number) => Promise<unknown>) => Promise<Trace>;

const MOST_CALLS = 12;

/**
 * A recorder for what is imported after this from `packages/<name>/src/` in `root`, by `import()`.
 *
 * It records the third of several calls: connections are open by then, and what is made once is made. A machine that
 * stops in between can make a call take another way (a timer was due, a turn of the event loop was long), so it goes
 * on until two calls in a row took the same one.
 */
export async function createRecorder(root: string): Promise<Recorder> {
  const functions: { readonly file: string; readonly name: string | undefined }[] = [];
  /** By URL: the program as V8 has it, comments blanked out. */
  const programs = new Map<string, string>();
  let entered = new Set<number>();
  (globalThis as unknown as { [MARK]: unknown })[MARK] = (id: number) => entered.add(id);

  const packages = pathToFileURL(join(root, 'packages/')).href;
  registerHooks({
    load(url, context, nextLoad) {
      if (!url.startsWith(packages) || !/^[^/]+\/src\/.*\.ts$/.test(url.slice(packages.length)))
        return nextLoad(url, context);
      const path = fileURLToPath(url);
      const file = relative(root, path);
      const { code, names } = withMarks(
        'program.js',
        stripTypeScriptTypes(readFileSync(path, 'utf8')),
        functions.length,
      );
      functions.push(...names.map((name) => ({ file, name })));
      programs.set(url, withoutComments(code));
      return { format: 'module', source: code, shortCircuit: true };
    },
  });

  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  /** What ran since it was asked last. */
  const counts = async () => (await session.post('Profiler.takePreciseCoverage')).result;

  const trace = async (call: () => Promise<unknown>): Promise<Trace> => {
    await counts();
    entered = new Set();
    await call();
    const order = entered;
    const files = new Map<string, (string | undefined)[]>();
    for (const { file, name } of [...order].map((id) => functions[id]!)) {
      files.set(file, [...(files.get(file) ?? []), name]);
    }
    const lines = (await counts()).map(({ url, functions: ran }) =>
      linesThatRan(
        programs.get(url) ?? '',
        ran.flatMap(({ ranges }) => ranges),
      ),
    );
    return {
      files: [...files].map(([file, names]) => ({ file, functions: names })),
      lines: lines.reduce((sum, each) => sum + each, 0),
    };
  };

  return async (call) => {
    await call(1);
    await call(2);
    let before: Trace | undefined;
    for (let time = 3; time <= MOST_CALLS; time++) {
      const now = await trace(() => call(time));
      if (isDeepStrictEqual(now, before)) return now;
      before = now;
    }
    throw new Error(`No two calls in a row took the same way:\n${call.toString()}`);
  };
}

interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

/** The lines of a program with something that ran. Of the ranges around a place, the innermost tells. */
function linesThatRan(program: string, ranges: readonly Range[]): number {
  const ran = new Uint8Array(program.length);
  const outerFirst = ranges.toSorted((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
  for (const { startOffset, endOffset, count } of outerFirst) ran.fill(Number(count > 0), startOffset, endOffset);
  const lines = new Set<number>();
  let line = 0;
  for (let at = 0; at < program.length; at++) {
    if (program[at] === '\n') line++;
    else if (ran[at] === 1 && program[at] !== ' ') lines.add(line);
  }
  return lines.size;
}

function withoutComments(code: string): string {
  return parseProgram('program.js', code).comments.reduce(
    (rest, { start, end }) => rest.slice(0, start) + rest.slice(start, end).replace(/[^\n]/g, ' ') + rest.slice(end),
    code,
  );
}
