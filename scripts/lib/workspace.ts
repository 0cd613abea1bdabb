import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** The parts of a package.json that the checks read. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly files?: readonly string[];
  readonly bin?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

export interface Package {
  /** The folder's name: `cache`. */
  readonly name: string;
  /** Absolute. */
  readonly dir: string;
  readonly manifest: Manifest;
}

/** A subpath of a package that is code: `./redis` and the files behind it, relative to the package. */
export interface Subpath {
  readonly subpath: string;
  /** As it is imported: `@ent/cache/redis`. */
  readonly specifier: string;
  readonly source: string;
  readonly types: string;
  readonly file: string;
}

export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}

/** The packages in `packages/`, or in another group, in the order of their names. */
export function readPackages(root: string, group = 'packages'): Package[] {
  const folder = join(root, group);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => join(folder, name))
    .filter((dir) => existsSync(join(dir, 'package.json')))
    .map((dir) => ({ name: relative(folder, dir), dir, manifest: readJson<Manifest>(join(dir, 'package.json')) }));
}

export function publicPackages(root: string): Package[] {
  return readPackages(root).filter(({ manifest }) => manifest.private !== true);
}

/** The subpaths of `exports` that have the three conditions; the rest is data, such as `./package.json`. */
export function subpathsOf({ manifest }: Package): Subpath[] {
  return Object.entries(manifest.exports ?? {}).flatMap(([subpath, target]) => {
    if (typeof target === 'string') return [];
    const { '@ent/source': source, types, default: file } = target;
    if (source === undefined || types === undefined || file === undefined) return [];
    return [{ subpath, specifier: `${manifest.name}${subpath.slice(1)}`, source, types, file }];
  });
}

/** The files under a folder that `keep` accepts, absolute; without `node_modules` and what was built. */
export function filesUnder(dir: string, keep: (path: string) => boolean): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      if (entry.name === 'node_modules' || entry.name === 'dist' || entry.name === '.git') return [];
      const path = join(dir, entry.name);
      if (entry.isDirectory()) return filesUnder(path, keep);
      return keep(path) ? [path] : [];
    });
}

export function lineOf(source: string, offset: number): number {
  return source.slice(0, offset).split('\n').length;
}
