import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkExports } from '../check-exports.ts';
import { addFiles, makeTree, manifestOf, rootManifest } from './support/tree.ts';

const clean = {
  'package.json': rootManifest,
  'packages/cache/package.json': manifestOf('cache', { '.': 'index', './memory': 'drivers/memory' }),
  'packages/cache/src/index.ts': '',
  'packages/cache/src/drivers/memory.ts': '',
  'packages/cache/dist/index.js': "import { a } from './chunk-ABCDEFGH.js';\nexport { a as Cache };\n",
  'packages/cache/dist/chunk-ABCDEFGH.js': 'export const a = 1;\n',
  'packages/cache/dist/index.d.ts': "export { Cache, type Options } from './cache.ts';\nexport * from './more.ts';\n",
  'packages/cache/dist/cache.d.ts': 'export declare class Cache {}\nexport interface Options {}\n',
  'packages/cache/dist/more.d.ts': 'export type More = 1;\n',
  'packages/cache/dist/drivers/memory.js': 'export function memory() {}\nexport const features = {};\n',
  'packages/cache/dist/drivers/memory.d.ts':
    'export declare function memory(): void;\nexport declare const features: {};\n',
  'packages/cache/exports.snapshot.json': {
    '.': ['Cache', 'type More', 'type Options'],
    './memory': ['features', 'memory'],
  },
};

function problems(root: string): string[] {
  return checkExports(root, { update: false }).map(({ file, problem }) => `${file}: ${problem}`);
}

describe('check-exports', () => {
  it('accepts a package that ships what it declares', () => {
    expect(problems(makeTree(clean))).toEqual([]);
  });

  it('follows source maps: to what is published, or to what they have inside, and not both', () => {
    const map = (sources: string[], sourcesContent: (string | null)[]) => ({ version: 3, sources, sourcesContent });
    const root = makeTree({
      ...clean,
      'packages/cache/src/internal/a.ts': '',
      'packages/cache/dist/index.js.map': map(['../src/index.ts', '../../internal/src/b.ts'], [null, 'b']),
      'packages/cache/dist/index.d.ts.map': { version: 3, sources: ['../src/gone.ts'] },
      'packages/cache/dist/chunk-ABCDEFGH.js.map': map(
        ['../src/internal/a.ts', '../../internal/src/b.ts'],
        ['a', null],
      ),
    });
    expect(problems(root)).toEqual([
      'packages/cache/dist/chunk-ABCDEFGH.js.map: has ../src/internal/a.ts, which is published too',
      'packages/cache/dist/chunk-ABCDEFGH.js.map: leads to ../../internal/src/b.ts, which is not published',
      'packages/cache/dist/index.d.ts.map: leads to ../src/gone.ts, which is not published',
    ]);
  });

  it('misses a public name that was removed, a value or a type, and a whole subpath', () => {
    const root = makeTree({
      ...clean,
      'packages/cache/dist/index.js': 'export {};\n',
      'packages/cache/dist/index.d.ts': "export { type Options } from './cache.ts';\n",
      'packages/cache/package.json': manifestOf('cache'),
      'packages/cache/dist/drivers/memory.js': '',
    });
    expect(problems(root)).toEqual([
      'packages/cache/package.json: dist/drivers/memory.js was built and is in no subpath',
      'packages/cache/exports.snapshot.json: @ent/cache no longer exports "Cache": that breaks whoever imports it',
      'packages/cache/exports.snapshot.json: @ent/cache no longer exports "type More": that breaks whoever imports it',
      'packages/cache/exports.snapshot.json: @ent/cache/memory no longer exports "features": that breaks whoever imports it',
      'packages/cache/exports.snapshot.json: @ent/cache/memory no longer exports "memory": that breaks whoever imports it',
    ]);
  });

  it('asks about a new name, and takes it with --update', () => {
    const root = makeTree(clean);
    addFiles(root, {
      'packages/cache/dist/drivers/memory.js': 'export const memory = 1, features = 2, extra = 3;\n',
      'packages/cache/dist/drivers/memory.d.ts': 'export declare const memory: 1, features: 2, extra: 3;\n',
    });
    const again = makeTree({});
    // A file is read once for each path.
    addFiles(
      again,
      Object.fromEntries(Object.keys(clean).map((path) => [path, readFileSync(join(root, path), 'utf8')])),
    );
    expect(problems(again)).toEqual([
      'packages/cache/exports.snapshot.json: @ent/cache/memory exports "extra", which is new',
    ]);
    expect(checkExports(again, { update: true })).toEqual([]);
    expect(problems(again)).toEqual([]);
  });

  it('wants each declared file built, and the code to export what the declarations say', () => {
    const { 'packages/cache/dist/drivers/memory.d.ts': _, ...unbuilt } = clean;
    expect(problems(makeTree(unbuilt))).toEqual([
      'packages/cache/package.json: "./memory" names ./dist/drivers/memory.d.ts, which was not built',
    ]);
    const differs = { ...clean, 'packages/cache/dist/drivers/memory.js': 'export const memory = 1, hidden = 2;\n' };
    expect(problems(makeTree(differs))).toEqual([
      'packages/cache/dist/drivers/memory.d.ts: "features" is declared, and not exported by ./dist/drivers/memory.js',
      'packages/cache/dist/drivers/memory.d.ts: "hidden" is exported by ./dist/drivers/memory.js, and not declared',
    ]);
  });

  it('keeps what is not published out of the declarations', () => {
    const root = makeTree({
      ...clean,
      'packages/cache/dist/cache.d.ts':
        "import type { Duration } from '@ent/internal';\nexport declare class Cache { ttl: Duration }\nexport interface Options {}\n",
    });
    expect(problems(root)).toEqual([
      'packages/cache/dist/cache.d.ts: a public declaration names @ent/internal, which is not published',
    ]);
  });

  it('holds the manifests to one shape', () => {
    const manifest = { ...manifestOf('cache'), sideEffects: true, engines: { node: '>=20' } } as Record<
      string,
      unknown
    >;
    manifest['exports'] = {
      '.': { types: './dist/index.d.ts', '@ent/source': './src/index.ts', default: './dist/index.js' },
    };
    const found = problems(makeTree({ ...clean, 'packages/cache/package.json': manifest }));
    expect(found).toEqual([
      'packages/cache/package.json: "sideEffects" is true',
      'packages/cache/package.json: "engines" is {"node":">=20"}',
      'packages/cache/package.json: "./package.json" is not exported',
      'packages/cache/package.json: "." has types, @ent/source, default',
    ]);
  });
});
