// Who may import whom: docs/ARCHITECTURE.md, "Layers".
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Finding, main } from './lib/findings.ts';
import { type Import, packageOf, readModule } from './lib/imports.ts';
import { filesUnder, type Package, readPackages, subpathsOf } from './lib/workspace.ts';

/** Every package stands on these. */
const GROUND = ['errors', 'internal'];

/**
 * Edges between concerns, each with its reason. `from` is a package, or the file of a meeting point: a subpath of its own, whose
 * users have the other package anyway.
 */
const ALLOWED_EDGES: readonly { from: string; to: string; reason: string }[] = [
  { from: 'http', to: 'middleware', reason: 'routes run behind the hooks of middleware: http is built on it' },
  { from: 'cache', to: 'serialization', reason: 'values are stored as bytes' },
  { from: 'messaging', to: 'serialization', reason: 'messages travel as bytes' },
];

/** Portable files that may name a driver, each with its reason. */
const ALLOWED_DRIVERS: readonly { file: string; reason: string }[] = [
  { file: 'logging/src/create.ts', reason: 'winston is the engine of every logger, and an ordinary dependency' },
  { file: 'logging/src/index.ts', reason: 'the types of that engine' },
];

/** Test runners and test helpers do not belong into what is published. */
const NOT_IN_SOURCE = ['@ent/testkit', 'vitest'];

export function checkLayers(root: string): Finding[] {
  const packages = readPackages(root);
  return [
    ...packages.flatMap((pkg) => checkPackage(root, pkg)),
    ...readPackages(root, 'examples').flatMap((example) => checkExample(root, example)),
  ];
}

function checkPackage(root: string, pkg: Package): Finding[] {
  const findings: Finding[] = [];
  const src = join(pkg.dir, 'src');
  const isSource = (path: string) => path.startsWith(`${src}/`);
  for (const path of filesUnder(pkg.dir, isTypeScript)) {
    const file = relative(root, path);
    for (const each of readModule(path).imports) {
      const found = isSource(path) ? problemInSource(pkg, path, each) : problemBeside(root, path, each);
      if (found) findings.push({ file, line: each.line, ...found });
    }
  }
  const index = join(src, 'index.ts');
  if (existsSync(index) && pkg.manifest.private !== true) findings.push(...checkIndex(root, index));
  findings.push(...checkPortable(root, pkg));
  return findings;
}

type Problem = Pick<Finding, 'problem' | 'fix'>;

/** Rules for one import in `src/`. */
function problemInSource(pkg: Package, path: string, { specifier, kind }: Import): Problem | undefined {
  const file = relative(pkg.dir, path);
  if (specifier.startsWith('.')) {
    const target = join(path, '..', specifier);
    if (!target.startsWith(join(pkg.dir, 'src/'))) {
      return { problem: `imports ${specifier}, outside of src/`, fix: 'import another package by its name' };
    }
    const to = relative(join(pkg.dir, 'src'), target);
    if (file.startsWith('src/drivers/') && (to === 'index.ts' || to === `${pkg.name}.ts`)) {
      return {
        problem: `a driver imports the portable part (${to})`,
        fix: 'a driver knows driver.ts, options.ts, errors.ts and internal/; what both need belongs into internal/',
      };
    }
    if (to.startsWith('drivers/') && !file.startsWith('src/drivers/') && !mayNameDriver(pkg, file, kind)) {
      return {
        problem: `a portable file imports the driver ${to}`,
        fix: 'only open.ts names drivers, by a dynamic import(); what a driver and the core share belongs into internal/',
      };
    }
    return undefined;
  }
  const name = packageOf(specifier);
  if (name === undefined) return undefined;
  if (name.startsWith('@ent-examples/')) return { problem: 'a package imports an example', fix: 'turn it around' };
  if (NOT_IN_SOURCE.includes(name) && pkg.name !== 'testkit') {
    return { problem: `published code imports ${name}`, fix: 'a conformance suite takes { it, expect } as arguments' };
  }
  if (!name.startsWith('@ent/')) return undefined;
  const to = name.slice('@ent/'.length);
  if (to === pkg.name) return { problem: `imports its own package by name`, fix: 'import the file: ./x.ts' };
  if (GROUND.includes(to) && pkg.name !== 'internal') return undefined;
  if (ALLOWED_EDGES.some((edge) => edge.to === to && [pkg.name, `${pkg.name}/${file}`].includes(edge.from)))
    return undefined;
  return {
    problem: `${pkg.name} imports ${name}: a concern imports no other concern`,
    fix:
      'describe what it needs by a small interface; or make a meeting point (a subpath with the other package as an optional ' +
      'peer) and enter it, with its reason, into ALLOWED_EDGES in scripts/check-layers.ts',
  };
}

