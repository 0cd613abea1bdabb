// What the checks know of the repository: its packages and what their manifests say.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

export interface Package {
  /** Absolute. */
  readonly dir: string;
  /** The folder's name: `cache`. */
  readonly short: string;
  readonly manifest: Manifest;
}

/** The packages of the repository, in the order of their names. */
export function packagesOf(root: string): Package[] {
  const folder = join(root, 'packages');
  return readdirSync(folder)
    .filter((short) => existsSync(join(folder, short, 'package.json')))
    .toSorted()
    .map((short) => {
      const dir = join(folder, short);
      return { dir, short, manifest: JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as Manifest };
    });
}

/** Those that are published. */
export function publicPackagesOf(root: string): Package[] {
  return packagesOf(root).filter(({ manifest }) => manifest.private !== true);
}

/** Subpaths with code, as an import names them: `@ent/cache/redis`. */
export function entriesOf({
  manifest,
}: Package): { specifier: string; subpath: string; target: Readonly<Record<string, string>> }[] {
  return Object.entries(manifest.exports ?? {}).flatMap(([subpath, target]) =>
    typeof target === 'string' ? [] : [{ specifier: manifest.name + subpath.slice(1), subpath, target }],
  );
}
