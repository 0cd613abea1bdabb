// What is published works: the tarballs are packed as `pnpm publish` would, linted (publint, Are The
// Types Wrong), installed into empty projects, and each subpath is imported and required, and compiled
// in strict mode without skipLibCheck. One project has no optional peer, so a subpath that promises to
// do without proves it; the other has them all.
//
// Third-party packages are links to those of this repository, so that no registry is asked.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { checkPackage, createPackageFromTarballData, type Problem } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { type Finding, main } from './lib/findings.ts';
import { declarationOf, packageOf, readModule } from './lib/imports.ts';
import { install, type Packed, pack } from './lib/packed.ts';
import { run, withTemporaryFolder } from './lib/run.ts';
import { type Package, publicPackages, readJson, type Subpath, subpathsOf } from './lib/workspace.ts';

/** A subpath, and the optional peers that its code imports. */
interface Entry extends Subpath {
  readonly pkg: Packed;
  readonly peers: readonly string[];
  /** Those that its declarations may name. */
  readonly typePeers: readonly string[];
}

/** The subpaths that work without any driver. */
const PORTABLE = ['.', './open', './testing'];

interface Project {
  readonly dir: string;
  readonly withPeers: boolean;
}

export async function checkPacked(root: string): Promise<Finding[]> {
  const packages = publicPackages(root);
  const unbuilt = packages.filter((pkg) => subpathsOf(pkg).some(({ file }) => !existsSync(join(pkg.dir, file))));
  if (unbuilt.length > 0) {
    return unbuilt.map(({ name }) => ({ file: `packages/${name}`, problem: 'is not built', fix: 'npm run build' }));
  }
  return withTemporaryFolder(async (dir) => {
    const packed = await pack(root, dir, packages);
    const lint = (
      await Promise.all(packed.map(async (pkg) => [...(await lintTarball(pkg)), ...(await checkTypes(pkg))]))
    ).flat();
    const entries = packed.flatMap((pkg) =>
      subpathsOf(pkg).map((subpath) => ({
        ...subpath,
        pkg,
        peers: optionalPeersOf(pkg, subpath.file),
        // A driver's subpath may need its library for the types alone; the portable ones must not.
        typePeers: PORTABLE.includes(subpath.subpath) ? [] : optionalPeersOf(pkg, subpath.types),
      })),
    );
    const findings = [...lint];
    for (const withPeers of [false, true]) {
      const project = { dir: join(dir, withPeers ? 'all-peers' : 'no-peers'), withPeers };
      // Applications have other declarations of Node.js than ours. Only without peers: those bring ours along.
      const nodeTypes = withPeers ? '@types/node' : 'types-node-newest';
      const more = { '@types/node': join(root, 'node_modules', nodeTypes) };
      await install(project.dir, packed, { peers: withPeers ? undefined : [], more });
      findings.push(...(await load(project, entries)), ...(await runPrograms(project, packed)));
      findings.push(...(await compile(root, project, entries)));
      if (withPeers && packed.some(({ name }) => name === 'database')) findings.push(...(await startThreads(project)));
    }
    return findings;
  });
}

async function lintTarball({ name, tarball, manifest }: Packed): Promise<Finding[]> {
  const bytes = readFileSync(tarball);
  const { messages, pkg } = await publint({
    strict: true,
    pack: { tarball: new Uint8Array(bytes).buffer },
  });
  const findings: Finding[] = messages.map((message) => ({
    file: `packages/${name}/package.json`,
    problem: `publint: ${formatMessage(message, pkg, { color: false }) ?? message.code}`,
    fix: `https://publint.dev/rules#${message.code.toLowerCase()}`,
  }));
  const files = createPackageFromTarballData(bytes)
    .listFiles()
    .map((path) => path.replace(`/node_modules/${manifest.name}/`, ''));
  for (const needed of ['package.json', 'README.md', 'LICENSE']) {
    if (!files.includes(needed))
      findings.push({ file: `packages/${name}`, problem: `the tarball has no ${needed}`, fix: 'add it' });
  }
  for (const path of files.filter((each) =>
    /(^|\/)(tests?|bench|node_modules)\/|\.tsbuildinfo$|\.tgz$|\.env/.test(each),
  )) {
    findings.push({ file: `packages/${name}`, problem: `the tarball has ${path}`, fix: 'leave it out by "files"' });
  }
  return findings;
}

