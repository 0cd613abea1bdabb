import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { defineConfig } from 'tsup';
import { optionalPeers } from './optional-peers.ts';

type ExportTarget = string | { '@ent/source'?: string };

/**
 * The build of every package. The entries are read from the package's own `exports`, so that a subpath is declared
 * once. Declarations come from `tsc` afterwards (tsup's own `dts` does not work with TypeScript 7).
 */
export function entConfig(packageDir: string) {
  const manifest = JSON.parse(readFileSync(join(packageDir, 'package.json'), 'utf8')) as {
    exports: Record<string, ExportTarget>;
    peerDependenciesMeta?: Record<string, { optional?: boolean }>;
  };
  const peers = Object.entries(manifest.peerDependenciesMeta ?? {}).flatMap(([name, { optional }]) =>
    optional ? [name] : [],
  );
  const entry = Object.values(manifest.exports)
    .map((target) => (typeof target === 'string' ? undefined : target['@ent/source']))
    .filter((source) => source !== undefined);
  return defineConfig({
    // The keys keep the folders: src/drivers/redis.ts becomes dist/drivers/redis.js.
    entry: Object.fromEntries(entry.map((source) => [source.replace(/^\.\/src\/|\.ts$/g, ''), source])),
    format: 'esm',
    target: 'node22',
    platform: 'node',
    // One copy of each class across the subpaths, or `instanceof` would lie.
    splitting: true,
    sourcemap: true,
    clean: true,
    silent: true,
    dts: false,
    noExternal: ['@ent/internal'],
    esbuildPlugins: [optionalPeers(packageDir, peers)],
    plugins: [
      {
        name: 'sources',
        buildEnd: ({ writtenFiles }) => writtenFiles.forEach(({ name }) => addSources(packageDir, name)),
      },
    ],
    esbuildOptions(options) {
      options.sourcesContent = false;
      // Without "@ent/source": the packages import each other's published files; only @ent/internal is bundled.
      options.conditions = ['node', 'import', 'default'];
    },
  });
}

/**
 * What comes from outside of the package, @ent/internal, goes into the source map; the rest is published in `src`. What
 * was made for `open` is no source of anybody: its code is shown as it is.
 */
function addSources(packageDir: string, file: string): void {
  if (!file.endsWith('.js.map')) return;
  const map = JSON.parse(readFileSync(file, 'utf8')) as { sources: string[]; sourcesContent?: (string | null)[] };
  if (map.sources.some((source) => source.startsWith('late:'))) {
    const built = file.slice(0, -'.map'.length);
    writeFileSync(built, readFileSync(built, 'utf8').replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n'));
    rmSync(file);
    return;
  }
  map.sourcesContent = map.sources.map((source) => {
    const path = join(dirname(resolve(file)), source);
    return path.startsWith(join(packageDir, 'src/')) ? null : readFileSync(path, 'utf8');
  });
  writeFileSync(file, JSON.stringify(map));
}
