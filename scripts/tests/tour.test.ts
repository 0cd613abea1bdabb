import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { judge } from '../tour.ts';
import { MARK, withMarks } from '../tour/marks.ts';
import { purposeOf } from '../lib/purpose.ts';
import type { Trace } from '../tour/record.ts';
import { makeTree, repository } from './support/tree.ts';

describe('withMarks', () => {
  /** Runs a program, and answers the names of the functions in the order of their first use. */
  function order(source: string): (string | undefined)[] {
    const { code, functions } = withMarks('program.js', source, 100);
    expect(code.split('\n')).toHaveLength(source.split('\n').length);
    const entered = new Set<number>();
    // oxlint-disable-next-line typescript/no-implied-eval -- a program that this test has written
    new Function(MARK, code)((id: number) => entered.add(id));
    return [...entered].map((id) => functions[id - 100]?.name);
  }

  it('names functions by their declaration, variable, property or class', () => {
    const source = `
      class View {
        #kept = () => 1;
        constructor() { this.read(); }
        read() { return this.#find() + this.size; }
        #find() { return this.#kept(); }
        get size() { return 2; }
        static make = function () { return new View(); };
      }
      function first() { return View.make(); }
      const second = () => first();
      const table = { third: () => second(), fourth() { return this.third(); } };
      let fifth;
      fifth = async () => table.fourth();
      fifth();`;
    expect(order(source).join(' ')).toBe(
      'fifth fourth third second first View.make View.constructor View.read View.#find View.#kept View.size',
    );
  });

  it('marks functions of one expression, and in each other, and leaves alone what they answer', () => {
    const source = `
      const add = (a) => (b) => a + b;
      const pair = (a) => ({ a, b: [1].map((x) => x + a) });
      if (add(1)(2) !== 3 || pair(1).b[0] !== 2) throw new Error('changed');
      [1].map(() => {}); (function named() { 'use strict'; })();`;
    expect(order(source)).toEqual(['add', undefined, 'pair', undefined, undefined, 'named']);
  });
});

describe('createRecorder', () => {
  const files = {
    'packages/one/src/index.ts': `
      import { Two } from './two.ts';
      // A comment is no line of code.
      export async function run(long: boolean): Promise<number> {
        const two = new Two();
        if (!long) {
          return two.value;
        }
        await null;
        return helper(two);
      }

      function helper(two: Two): number {
        return two.value + [1].map((x) => x)[0]!;
      }
      `,
    'packages/one/src/two.ts': `
      export class Two {
        get value(): number {
          return 1;
        }
        never(): void {}
      }`,
    'packages/one/tests/other.ts': 'export const other = (): number => 1;\n',
  };

  function record(program: string): unknown {
    const root = makeTree(files);
    const recorder = join(repository, 'scripts/tour/record.ts');
    const code = `
      import { createRecorder } from ${JSON.stringify(recorder)};
      const root = ${JSON.stringify(root)};
      const record = await createRecorder(root);
      const { run } = await import(root + '/packages/one/src/index.ts');
      const { other } = await import(root + '/packages/one/tests/other.ts');
      const trace = await record(async (time) => { ${program} });
      console.log(JSON.stringify(trace));`;
    const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', code];
    return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', cwd: repository, stdio: 'pipe' }));
  }

  it('tells files and functions in the order of their first use, and the lines of these functions', () => {
    expect(record('other(); await run(true);')).toEqual({
      files: [
        { file: 'packages/one/src/index.ts', functions: ['run', 'helper', null] },
        { file: 'packages/one/src/two.ts', functions: ['Two.value'] },
      ],
      // Eight of run, three of helper, and three of the getter.
      lines: 14,
    });
    expect(record('await run(false);')).toMatchObject({ lines: 11 });
  });

  it('goes on until two calls in a row took the same way', () => {
    expect(record('await run(time === 3);')).toMatchObject({ lines: 11 });
    expect(() => record('await run(time % 2 === 0);')).toThrow('No two calls in a row took the same way');
  });
});