/**
 * Are The Types Wrong, with the profile `esm-only`: what only CommonJS or the old resolution would meet is left out.
 */
async function checkTypes({ name, tarball }: Packed): Promise<Finding[]> {
  const result = await checkPackage(createPackageFromTarballData(readFileSync(tarball)));
  if (result.types === false)
    return [{ file: `packages/${name}`, problem: 'the tarball has no types', fix: 'npm run build' }];
  const ignored = ['node10', 'node16-cjs'];
  return result.problems
    .filter((problem) => !ignored.includes('resolutionKind' in problem ? problem.resolutionKind : ''))
    .filter((problem) => !ignored.includes('resolutionOption' in problem ? problem.resolutionOption : ''))
    .map((problem) => ({
      file: `packages/${name}`,
      problem: `types: ${problem.kind}, ${placeOf(problem)}`,
      fix: 'https://github.com/arethetypeswrong/arethetypeswrong.github.io/tree/main/docs/problems',
    }));
}

function placeOf(problem: Problem): string {
  if ('entrypoint' in problem) return `"${problem.entrypoint}" by ${problem.resolutionKind}`;
  if ('typesFileName' in problem) return problem.typesFileName;
  return 'moduleSpecifier' in problem ? `${problem.moduleSpecifier} in ${problem.fileName}` : problem.fileName;
}

/**
 * The optional peers that a built file imports, code or declarations, directly or through others; not those behind an
 * `import()`.
 */
function optionalPeersOf(pkg: Package, file: string): string[] {
  const found = new Set<string>();
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path) || !existsSync(path)) return;
    seen.add(path);
    for (const { specifier, kind } of readModule(path).imports) {
      if (kind === 'dynamic') continue;
      if (specifier.startsWith('.'))
        visit(path.endsWith('.d.ts') ? declarationOf(path, specifier) : join(path, '..', specifier));
      else if (!isBuiltin(specifier)) found.add(packageOf(specifier) ?? '');
    }
  };
  visit(join(pkg.dir, file));
  return [...found].filter((name) => pkg.manifest.peerDependenciesMeta?.[name]?.optional === true);
}

/** In CommonJS, so that `require` is the real one. It also tells whether both ways give the same classes. */
const LOADER = `
const specifiers = JSON.parse(process.argv[2]);
(async () => {
  const results = {};
  for (const specifier of specifiers) {
    try {
      const required = require(specifier);
      const imported = await import(specifier);
      const twice = Object.keys(imported).filter((name) => imported[name] !== required[name]);
      results[specifier] = twice.length > 0 ? 'import and require() give different copies of ' + twice.join(', ') : '';
    } catch (error) {
      results[specifier] = String(error.code ?? '') + ' ' + error.message;
    }
  }
  require('node:fs').writeFileSync(process.argv[3], JSON.stringify(results));
  process.exit(0);
})();
`;

async function load(project: Project, entries: readonly Entry[]): Promise<Finding[]> {
  const [loader, answer] = [join(project.dir, 'load.cjs'), join(project.dir, 'loaded.json')];
  writeFileSync(loader, LOADER);
  const args = [loader, JSON.stringify(entries.map(({ specifier }) => specifier)), answer];
  const { code, output } = await run(process.execPath, args, { cwd: project.dir, timeoutMs: 60_000 });
  if (code !== 0) throw new Error(`loading the packages failed:\n${output}`);
  const results = readJson<Record<string, string>>(answer);
  return entries.flatMap(({ specifier, peers, pkg }) => {
    const file = `packages/${pkg.name}/package.json`;
    const error = results[specifier];
    if (project.withPeers || peers.length === 0) {
      if (error === '') return [];
      const how = project.withPeers ? 'with all peers installed' : 'without optional peers, of which it needs none';
      return [
        {
          file,
          problem: `${specifier} cannot be loaded ${how}: ${error}`,
          fix: 'declare what it imports, and load drivers lazily',
        },
      ];
    }
    // The reason must be the peer, by name: that is what a user reads.
    if (error?.includes('MODULE_NOT_FOUND') && peers.some((peer) => error.includes(`'${peer}`))) return [];
    const problem = `${specifier} needs ${peers.join(', ')}, and without it says: ${error || 'nothing, it loads'}`;
    return [{ file, problem, fix: 'import the library statically, so that its absence is named' }];
  });
}

