// Packs every package and uses the tarballs as a stranger would: in an empty project, by import and by require(), with strict
// types, and with no optional peer where none is needed. Needs the packages built.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Finding, main } from './lib/findings.ts';
import { type Package, publicPackages, subpathsOf } from './lib/workspace.ts';

/** What a subpath needs that its package does not bring: optional peers, by the subpath. All others must do without. */
const NEEDS: Readonly<Record<string, readonly string[]>> = {
  '@ent/auth/argon2': ['argon2'],
  '@ent/cache/memcached': ['memcache-client'],
  '@ent/cache/memory': ['lru-cache'],
  '@ent/cache/redis': ['redis'],
  '@ent/database/sqlite': ['better-sqlite3', 'kysely'],
  '@ent/observability/prometheus': ['prom-client'],
  '@ent/serialization/msgpack': ['msgpackr'],
};

const NEEDED_FILES = ['README.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts', 'src/index.ts'];

/** Types that the declarations of a subpath name, though it runs without: a TypeScript user has them anyway, or installs them. */
const TYPES = ['@types/node', 'typescript', 'kysely', 'zod'];

export function checkPacked(root: string): Finding[] {
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'ent-packed-')));
  try {
    const packages = publicPackages(root);
    const tarballs = pack(packages, scratch);
    const catalog = catalogOf(root);
    const entries = packages.flatMap((one) => subpathsOf(one).map(({ specifier }) => specifier));
    const bare = entries.filter((specifier) => NEEDS[specifier] === undefined);
    const peers = [...new Set(Object.values(NEEDS).flat())];
    return [
      ...strings(packages, scratch, tarballs),
      ...useIn(join(scratch, 'bare'), tarballs, ['zod'], catalog, bare, false),
      ...useIn(join(scratch, 'full'), tarballs, ['zod', ...peers, ...TYPES], catalog, entries, true),
      ...alone(scratch, tarballs, catalog),
    ];
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function pack(packages: readonly Package[], scratch: string): Map<string, string> {
  return new Map(
    packages.map(({ dir, name, manifest }) => {
      const folder = join(scratch, 'tarballs', name);
      mkdirSync(folder, { recursive: true });
      execFileSync('pnpm', ['pack', '--pack-destination', folder], { cwd: dir, stdio: 'pipe' });
      return [manifest.name, join(folder, readdirSync(folder)[0] as string)];
    }),
  );
}

/** Nothing that is published may name what is not: the private package that is bundled in, or the workspace. */
function strings(packages: readonly Package[], scratch: string, tarballs: ReadonlyMap<string, string>): Finding[] {
  return packages.flatMap(({ manifest, name }) => {
    const folder = join(scratch, 'unpacked', name);
    mkdirSync(folder, { recursive: true });
    execFileSync('tar', ['-xzf', tarballs.get(manifest.name) as string, '-C', folder]);
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    const published = files.filter((file) => /dist\/.*\.(js|d\.ts)$|package\.json$/.test(file));
    const findings = published.flatMap((path) => {
      const text = readFileSync(join(folder, path), 'utf8');
      const imports = /(?:from|import\()\s*['"]@ent\/(?:internal|testkit)['"]/.test(text);
      const protocol = path.endsWith('package.json') && /"(?:workspace|catalog):/.test(text);
      const problem = `${path} of the tarball names a private package or the workspace`;
      return imports || protocol ? [{ file: `packages/${name}`, problem }] : [];
    });
    for (const needed of NEEDED_FILES) {
      if (files.includes(`package/${needed}`)) continue;
      findings.push({ file: `packages/${name}`, problem: `the tarball lacks ${needed}` });
    }
    return findings;
  });
}

/** Imports each specifier in a project with just these dependencies; with types also compiles a use of all of them. */
function useIn(
  dir: string,
  tarballs: ReadonlyMap<string, string>,
  dependencies: readonly string[],
  catalog: ReadonlyMap<string, string>,
  specifiers: readonly string[],
  withTypes: boolean,
): Finding[] {
  install(dir, [...tarballs.keys()], tarballs, dependencies, catalog);
  const list = JSON.stringify(specifiers);
  const loop = (load: string): string =>
    `(async () => { for (const each of ${list}) { try { ${load}; } catch (error) { console.error(each + ': ' + error.message); process.exitCode = 1; } } })();`;
  const findings = [
    ...attempt('import', dir, process.execPath, ['--input-type=module', '-e', loop('await import(each)')]),
    ...attempt('require', dir, process.execPath, ['--input-type=commonjs', '-e', loop('require(each)')]),
  ];
  if (!withTypes) return findings;
  const uses = specifiers.map(
    (specifier, i) => `import * as m${i} from '${specifier}';\nexport const n${i}: object = m${i};\n`,
  );
  writeFileSync(join(dir, 'use.ts'), uses.join(''));
  writeFileSync(
    join(dir, 'use.cts'),
    specifiers
      .map((specifier, i) => `import m${i} = require('${specifier}');\nexport const n${i}: object = m${i};\n`)
      .join(''),
  );
  writeFileSync(
    join(dir, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        strict: true,
        module: 'nodenext',
        target: 'es2023',
        lib: ['es2024', 'esnext.disposable'],
        types: ['node'],
        noEmit: true,
        exactOptionalPropertyTypes: true,
      },
    }),
  );
  return [
    ...findings,
    ...attempt('strict types of all packages', dir, join(dir, 'node_modules/.bin/tsc'), ['-p', dir]),
  ];
}

/** The README's promise: one package and its peer, ten lines, nothing else. */
function alone(
  scratch: string,
  tarballs: ReadonlyMap<string, string>,
  catalog: ReadonlyMap<string, string>,
): Finding[] {
  const dir = join(scratch, 'alone');
  install(dir, ['@ent/cache'], tarballs, ['lru-cache'], catalog);
  const esm = `
    import { createCache } from '@ent/cache';
    import { memory } from '@ent/cache/memory';
    const cache = createCache({ driver: memory(), ttl: '5m' });
    const user = await cache.getOrSet('user:1', async () => ({ name: 'Ada' }));
    if (user.name !== 'Ada' || !(await cache.has('user:1'))) throw new Error('the cache lost the user');
    await cache.close();`;
  const cjs = `(async () => { const { createCache } = require('@ent/cache'); const { memory } = require('@ent/cache/memory');
    const cache = createCache({ driver: memory() }); await cache.set('a', 1);
    if (await cache.get('a') !== 1) throw new Error('the cache lost the value'); await cache.close(); })();`;
  return [
    ...attempt('@ent/cache alone, as a module', dir, process.execPath, ['--input-type=module', '-e', esm]),
    ...attempt('@ent/cache alone, CommonJS', dir, process.execPath, ['--input-type=commonjs', '-e', cjs]),
  ];
}

function install(
  dir: string,
  names: readonly string[],
  tarballs: ReadonlyMap<string, string>,
  dependencies: readonly string[],
  catalog: ReadonlyMap<string, string>,
): void {
  mkdirSync(dir, { recursive: true });
  const versions = dependencies.map((name) => [name, catalog.get(name) ?? 'latest'] as const);
  const ours = names.map((name) => [name, `file:${tarballs.get(name)}`] as const);
  writeFileSync(
    join(dir, 'package.json'),
    JSON.stringify(
      {
        name: 'stranger',
        version: '1.0.0',
        private: true,
        dependencies: Object.fromEntries<string>([...ours, ...versions]),
      },
      null,
      2,
    ),
  );
  // The packages are not published yet as far as this project goes: each of them is the tarball, whoever asks for it.
  const overrides = [...tarballs].map(([name, file]) => `  '${name}': 'file:${file}'`).join('\n');
  writeFileSync(
    join(dir, 'pnpm-workspace.yaml'),
    `packages: ['.']\nautoInstallPeers: false\nstrictDepBuilds: false\nminimumReleaseAge: 0\noverrides:\n${overrides}\n`,
  );
  execFileSync(
    'pnpm',
    ['install', '--prefer-offline', '--no-frozen-lockfile', '--ignore-scripts', '--reporter=silent'],
    { cwd: dir, stdio: 'pipe', env: { ...process.env, CI: '1' } },
  );
}

function attempt(what: string, cwd: string, command: string, args: readonly string[]): Finding[] {
  try {
    execFileSync(command, args, { cwd, stdio: 'pipe', encoding: 'utf8', timeout: 120_000 });
    return [];
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as { stdout?: string; stderr?: string; message: string };
    const said = `${stdout}${stderr}`
      .trim()
      .split('\n')
      .filter((line) => !/^\s+at |^Node\.js/.test(line));
    return [{ file: 'the tarballs', problem: `${what}: ${said.slice(0, 12).join('\n    ') || message}` }];
  }
}

function catalogOf(root: string): Map<string, string> {
  const lines = readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8').split('\n');
  const entry = /^ {2}["']?([^"':]+)["']?: (\S+)$/;
  return new Map(
    lines.flatMap((line) =>
      entry.exec(line) ? [[entry.exec(line)?.[1] as string, entry.exec(line)?.[2] as string] as const] : [],
    ),
  );
}

if (import.meta.main) await main(checkPacked);