describe('purposeOf', () => {
  const purpose = (source: string, names: string[] = []) => purposeOf('packages/a/src/held-lock.ts', source, names);

  it('is the first sentence of the head comment', () => {
    expect(purpose("/**\n * Keeps one\n * {@link Lock} (see 2.1, e.g. x). Until then.\n */\nimport './x.ts';\n")).toBe(
      'Keeps one `Lock` (see 2.1, e.g. x).',
    );
    expect(purpose('// What\n// it is. More.\n\n/** A part. */\nexport const part = 1;\n')).toBe('What it is.');
  });

  it('is else that of what has the name of the file, of what ran, of the first value', () => {
    const parts =
      "import './x.ts';\n/** Options. */\nexport interface Options {}\n/** A way. */\nexport const way = 1;\n";
    const helper = '/** @throws never */\nfunction bare() {}\n/** Helps. */\nfunction help() {}\n';
    expect(purpose(`${parts}${helper}/** Held. */\nexport class HeldLock {}\n`, ['help'])).toBe('Held.');
    expect(purpose(`${parts}${helper}`, ['bare', 'help'])).toBe('Helps.');
    expect(purpose(`${parts}${helper}`, ['bare'])).toBe('A way.');
    expect(purpose('export const x = 1;\n')).toBeUndefined();
  });
});

describe('the page', () => {
  const way = (...functions: (string | undefined)[]): Trace => ({
    files: [{ file: 'packages/a/src/a.ts', functions }],
    lines: 7,
  });
  const call = (title: string) => ({ title, about: 'As it is.', files: 1, functions: 2 });
  const calls = { a: call('One'), b: call('Two') };
  const files = { 'packages/a/src/a.ts': '/** What a is. */\nexport const a = 1;\n', 'docs/tour.md': '' };
  const problems = (
    root: string,
    traces: Record<string, Trace | string>,
    { update = false, required = false } = {},
  ): string[] => judge(root, traces, { update, required, calls }).map(({ problem }) => problem);
  const pageOf = (root: string): string => readFileSync(join(root, 'docs/tour.md'), 'utf8');

  it('is written with --update, the same each time, and then accepted', () => {
    const root = makeTree(files);
    const traces = { a: way('View.read', undefined), b: way('View.constructor', 'help') };
    expect(problems(root, traces)).toEqual(['is not what runs: "" is now "# A tour"']);
    expect(problems(root, traces, { update: true })).toEqual([]);
    const page = pageOf(root);
    expect(page).toContain(
      [
        '## One\n\nAs it is. 1 files, 2 functions, about 10 lines.\n',
        '1. [`a/src/a.ts`](../packages/a/src/a.ts): `read` and 1 without a name\\',
        '   What a is.\n',
        '## Two\n',
      ].join('\n'),
    );
    expect(page).toContain('`new View`, `help`\\');
    expect(problems(root, traces)).toEqual([]);
    problems(root, traces, { update: true });
    expect(pageOf(root)).toBe(page);
  });

  it('shows the first line that is not what runs', () => {
    const root = makeTree(files);
    problems(root, { a: way('x', 'y'), b: way('x', 'y') }, { update: true });
    const [problem] = problems(root, { a: way('x', 'y'), b: way('x', 'z') });
    expect(problem).toMatch(/^is not what runs: "1\. .*`x`, `y`.*" is now "1\. .*`x`, `z`.*"$/);
  });

  it('holds each call to its budget, above and below', () => {
    const root = makeTree(files);
    const traces = { a: way('x', 'y', 'z'), b: way('x') };
    expect(problems(root, traces, { update: true })).toEqual([
      'One goes through 3 functions; its budget is 2',
      'Two goes through 1 functions; its budget is 2',
    ]);
  });

  it('keeps what was not traced, unless it is required', () => {
    const root = makeTree(files);
    problems(root, { a: way('x', 'y'), b: way('x', 'y') }, { update: true });
    const page = pageOf(root);
    const traces = { a: 'no server', b: way('x', 'y') };
    expect(problems(root, traces, { update: true })).toEqual([]);
    expect(pageOf(root)).toBe(page);
    expect(problems(root, traces, { required: true })).toEqual(['One could not be traced: no server']);
  });
});
