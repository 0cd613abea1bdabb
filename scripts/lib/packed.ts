import { existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.ts';
import type { Package } from './workspace.ts';

/** A package as it would be published. */
export interface Packed extends Package {
  readonly tarball: string;
}

/** Packs as `pnpm publish` would, into `<dir>/tarballs`. */
export async function pack(root: string, dir: string, packages: readonly Package[]): Promise<Packed[]> {
  const destination = join(dir, 'tarballs');
  mkdirSync(destination);
  const filters = packages.flatMap(({ manifest }) => ['--filter', manifest.name]);
  const { code, output } = await run('pnpm', [...filters, 'pack', '--pack-destination', destination], { cwd: root });
  if (code !== 0) throw new Error(`pnpm pack failed:\n${output}`);
  return packages.map((pkg) => ({
    ...pkg,
    tarball: join(destination, `${pkg.manifest.name.slice(1).replace('/', '-')}-${pkg.manifest.version}.tgz`),
  }));
}

/** What an application installs beside the tarballs. */
export interface Installed {
  /** Optional peers, by name. Default: all of them. */
  readonly peers?: readonly string[] | undefined;
  /** Packages of others, by name: the folders where they are. */
  readonly more?: Readonly<Record<string, string>>;
}

/**
 * Installs the tarballs as an application would, with pnpm, which lets no package reach what it does not declare.
 * Packages of others are links to those of this repository, so that no registry is asked.
 */
export async function install(dir: string, packed: readonly Packed[], { peers, more = {} }: Installed): Promise<void> {
  mkdirSync(dir);
  const dependencies: Record<string, string> = {};
  const overrides: Record<string, string> = {};
  for (const { dir: from, manifest, tarball } of packed) {
    overrides[manifest.name] = dependencies[manifest.name] = `file:${tarball}`;
    const wanted = Object.keys(manifest.peerDependencies ?? {}).filter(
      (name) =>
        !name.startsWith('@ent/') &&
        (manifest.peerDependenciesMeta?.[name]?.optional !== true || peers === undefined || peers.includes(name)),
    );
    for (const name of [...wanted, ...Object.keys(manifest.dependencies ?? {})]) {
      if (name.startsWith('@ent/')) continue;
      overrides[name] = `link:${realpathSync(join(from, 'node_modules', name))}`;
      if (wanted.includes(name)) dependencies[name] = overrides[name];
      // Where a library leaves its types to another package, an application installs that too.
      const types = join(from, 'node_modules/@types', name);
      if (wanted.includes(name) && existsSync(types)) dependencies[`@types/${name}`] = `link:${realpathSync(types)}`;
    }
  }
  for (const [name, folder] of Object.entries(more)) dependencies[name] = `link:${realpathSync(folder)}`;
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }, null, 2));
  // Nothing hoisted: a package that imports what it does not declare must fail here, as it would for some users.
  const settings = { overrides, autoInstallPeers: false, hoist: false, packages: [] };
  writeFileSync(join(dir, 'pnpm-workspace.yaml'), JSON.stringify(settings, null, 2));
  const flags = ['--ignore-scripts', '--prefer-offline', '--no-frozen-lockfile', '--reporter=append-only'];
  const { code, output } = await run('pnpm', ['install', ...flags], { cwd: dir });
  if (code !== 0) throw new Error(`the tarballs cannot be installed:\n${output}`);
}
