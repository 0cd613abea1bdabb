// Records what runs of the packages, and in which order.
//
// V8's precise coverage does not know the order, and its versions differ about branches; a debugger that stops at each
// entry changes the timing of what it looks at. So the files of the packages get a mark at the entry of each function
// while they are loaded, and everything is told by these marks: the same on each version of Node.
import { readFileSync } from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { parseProgram } from '../lib/imports.ts';
import { MARK, type Marked, withMarks } from './marks.ts';

/** What a call went through. */
export interface Trace {
  /**
   * In the order of their first use: files, relative to the root, and functions;
   * `View.read` in a class, undefined without a name.
   */
  readonly files: readonly { readonly file: string; readonly functions: readonly (string | undefined)[] }[];
  /** Of these functions: what there is to read, without comments. */
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
  const functions: (Marked & { readonly file: string })[] = [];
  /** By file: the program without marks and comments. */
  const programs = new Map<string, string>();
  let entered = new Set<number>();
  (globalThis as unknown as { [MARK]: unknown })[MARK] = (id: number) => entered.add(id);

  const packages = pathToFileURL(join(root, 'packages/')).href;
  registerHooks({
    load(url, context, nextLoad) {
      const isOurs = url.startsWith(packages) && /^[^/]+\/src\/.*\.ts$/.test(url.slice(packages.length));
      if (!isOurs) return nextLoad(url, context);
      const path = fileURLToPath(url);
      const file = relative(root, path);
      const program = stripTypeScriptTypes(readFileSync(path, 'utf8'));
      const marked = withMarks('program.js', program, functions.length);
      functions.push(...marked.functions.map((each) => ({ ...each, file })));
      programs.set(file, withoutComments(program));
      return { format: 'module', source: marked.code, shortCircuit: true };
    },
  });

  const trace = async (call: () => Promise<unknown>): Promise<Trace> => {
    entered = new Set();
    await call();
    const order = entered;
    const files = new Map<string, (string | undefined)[]>();
    for (const { file, name } of [...order].map((id) => functions[id]!)) {
      files.set(file, [...(files.get(file) ?? []), name]);
    }
    let lines = 0;
    for (const [file, program] of programs) {
      const parts = functions.map((each, id) => ({ ...each, ran: order.has(id) })).filter((each) => each.file === file);
      lines += linesThatRan(program, parts);
    }
    return { files: [...files].map(([file, names]) => ({ file, functions: names })), lines };
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

/** The lines of the functions that ran, without those of functions in them that did not. */
function linesThatRan(program: string, functions: readonly (Marked & { readonly ran: boolean })[]): number {
  const ran = new Uint8Array(program.length);
  // As they were found: an inner one after the one around it.
  for (const { start, end, ran: value } of functions) ran.fill(Number(value), start, end);
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
