import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Manifest, readJson } from './workspace.ts';

/** The folders of all packages that come with a package and some of its optional peers, as npm would install them. */
export function closureOf(dir: string, peers: readonly string[]): Set<string> {
  const found = new Set<string>();
  const visit = (folder: string, wanted: readonly string[]): void => {
    if (found.has(folder)) return;
    found.add(folder);
    const manifest = readJson<Manifest & { optionalDependencies?: Record<string, string> }>(
      join(folder, 'package.json'),
    );
    const needed = Object.keys(manifest.dependencies ?? {});
    for (const name of Object.keys(manifest.peerDependencies ?? {})) {
      if (manifest.peerDependenciesMeta?.[name]?.optional !== true || wanted.includes(name)) needed.push(name);
    }
    for (const name of [...needed, ...Object.keys(manifest.optionalDependencies ?? {})]) {
      const next = find(folder, name);
      // What is for another platform is not there.
      if (next !== undefined) visit(next, []);
    }
  };
  visit(dir, peers);
  return found;
}

/** The folder of a package as another one finds it. */
function find(from: string, name: string): string | undefined {
  for (let folder = from; folder !== dirname(folder); folder = dirname(folder)) {
    const path = join(folder, 'node_modules', name);
    if (existsSync(path)) return realpathSync(path);
  }
  return undefined;
}

/** The bytes of the files of a package, without those of others inside. */
export function sizeOf(dir: string): number {
  return readdirSync(dir, { withFileTypes: true })
    .filter(({ name }) => name !== 'node_modules')
    .map((entry) => (entry.isDirectory() ? sizeOf(join(dir, entry.name)) : statSync(join(dir, entry.name)).size))
    .reduce((a, b) => a + b, 0);
}
