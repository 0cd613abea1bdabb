import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Installed } from '../lib/packed.ts';
import { run } from '../lib/run.ts';
import type { Package } from '../lib/workspace.ts';
import type { Registry } from './registry.ts';

/** How an application is installed, by the program of an installer. */
export const INSTALLERS = {
  npm: ['install', '--no-audit', '--no-fund', '--loglevel=error'],
  pnpm: ['install', '--reporter=append-only', '--prefer-offline'],
  bun: ['install', '--no-progress'],
} as const;

export type Installer = keyof typeof INSTALLERS;

export interface How {
  readonly registry: Registry;
  readonly by?: Installer;
  /** The program of the installer. */
  readonly program?: string;
  /** Packages of others, by the versions that are wanted of them. */
  readonly others?: Readonly<Record<string, string>>;
}

/**
 * Installs published packages, each with the newest of each of its peers that its manifest allows; the optional ones
 * that are named, or all.
 */
export async function installPublished(
  dir: string,
  packages: readonly Package[],
  { peers, more = {} }: Installed,
  { registry, program = 'npm', by = 'npm', others = {} }: How,
): Promise<void> {
  mkdirSync(dir, { recursive: true });
  const dependencies: Record<string, string> = { ...others };
  const links = { ...more };
  for (const { dir: from, manifest } of packages) {
    dependencies[manifest.name] = manifest.version;
    for (const [name, range] of Object.entries(manifest.peerDependencies ?? {})) {
      const optional = manifest.peerDependenciesMeta?.[name]?.optional === true;
      if (optional && peers !== undefined && !peers.includes(name)) continue;
      dependencies[name] = range;
      // Libraries whose types are another package: an application in TypeScript has it.
      const types = typesOf(name);
      if (manifest.devDependencies?.[types] !== undefined) links[types] = join(from, 'node_modules', types);
    }
  }
  for (const [name, folder] of Object.entries(links)) dependencies[name] = versionAt(folder);
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }, null, 2));
  writeFileSync(join(dir, '.npmrc'), registry.npmrc);
  if (by === 'pnpm') writeFileSync(join(dir, 'pnpm-workspace.yaml'), pnpmSettings());
  const { code, output } = await run(program, INSTALLERS[by], { cwd: dir, timeoutMs: 5 * 60_000 });
  if (code !== 0) throw new Error(`${by} install fails:\n${output.trim().slice(-2000)}`);
}

/** What users of pnpm are told to put there. */
function pnpmSettings(): string {
  const guide = join(import.meta.dirname, '..', '..', 'docs', 'guides', 'typescript-jest-and-bundlers.md');
  return /^## pnpm$[^]*?^```yaml\n([^]*?)^```$/m.exec(readFileSync(guide, 'utf8'))?.[1] ?? '';
}

function typesOf(name: string): string {
  return `@types/${name.replace(/^@/, '').replace('/', '__')}`;
}

/** The version of a package in a folder, as it is written for a package that may have another name there. */
function versionAt(folder: string): string {
  const { name, version } = JSON.parse(readFileSync(join(realpathSync(folder), 'package.json'), 'utf8')) as {
    name: string;
    version: string;
  };
  return `npm:${name}@${version}`;
}
