import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { VERSIONS } from '../src/versions.ts';

const root = join(import.meta.dirname, '..', '..', '..');

/** What the packages allow as a peer; else what this repository is tested with, and later ones. */
function wantedOf(library: string): string {
  for (const name of readdirSync(join(root, 'packages'))) {
    const manifest = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as {
      peerDependencies?: Record<string, string>;
    };
    const range = manifest.peerDependencies?.[library];
    if (range !== undefined) return range;
  }
  const { catalog } = parse(readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8')) as {
    catalog: Record<string, string>;
  };
  return `^${catalog[library]}`;
}

it.each(Object.entries(VERSIONS))('a new service has %s at %s, as the packages allow it', (library, range) => {
  expect(range).toBe(wantedOf(library));
});