function mayNameDriver(pkg: Package, file: string, kind: Import['kind']): boolean {
  if (file === 'src/open.ts' && kind === 'dynamic') return true;
  return ALLOWED_DRIVERS.some((allowed) => allowed.file === `${pkg.name}/${file}`);
}

/** Rules for tests and benchmarks: other packages by name, and no example. */
function problemBeside(root: string, path: string, { specifier }: Import): Problem | undefined {
  if (packageOf(specifier)?.startsWith('@ent-examples/')) return { problem: 'a package imports an example' };
  if (!specifier.startsWith('.')) return undefined;
  const [from, to] = [relative(root, path), relative(root, join(path, '..', specifier))].map((each) => each.split('/'));
  const inside = from?.[0] === to?.[0] && from?.[1] === to?.[1];
  // Test support may be shared; what is published is imported by name, as an application does.
  if (inside || to?.[0] === 'scripts' || (to?.[2] === 'tests' && to[3] === 'support')) return undefined;
  return { problem: `imports ${specifier}, outside of its package`, fix: 'import another package by its name' };
}

function checkExample(root: string, example: Package): Finding[] {
  return filesUnder(example.dir, isTypeScript).flatMap((path) =>
    readModule(path)
      .imports.filter(
        ({ specifier }) => specifier.startsWith('.') && !join(path, '..', specifier).startsWith(`${example.dir}/`),
      )
      .map(({ specifier, line }) => ({
        file: relative(root, path),
        line,
        problem: `imports ${specifier}, outside of the example`,
        fix: 'import packages by their names, as an application does',
      })),
  );
}

function checkIndex(root: string, index: string): Finding[] {
  const file = relative(root, index);
  const { exports, onlyReexports } = readModule(index);
  const findings: Finding[] = exports
    .filter(({ name }) => name === '*')
    .map(({ line }) => ({ file, line, problem: 'export *', fix: 'name what is public, one by one' }));
  if (!onlyReexports && findings.length === 0) {
    findings.push({ file, problem: 'has more than named re-exports', fix: 'move the code into a file of its own' });
  }
  return findings;
}

/**
 * What an application loads with the portable subpaths must work without any driver library: none is reached from them, not even
 * for a type, or the declarations would not compile without it.
 */
function checkPortable(root: string, pkg: Package): Finding[] {
  const { peerDependencies = {}, peerDependenciesMeta = {} } = pkg.manifest;
  const libraries = Object.keys(peerDependencies).filter((name) => peerDependenciesMeta[name]?.optional);
  const entries = subpathsOf(pkg).filter(({ subpath }) => ['.', './open', './testing'].includes(subpath));
  const findings = new Map<string, Finding>();
  for (const { subpath, source } of entries) {
    const seen = new Set<string>();
    const visit = (path: string, chain: readonly string[]): void => {
      if (seen.has(path) || !existsSync(path)) return;
      seen.add(path);
      for (const { specifier, line, kind } of readModule(path).imports) {
        if (kind === 'dynamic') continue;
        if (specifier.startsWith('.')) visit(join(path, '..', specifier), [...chain, relative(pkg.dir, path)]);
        else if (libraries.includes(packageOf(specifier) ?? '')) {
          const file = relative(root, path);
          const through = chain.slice(1);
          const by = through.length > 0 ? `, through ${through.join(' and ')}` : '';
          findings.set(`${file}:${line}`, {
            file,
            line,
            problem: `"${subpath}" reaches the driver library ${specifier}${by}`,
            fix: 'move it into src/drivers/ or behind a subpath of its own: it is an optional peer',
          });
        }
      }
    };
    visit(join(pkg.dir, source), []);
  }
  return [...findings.values()];
}

function isTypeScript(path: string): boolean {
  return /\.[cm]?ts$/.test(path) && !/\.d\.[cm]?ts$/.test(path);
}

if (import.meta.main) await main(checkLayers);