const THREADS = `
(async () => {
  const { createDatabase } = await load('@ent/database');
  const { backup, sqlite } = await load('@ent/database/sqlite');
  const { openDatabase } = await load('@ent/database/open');
  const file = process.argv[2];
  const db = createDatabase({ driver: sqlite({ file, thread: true }) });
  await db.ping();
  await backup(db, file + '.copy');
  const other = await openDatabase('sqlite:' + file + '?thread=true');
  await Promise.all([db.close(), other.close()]);
})();
`;

/** Threads are programs of their own, which are found from wherever the code that starts them was built into. */
async function startThreads({ dir }: Project): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [name, loader] of [
    ['threads.cjs', 'require'],
    ['threads.mjs', '(name) => import(name)'],
  ] as const) {
    writeFileSync(join(dir, name), `const load = ${loader};${THREADS}`);
    const { code, output } = await run(process.execPath, [name, `${name}.db`], { cwd: dir, timeoutMs: 60_000 });
    if (code === 0) continue;
    const fix = 'look at what starts the threads of sqlite';
    findings.push({ file: 'packages/database', problem: `${name}: its threads do not start: ${output}`, fix });
  }
  return findings;
}

/** The programs tell their help, as npm links them. */
async function runPrograms({ dir }: Project, packed: readonly Packed[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { name, manifest } of packed) {
    for (const program of Object.keys(manifest.bin ?? {})) {
      const path = join(dir, 'node_modules', '.bin', program);
      const { code, output } = await run(path, ['--help'], { cwd: dir, timeoutMs: 60_000 });
      if (code === 0 && output.includes(`${program}: `)) continue;
      const problem = `${program} --help ends with ${code}: ${output || 'nothing was told'}`;
      findings.push({
        file: `packages/${name}/package.json`,
        problem,
        fix: 'look at "bin" and the first line of its file',
      });
    }
  }
  return findings;
}

/**
 * Each subpath in strict mode, with all declarations checked; the examples of the READMEs are compiled by check-readme.
 */
async function compile(root: string, project: Project, entries: readonly Entry[]): Promise<Finding[]> {
  const usable = entries.filter(({ peers, typePeers }) => project.withPeers || peers.length + typePeers.length === 0);
  const uses = usable.map(
    ({ specifier }, at) => `import * as m${at} from '${specifier}';\nexport const n${at} = Object.keys(m${at});\n`,
  );
  writeFileSync(join(project.dir, 'use.ts'), uses.join(''));
  const compilerOptions = {
    target: 'es2023',
    lib: ['es2024', 'esnext.disposable'],
    module: 'nodenext',
    moduleDetection: 'force',
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
  };
  writeFileSync(join(project.dir, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { code, output } = await run(process.execPath, [tsc, '-p', project.dir, '--pretty', 'false'], {
    cwd: project.dir,
  });
  if (code === 0) return [];
  const errors = output.split('\n').filter((line) => /error TS/.test(line));
  if (errors.length === 0) throw new Error(`tsc failed:\n${output}`);
  // Declarations of third parties are theirs.
  return errors
    .filter((line) => /@ent\/|^[\w-]+\.ts/.test(line))
    .map((line) => ({
      file: line.replace(/^.*node_modules\/@ent\/([^/]+)\/.*$/, 'packages/$1'),
      problem: `types, ${project.withPeers ? 'with all peers' : 'without optional peers'}: ${line}`,
      fix: 'a public declaration may only name what the subpath itself imports',
    }));
}

if (import.meta.main) await main(checkPacked);
