// Compiles every ```ts block of the READMEs and docs under strict types, and runs those that are not marked `no-run`: against
// the sources, so that the check needs no build; that the built packages have the same exports is another check's affair.
import { execFileSync, spawn } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Finding, main } from './lib/findings.ts';

const RUN_MS = 60_000;

export interface Snippet {
  /** The Markdown file, relative to the root. */
  readonly file: string;
  /** The line of its fence, from 1. */
  readonly line: number;
  readonly code: string;
  readonly runs: boolean;
}

/** The TypeScript blocks of a Markdown text. */
export function snippetsOf(file: string, text: string): Snippet[] {
  const found: Snippet[] = [];
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const fence = /^(\s*)```ts(\s+no-run)?\s*$/.exec(lines[i] as string);
    if (!fence) continue;
    const line = i + 1;
    const code: string[] = [];
    for (i++; i < lines.length && !/^\s*```\s*$/.test(lines[i] as string); i++) code.push(lines[i] as string);
    found.push({ file, line, code: code.join('\n'), runs: fence[2] === undefined });
  }
  return found;
}

/** What is wrong with the snippets of a repository. */
export async function checkSnippets(root: string): Promise<Finding[]> {
  const files = globSync(['README.md', 'docs/*.md', 'packages/*/README.md', 'examples/*/README.md'], {
    cwd: root,
  }).toSorted();
  const snippets = files.flatMap((file) => snippetsOf(file, readFileSync(join(root, file), 'utf8')));
  // Inside the repository, so that packages are found from there as they are from its own files.
  const scratch = mkdtempSync(join(tmpdir(), 'ent-snippets-'));
  try {
    return await checkIn(root, scratch, snippets);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function checkIn(root: string, scratch: string, snippets: readonly Snippet[]): Promise<Finding[]> {
  const places = snippets.map((snippet, i) => ({ snippet, path: place(root, scratch, snippet, i) }));
  const findings = compile(root, scratch, places);
  const queue = places.filter(({ snippet }) => snippet.runs);
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) findings.push(...(await run(next.snippet, next.path)));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return findings;
}

interface Place {
  readonly snippet: Snippet;
  readonly path: string;
}

/** Writes a snippet beside a `node_modules` that has what its package has, and all packages of ours. */
function place(root: string, scratch: string, { file, code }: Snippet, index: number): string {
  const owner = /^packages\/[^/]+/.exec(file)?.[0] ?? 'examples/user-service';
  const folder = join(scratch, String(index));
  mkdirSync(join(folder, 'node_modules', '@ent'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  for (const name of globSync(['*', '@*/*'], { cwd: join(root, owner, 'node_modules') })) {
    if (name.startsWith('.') || name.startsWith('@ent/') || /^@[^/]+$/.test(name)) continue;
    mkdirSync(join(folder, 'node_modules', name, '..'), { recursive: true });
    symlinkSync(join(root, owner, 'node_modules', name), join(folder, 'node_modules', name));
  }
  for (const name of ['zod', '@types/node', 'vitest'])
    linkOnce(join(root, 'node_modules', name), join(folder, 'node_modules', name));
  for (const short of globSync('*', { cwd: join(root, 'packages') })) {
    linkOnce(join(root, 'packages', short), join(folder, 'node_modules', '@ent', short));
  }
  const path = join(folder, 'snippet.ts');
  // An empty export makes it a module also where it imports nothing.
  writeFileSync(path, `${code}\nexport {};\n`);
  return path;
}

function linkOnce(target: string, path: string): void {
  mkdirSync(join(path, '..'), { recursive: true });
  try {
    symlinkSync(target, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function compile(root: string, scratch: string, places: readonly Place[]): Finding[] {
  const compilerOptions = {
    noEmit: true,
    noUnusedLocals: false,
    noUnusedParameters: false,
    typeRoots: [join(root, 'node_modules/@types')],
  };
  writeFileSync(
    join(scratch, 'tsconfig.json'),
    JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, files: places.map(({ path }) => path) }),
  );
  try {
    execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', scratch, '--pretty', 'false'], {
      cwd: scratch,
      encoding: 'utf8',
      stdio: 'pipe',
    });
    return [];
  } catch (error) {
    const { stdout = '' } = error as { stdout?: string };
    return stdout.split('\n').flatMap((line) => {
      const match = /^(?:.*\/)?(\d+)\/snippet\.ts\((\d+),\d+\): error (.*)$/.exec(line);
      if (!match) return /error TS/.test(line) ? [{ file: 'tsconfig.json', problem: line }] : [];
      const { snippet } = places[Number(match[1])] as Place;
      return [{ file: snippet.file, line: snippet.line + Number(match[2]), problem: match[3] as string }];
    });
  }
}

function run({ file, line }: Snippet, path: string): Promise<Finding[]> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--conditions=@ent/source', '--preserve-symlinks-main', path], {
      cwd: join(path, '..'),
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: RUN_MS,
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.once('close', (code, signal) => {
      if (code === 0) return resolve([]);
      const why = signal
        ? `did not end within ${RUN_MS / 1000} s`
        : said
            .trim()
            .split('\n')
            .filter((each) => !/^\s+at /.test(each))
            .slice(0, 6)
            .join('\n    ');
      resolve([
        {
          file,
          line,
          problem: `the example fails when it is run: ${why}`,
          fix: 'mend it, or mark its fence `no-run` if it cannot run alone',
        },
      ]);
    });
  });
}

if (import.meta.main) await main(checkSnippets);
