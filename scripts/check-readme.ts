// The TypeScript blocks of the README files, of docs/ and of doc comments compile, and run to their end unless they are
// marked `no-run`.
//
// They are compiled against what was built, by the public exports, and not against the sources: that is what a
// reader who has installed the packages gets, types included, so a subpath that is not exported or a
// declaration that is not published shows here.
import { existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Finding, main } from './lib/findings.ts';
import { mapLimited, run, withTemporaryFolder } from './lib/run.ts';
import { readDocSnippets, readSnippets, type Snippet } from './lib/snippets.ts';
import { publicPackages, subpathsOf } from './lib/workspace.ts';

/** Longer than any example should take, on a busy machine. */
const TIME_LIMIT_MS = 60_000;

export async function checkReadme(root: string): Promise<Finding[]> {
  const unbuilt = publicPackages(root).filter((pkg) =>
    subpathsOf(pkg).some(({ file }) => !existsSync(join(pkg.dir, file))),
  );
  if (unbuilt.length > 0) {
    return unbuilt.map(({ name }) => ({ file: `packages/${name}`, problem: 'is not built', fix: 'npm run build' }));
  }
  const snippets = [...readSnippets(root), ...readDocSnippets(root)];
  return withTemporaryFolder(async (dir) => {
    linkPackages(root, dir);
    const broken = await compile(root, dir, snippets);
    const compiled = snippets.map((snippet, at) => ({ snippet, at })).filter(({ at }) => !broken.has(at));
    const runs = await mapLimited(compiled, 2, ({ snippet, at }) => execute(dir, snippet, at));
    return [...[...broken.values()].flat(), ...runs.flat()];
  });
}

/** A project that has all packages and all their peers installed. */
function linkPackages(root: string, dir: string): void {
  const modules = join(dir, 'node_modules');
  const link = (name: string, target: string): void => {
    if (existsSync(join(modules, name)) || name.startsWith('@ent/')) return;
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(realpathSync(target), join(modules, name));
  };
  mkdirSync(join(modules, '@ent'), { recursive: true });
  for (const { name, dir: target } of publicPackages(root)) symlinkSync(target, join(modules, '@ent', name));
  for (const { dir: from, manifest } of publicPackages(root)) {
    for (const name of Object.keys({
      ...manifest.peerDependencies,
      ...manifest.dependencies,
      ...manifest.devDependencies,
    })) {
      const target = join(from, 'node_modules', name);
      if (existsSync(target)) link(name, target);
    }
  }
  for (const name of ['@types/node', 'vitest']) link(name, join(root, 'node_modules', name));
}

/** Compiles all blocks at once, into `out/`; answers what is wrong, by the number of the block. */
async function compile(root: string, dir: string, snippets: readonly Snippet[]): Promise<Map<number, Finding[]>> {
  mkdirSync(join(dir, 'src'));
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ type: 'module', private: true }));
  for (const [at, { code, line }] of snippets.entries()) {
    // Blank lines in front: what the compiler and a stack say is then the line in the Markdown file.
    writeFileSync(join(dir, 'src', `${at}.ts`), `${'\n'.repeat(line - 1)}${code}\n`);
  }
  writeFileSync(
    join(dir, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        target: 'es2023',
        lib: ['es2024', 'esnext.disposable'],
        module: 'nodenext',
        moduleDetection: 'force',
        types: ['node'],
        strict: true,
        skipLibCheck: true,
        sourceMap: true,
        // Of the guides about NestJS.
        experimentalDecorators: true,
        emitDecoratorMetadata: true,
        rootDir: 'src',
        outDir: 'out',
      },
      include: ['src'],
    }),
  );
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { code, output } = await run(process.execPath, [tsc, '-p', dir, '--pretty', 'false'], { cwd: dir });
  const findings = new Map<number, Finding[]>();
  for (const [, at = '', line = '', message = ''] of output.matchAll(
    /^src\/(\d+)\.ts\((\d+),\d+\): error (.*(?:\n {2}.*)*)/gm,
  )) {
    const snippet = snippets[Number(at)] as Snippet;
    const finding = {
      file: snippet.file,
      line: Number(line),
      problem: `the example does not compile: ${message}`,
      fix: 'mend the example, or the package if the example is right',
    };
    findings.set(Number(at), [...(findings.get(Number(at)) ?? []), finding]);
  }
  if (code !== 0 && findings.size === 0) throw new Error(`tsc failed:\n${output}`);
  return findings;
}

async function execute(dir: string, snippet: Snippet, at: number): Promise<Finding[]> {
  if (snippet.noRun) return [];
  // A folder of its own: an example may write files.
  const cwd = join(dir, `run-${at}`);
  mkdirSync(cwd);
  const { CI: _ci, ENT_TEST_REQUIRE: _require, NODE_OPTIONS: _options, ...env } = process.env;
  const script = join(dir, 'out', `${at}.js`);
  const { code, output } = await run(process.execPath, ['--enable-source-maps', script], {
    cwd,
    env,
    timeoutMs: TIME_LIMIT_MS,
  });
  if (code === 0) return [];
  const said = output
    .trim()
    .split('\n')
    .slice(-20)
    .join('\n')
    .replaceAll(`${join(dir, 'src', `${at}.ts`)}`, snippet.file);
  const what = code === -1 ? `did not end within ${TIME_LIMIT_MS / 1000} s` : `failed (exit ${code})`;
  return [
    {
      file: snippet.file,
      line: snippet.line,
      problem: `the example ${what}:\n${said.replace(/^/gm, '      ')}`,
      fix: 'mend it; mark it ```ts no-run if it needs a server, or never ends by its nature',
    },
  ];
}

if (import.meta.main) await main(checkReadme);
