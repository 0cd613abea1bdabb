import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkApi } from '../check-api.ts';
import { prepareManifests, repositoryOf } from '../lib/release-manifests.ts';
import { readJson } from '../lib/workspace.ts';
import { addFiles, makeTree, manifestOf, rootManifest } from './support/tree.ts';

const declarations = {
  'packages/cache/dist/index.d.ts':
    "export { open, type Options } from './internal/open.ts';\nexport * from './more.ts';\n",
  'packages/cache/dist/internal/open.d.ts': `import type { Url } from './url.ts';
export interface Options {
    /** How long. */
    readonly ttl?: number;
    readonly name: string;
}
export declare class Cache {
    #private;
    private constructor();
    get(key: string): Promise<string>;
}
export declare function open(url: Url, options?: Options): Cache;
declare function hidden(): void;
`,
  'packages/cache/dist/internal/url.d.ts': "export type Url = import('./parts.ts').Scheme | 'memory:';\n",
  'packages/cache/dist/internal/parts.d.ts': "export type Scheme = 'redis:';\n",
  'packages/cache/dist/more.d.ts': 'export declare const more: 1;\n',
};

async function released(version = '1.0.0'): Promise<string> {
  const manifest = { ...manifestOf('cache', { '.': 'index' }), version };
  const root = makeTree({ 'package.json': rootManifest, 'packages/cache/package.json': manifest, ...declarations });
  addFiles(root, { '.changeset/config.json': {} });
  await checkApi(root, { update: true });
  return root;
}

/** The same repository later: what is read of a declaration file is kept while a process runs. */
function later(root: string, files: Record<string, string>): string {
  const snapshot = readFileSync(join(root, 'packages/cache/api.snapshot.txt'), 'utf8');
  const manifest = readJson<object>(join(root, 'packages/cache/package.json'));
  return makeTree({
    'package.json': rootManifest,
    '.changeset/config.json': {},
    'packages/cache/package.json': manifest,
    'packages/cache/api.snapshot.txt': snapshot,
    ...declarations,
    ...files,
  });
}

const problemsOf = async (root: string): Promise<string[]> =>
  (await checkApi(root, { update: false })).map(({ problem }) => problem);

const open = 'packages/cache/dist/internal/open.d.ts';

describe('check-api', () => {
  it('keeps what is public, what that speaks of, and nothing else', async () => {
    const root = await released();
    const snapshot = readFileSync(join(root, 'packages/cache/api.snapshot.txt'), 'utf8');
    expect(snapshot.match(/^# .*/gm)).toEqual(['# Cache', '# Options', '# Scheme', '# Url', '# more', '# open']);
    expect(snapshot).not.toMatch(/How long|private|hidden/);
    expect(await problemsOf(root)).toEqual([]);
  });

  it('accepts what is added, and what moved to another file or says something else in a comment', async () => {
    const root = await released();
    const text = declarations[open]
      .replace('How long', 'For how long')
      .replace('readonly name', 'readonly more?: 1;\n    readonly name');
    const moved = text.replace("'./url.ts'", "'./moved.ts'");
    const files = {
      [open]: moved,
      'packages/cache/dist/internal/moved.d.ts': declarations['packages/cache/dist/internal/url.d.ts'],
    };
    expect(await problemsOf(later(root, files))).toEqual([]);
  });

  it('names what is gone or another one, also where only something public speaks of it', async () => {
    const root = await released();
    const text = declarations[open].replace('ttl?: number', 'ttl?: string').replace('Promise<string>', 'string');
    const files = {
      [open]: text,
      'packages/cache/dist/internal/parts.d.ts': "export type Scheme = 'rediss:';\n",
      'packages/cache/dist/more.d.ts': 'export {};\n',
    };
    expect(await problemsOf(later(root, files))).toEqual([
      '@ent/cache: Cache lost "get(key: string): Promise<string>;"',
      '@ent/cache: Options lost "readonly ttl?: number;"',
      `@ent/cache: Scheme lost "type Scheme = 'redis:';"`,
      '@ent/cache lost more',
    ]);
  });

  it.each([
    ['1.0.0', 'minor', 1],
    ['1.0.0', 'major', 0],
    ['0.4.0', 'patch', 1],
    ['0.4.0', 'minor', 0],
  ])('after %s a changeset that says %s leaves %i problems', async (version, type, count) => {
    const root = await released(version);
    const files = {
      'packages/cache/dist/more.d.ts': 'export {};\n',
      '.changeset/a.md': `---\n'@ent/cache': ${type}\n---\n\nA.\n`,
    };
    expect(await problemsOf(later(root, files))).toHaveLength(count);
  });
});

describe('release-manifests', () => {
  it('writes where the repository is, and links that lead there, by one field', () => {
    const repository = { type: 'git', url: 'git+https://example.com/a/b.git' };
    const root = makeTree({
      'package.json': { ...rootManifest, repository },
      'packages/cache/package.json': manifestOf('cache'),
      'packages/cache/README.md':
        'See [a page](../../docs/a.md#part), ![a picture](../../docs/a.png), [here](#here), [npm](https://npmjs.com).\n\n```\n[no](../link.md)\n```\n',
    });
    expect(repositoryOf(root)).toBe('https://example.com/a/b');
    prepareManifests(root, 'https://example.com/a/b');
    expect(readJson(join(root, 'packages/cache/package.json'))).toMatchObject({
      repository: { type: 'git', url: 'git+https://example.com/a/b.git', directory: 'packages/cache' },
      homepage: 'https://example.com/a/b/tree/main/packages/cache#readme',
      bugs: 'https://example.com/a/b/issues',
      publishConfig: { access: 'public', provenance: true },
    });
    expect(readFileSync(join(root, 'packages/cache/README.md'), 'utf8')).toBe(
      'See [a page](https://example.com/a/b/blob/main/docs/a.md#part), ![a picture](https://example.com/a/b/raw/main/docs/a.png), [here](#here), [npm](https://npmjs.com).\n\n```\n[no](../link.md)\n```\n',
    );
  });

  it('knows no address where none is said', () => {
    expect(repositoryOf(makeTree({ 'package.json': rootManifest }))).toBeUndefined();
  });
});
