import { readFileSync } from 'node:fs';
import { join } from 'node:path';
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
    esbuildOptions(options) {
      // Without "@ent/source": the packages import each other's published files; only @ent/internal is bundled.
      options.conditions = ['node', 'import', 'default'];
    },
  });
}
