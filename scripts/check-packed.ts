// What is published works: the tarballs are packed as `pnpm publish` would, linted (publint, Are The
// Types Wrong), installed into empty projects, and each subpath is imported and required, and compiled
// in strict mode without skipLibCheck. One project has no optional peer, so a subpath that promises to
// do without proves it; another one has them all; and for each set of peers that a subpath needs there is
// one with just these, in which it is imported and required.
//
// Third-party packages are links to those of this repository, so that no registry is asked.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkPackage, createPackageFromTarballData, type Problem } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { compile, entriesOf, type Entry, load, type Project } from './lib/entries.ts';
import { type Finding, main } from './lib/findings.ts';
import { install, type Packed, pack } from './lib/packed.ts';
import { mapLimited, run, withTemporaryFolder } from './lib/run.ts';
import { publicPackages, subpathsOf } from './lib/workspace.ts';

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
    const entries = packed.flatMap(entriesOf);
    const findings = [...lint];
    for (const withPeers of [false, true]) {
      const project = { dir: join(dir, withPeers ? 'all-peers' : 'no-peers'), withPeers };
      // Applications have other declarations of Node.js than ours. Only without peers: those bring ours along.
      const nodeTypes = withPeers ? '@types/node' : 'types-node-newest';
      const more = { '@types/node': join(root, 'node_modules', nodeTypes) };
      await install(project.dir, packed, { peers: withPeers ? undefined : [], more });
      findings.push(...(await load(project, entries)), ...(await runPrograms(project, packed)));
      findings.push(...(await compile(project, entries, join(root, 'node_modules', 'typescript'))));
      if (withPeers && packed.some(({ name }) => name === 'database')) findings.push(...(await startThreads(project)));
    }
    return [...findings, ...(await loadWithOwnPeers(dir, packed, entries))];
  });
}

/** Each subpath beside its own peers, and no others: one that needs those of another subpath too is found. */
async function loadWithOwnPeers(dir: string, packed: readonly Packed[], entries: readonly Entry[]): Promise<Finding[]> {
  const groups = Map.groupBy(
    entries.filter(({ peers }) => peers.length > 0),
    ({ peers }) => peers.toSorted().join(' '),
  );
  const findings = await mapLimited([...groups], 2, async ([peers, some]) => {
    const project = { dir: join(dir, `with-${peers.replaceAll(/[/ ]/g, '-')}`), withPeers: true };
    await install(project.dir, packed, { peers: peers.split(' ') });
    return load(project, some);
  });
  return findings.flat();
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
  // What `create` writes has tests of its own.
  for (const path of files.filter(
    (each) =>
      /(^|\/)(tests?|bench|node_modules)\/|\.tsbuildinfo$|\.tgz$|\.env/.test(each) && !each.startsWith('src/template/'),
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

if (import.meta.main) await main(checkPacked);
