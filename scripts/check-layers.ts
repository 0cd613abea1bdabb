// Who may import whom: docs/ARCHITECTURE.md, "Layers".
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { circlesOf, type Graph } from './lib/circles.ts';
import { type Finding, main } from './lib/findings.ts';
import { type Import, packageOf, readModule } from './lib/imports.ts';
import { filesUnder, type Package, readPackages, subpathsOf } from './lib/workspace.ts';

/** Every package stands on these. */
const GROUND = ['errors', 'internal'];

/** What is allowed against the rules, each with its reason. An exception that nothing uses is reported. */
interface Exceptions {
  /**
   * Edges between concerns. `from` is a package, or the file of a meeting point: a subpath of its
   * own, whose users have the other package anyway.
   */
  readonly edges: readonly { from: string; to: string; reason: string }[];
  /** Portable files that may name a driver. */
  readonly drivers: readonly { file: string; reason: string }[];
}

const ALLOWED: Exceptions = {
  edges: [{ from: 'http', to: 'middleware', reason: 'routes run behind the hooks of middleware: http is built on it' }],
  drivers: [
    { file: 'logging/src/create.ts', reason: 'winston is the engine of every logger, and an ordinary dependency' },
    { file: 'logging/src/index.ts', reason: 'the types of that engine' },
  ],
};

/** Test runners and test helpers do not belong into what is published. */
const NOT_IN_SOURCE = ['@ent/testkit', 'vitest'];

export function checkLayers(root: string, allowed = ALLOWED): Finding[] {
  const packages = readPackages(root);
  const exceptions = remember(allowed);
  return [
    ...packages.flatMap((pkg) => checkPackage(root, pkg, exceptions)),
    ...checkCircles(root, packages),
    ...readPackages(root, 'examples').flatMap((example) => checkExample(root, example)),
    ...exceptions.unused(),
  ];
}

/** The exceptions, which remember whether they were needed. */
function remember({ edges, drivers }: Exceptions) {
  const used = new Set<unknown>();
  const use = <T>(list: readonly T[], fits: (exception: T) => boolean): boolean => {
    const found = list.find(fits);
    if (found !== undefined) used.add(found);
    return found !== undefined;
  };
  return {
    /** The file is named with its package: `auth/src/stores.ts`. */
    edge: (file: string, to: string) =>
      use(edges, (edge) => edge.to === to && [file, file.split('/')[0]].includes(edge.from)),
    driver: (file: string) => use(drivers, (driver) => driver.file === file),
    unused: (): Finding[] =>
      [
        ...edges.map((edge) => [edge, `edges: ${edge.from} to ${edge.to}`] as const),
        ...drivers.map((driver) => [driver, `drivers: ${driver.file}`] as const),
      ]
        .filter(([exception]) => !used.has(exception))
        .map(([, name]) => ({
          file: 'scripts/check-layers.ts',
          problem: `nothing needs the exception in ${name}`,
          fix: 'remove it from ALLOWED',
        })),
  };
}

type Remembered = ReturnType<typeof remember>;

function checkPackage(root: string, pkg: Package, exceptions: Remembered): Finding[] {
  const findings: Finding[] = [];
  const src = join(pkg.dir, 'src');
  const isSource = (path: string) => path.startsWith(`${src}/`);
  for (const path of filesUnder(pkg.dir, isTypeScript)) {
    const file = relative(root, path);
    for (const each of readModule(path).imports) {
      const found = isSource(path) ? problemInSource(pkg, path, each, exceptions) : problemBeside(root, path, each);
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
function problemInSource(
  pkg: Package,
  path: string,
  { specifier, kind }: Import,
  exceptions: Remembered,
): Problem | undefined {
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
    const opens = file === 'src/open.ts' && kind === 'dynamic';
    const inDrivers = file.startsWith('src/drivers/');
    if (to.startsWith('drivers/') && !inDrivers && !opens && !exceptions.driver(`${pkg.name}/${file}`)) {
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
  if (exceptions.edge(`${pkg.name}/${file}`, to)) return undefined;
  return {
    problem: `${pkg.name} imports ${name}: a concern imports no other concern`,
    fix:
      'describe what it needs by a small interface; or make a meeting point (a subpath with the other package as an optional ' +
      'peer) and enter it, with its reason, into the edges of ALLOWED in scripts/check-layers.ts',
  };
}

/**
 * No circle, between files or between packages. An `import type` counts: it is gone when the program runs, and a reader
 * follows it all the same, and then no file of the circle can be understood, moved or tested before the others.
 */
function checkCircles(root: string, packages: readonly Package[]): Finding[] {
  const findings: Finding[] = [];
  const report = (dir: string, graph: Graph): void => {
    for (const { way, size } of circlesOf(graph)) {
      const more = size > way.length - 1 ? `, the shortest way round among ${size} that reach each other` : '';
      findings.push({
        file: join(dir, way[0]!),
        problem: `a circle of imports: ${way.join(' > ')}${more}`,
        fix: 'what both ends need, often a type, belongs into a file below them',
      });
    }
  };
  const between = new Map<string, Set<string>>();
  for (const pkg of packages) {
    const src = join(pkg.dir, 'src');
    const within = new Map<string, Set<string>>();
    const others = new Set<string>();
    for (const path of filesUnder(src, isTypeScript)) {
      const specifiers = readModule(path).imports.map(({ specifier }) => specifier);
      const files = specifiers
        .filter((each) => each.startsWith('.'))
        .map((each) => relative(src, join(path, '..', each)));
      within.set(relative(src, path), new Set(files));
      for (const specifier of specifiers) {
        const name = packageOf(specifier);
        if (name?.startsWith('@ent/')) others.add(name.slice('@ent/'.length));
      }
    }
    others.delete(pkg.name);
    between.set(pkg.name, others);
    report(relative(root, src), within);
  }
  report('packages', between);
  return findings;
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
      .imports.filter(({ specifier }) => {
        const file = join(path, '..', specifier);
        // A benchmark is of the repository: nobody takes it along with the example.
        const measures = path.startsWith(`${example.dir}/bench/`) && file.startsWith(join(root, 'scripts/bench'));
        return specifier.startsWith('.') && !measures && !file.startsWith(`${example.dir}/`);
      })
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
 * What an application loads with the portable subpaths must work without any driver library: none is reached from them,
 * not even for a type, or the declarations would not compile without it.
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

if (import.meta.main) await main((root) => checkLayers(root));
