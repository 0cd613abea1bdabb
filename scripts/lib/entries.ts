// What a package promises of each of its subpaths, tried in a project of an application.
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import type { Finding } from './findings.ts';
import { declarationOf, packageOf, readModule } from './imports.ts';
import { run } from './run.ts';
import { type Package, readJson, readPackages, type Subpath, subpathsOf } from './workspace.ts';

/** A subpath, and the optional peers that its code imports. */
export interface Entry extends Subpath {
  readonly pkg: Package;
  readonly peers: readonly string[];
  /** Those that its declarations may name. */
  readonly typePeers: readonly string[];
}

/** A folder of an application. */
export interface Project {
  readonly dir: string;
  /** Whether all that an entry needs is installed. */
  readonly withPeers: boolean;
}

/** The subpaths that work without any driver. */
const PORTABLE = ['.', './open', './testing'];

export function entriesOf(pkg: Package): Entry[] {
  return subpathsOf(pkg).map((subpath) => ({
    ...subpath,
    pkg,
    peers: optionalPeersOf(pkg, subpath.file),
    // A driver's subpath may need its library for the types alone; the portable ones must not.
    typePeers: PORTABLE.includes(subpath.subpath) ? [] : optionalPeersOf(pkg, subpath.types),
  }));
}

/**
 * The optional peers that a built file imports, code or declarations, directly or through others, of other packages of
 * ours too; not those behind an `import()`.
 */
function optionalPeersOf(pkg: Package, file: string): string[] {
  const others = new Map(
    readPackages(join(pkg.dir, '../..')).flatMap((other) =>
      subpathsOf(other).map((subpath) => [subpath.specifier, { ...subpath, dir: other.dir }] as const),
    ),
  );
  const found = new Set<string>();
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path) || !existsSync(path)) return;
    seen.add(path);
    for (const { specifier, kind } of readModule(path).imports) {
      if (kind === 'dynamic') continue;
      if (specifier.startsWith('.'))
        visit(path.endsWith('.d.ts') ? declarationOf(path, specifier) : join(path, '..', specifier));
      else if (others.has(specifier)) {
        const other = others.get(specifier) as Subpath & { readonly dir: string };
        visit(join(other.dir, path.endsWith('.d.ts') ? other.types : other.file));
      } else if (!isBuiltin(specifier)) found.add(packageOf(specifier) ?? '');
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

/** Loads each of the entries by `import` and `require()`, with Node or another runtime and its arguments. */
export async function load(
  project: Project,
  entries: readonly Entry[],
  [program, ...flags]: readonly [program: string, ...flags: string[]] = [process.execPath],
): Promise<Finding[]> {
  const [loader, answer] = [join(project.dir, 'load.cjs'), join(project.dir, 'loaded.json')];
  writeFileSync(loader, LOADER);
  // That of another runtime.
  rmSync(answer, { force: true });
  const args = [...flags, loader, JSON.stringify(entries.map(({ specifier }) => specifier)), answer];
  const { code, output } = await run(program, args, { cwd: project.dir, timeoutMs: 60_000 });
  if (code !== 0) throw new Error(`${program} cannot load the packages:\n${output}`);
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

/**
 * Each subpath in strict mode, with all declarations checked; the examples of the READMEs are compiled by check-readme.
 * `compiler` is the folder of a TypeScript, `settings` are options of it beside ours.
 */
export async function compile(
  project: Project,
  entries: readonly Entry[],
  compiler: string,
  settings: object = {},
): Promise<Finding[]> {
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
    ...settings,
  };
  writeFileSync(join(project.dir, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  const tsc = join(compiler, 'bin', 'tsc');
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
