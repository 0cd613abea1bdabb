import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { onTestFinished } from 'vitest';

export const repository = resolve(import.meta.dirname, '../../..');

/** A folder with these files, gone after the test. An object is written as JSON. */
export function makeTree(files: Readonly<Record<string, string | object>>): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'ent-scripts-')));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  addFiles(root, files);
  return root;
}

export function addFiles(root: string, files: Readonly<Record<string, string | object>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), typeof content === 'string' ? content : JSON.stringify(content, null, 2));
  }
}

/** The tools of this repository: the compiler, vitest, the types of Node. */
export function linkTools(root: string): void {
  symlinkSync(join(repository, 'node_modules'), join(root, 'node_modules'));
}

const ENGINES = '^22.18 || ^24.11 || >=26';

/** The manifest of the repository, as far as the checks read it. */
export const rootManifest = { name: 'fixture', private: true, engines: { node: ENGINES } };

/** A manifest as it should be: `subpaths` are sources, `{ './redis': 'drivers/redis' }`. */
export function manifestOf(
  name: string,
  subpaths: Record<string, string> = { '.': 'index' },
  more: object = {},
): object {
  const exports: Record<string, unknown> = {};
  for (const [subpath, source] of Object.entries(subpaths)) {
    exports[subpath] = {
      '@ent/source': `./src/${source}.ts`,
      types: `./dist/${source}.d.ts`,
      default: `./dist/${source}.js`,
    };
  }
  return {
    name: `@ent/${name}`,
    version: '1.0.0',
    description: 'One of a fixture',
    keywords: ['fixture'],
    license: 'MIT',
    type: 'module',
    sideEffects: false,
    engines: { node: ENGINES },
    files: ['dist', 'src', 'CHANGELOG.md'],
    exports: { ...exports, './package.json': './package.json' },
    publishConfig: { access: 'public' },
    ...more,
  };
}

/** The PATH with the pnpm that this repository uses: the one that the bootstrap fetched, else the one at hand. */
export function pathWithPnpm(): string {
  const toolchain = join(repository, '.toolchain');
  const folders = existsSync(toolchain) ? readdirSync(toolchain) : [];
  const fetched = folders
    .filter((name) => name.startsWith('pnpm-'))
    .map((name) => join(toolchain, name, 'node_modules', '@pnpm'))
    .filter(existsSync)
    .flatMap((scope) => readdirSync(scope).map((name) => join(scope, name)));
  return [...fetched, process.env['PATH']].join(delimiter);
}
