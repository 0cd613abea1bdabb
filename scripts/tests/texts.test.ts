import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkChangesets } from '../check-changesets.ts';
import { checkErrors } from '../check-errors.ts';
import { checkLinks } from '../check-links.ts';
import { checkReadme } from '../check-readme.ts';
import { checkReference } from '../check-reference.ts';
import { checkStrings } from '../check-strings.ts';
import { checkStyle } from '../check-style.ts';
import { findDeadEnds, sidebarOf, writePages } from '../lib/site.ts';
import { snippetsOf } from '../lib/snippets.ts';
import { addFiles, linkTools, makeTree, manifestOf, rootManifest } from './support/tree.ts';

function git(root: string, ...args: string[]): void {
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.c', '-c', 'init.defaultBranch=main', ...args], {
    cwd: root,
  });
}

function commitAll(root: string): void {
  git(root, 'init', '-q');
  git(root, 'add', '-A');
  git(root, 'commit', '-q', '-m', 'All');
}

describe('check-errors', () => {
  const define = (name: string, keys: string) =>
    `import { defineErrors } from '@ent/errors';\nexport const codes = defineErrors('${name}', {\n${keys}\n});\n`;

  function problems(files: Record<string, string>): string[] {
    const root = makeTree({ 'packages/cache/package.json': manifestOf('cache'), ...files });
    return checkErrors(root).map(({ file, line, problem }) => `${file}:${line} ${problem}`);
  }

  it('refuses a code that is defined twice', () => {
    const files = {
      'packages/cache/src/errors.ts': define('cache', '  timeout: {},\n  refused: {},'),
      'packages/cache/src/other.ts': define('cache', '  timeout: {},'),
    };
    expect(problems(files)).toEqual([
      'packages/cache/src/other.ts:3 the error code "cache.timeout" is defined already, at packages/cache/src/errors.ts:3',
    ]);
  });

  it('refuses the namespace of another package, and names that are not spelled out', () => {
    const files = {
      'packages/cache/src/a.ts': define('database', '  timeout: {},'),
      'packages/cache/src/b.ts': define('cache', '  [name]: {},\n  timedOut: {},\n  timed_out: {},'),
    };
    expect(problems(files)).toEqual([
      'packages/cache/src/a.ts:2 defineErrors() has the namespace "database"',
      'packages/cache/src/b.ts:3 an error code that is no snake_case name',
      'packages/cache/src/b.ts:4 an error code that is no snake_case name',
    ]);
  });

  it('wants each code in the README', () => {
    const files = {
      'packages/cache/src/errors.ts': define('cache', '  timeout: {},\n  refused: {},'),
      'packages/cache/README.md': '| `cache.timeout` | 503 |\n',
    };
    expect(problems(files)).toEqual([
      'packages/cache/src/errors.ts:4 the error code "cache.refused" is not in packages/cache/README.md',
    ]);
  });
});

describe('check-readme', () => {
  const cache = {
    'packages/cache/package.json': manifestOf('cache'),
    'packages/cache/dist/index.js': 'export const size = () => 3;\n',
    'packages/cache/dist/index.d.ts': 'export declare const size: () => number;\n',
  };

  async function problems(files: Record<string, string | object>): Promise<string[]> {
    const root = makeTree({ ...cache, ...files });
    linkTools(root);
    return (await checkReadme(root)).map(({ file, line, problem }) => `${file}:${line} ${problem}`);
  }

  it('finds an example that does not compile, one that throws, and leaves no-run alone', async () => {
    const readme = [
      '# Cache',
      '```ts',
      "import { size } from '@ent/cache';",
      'const wrong: string = size();',
      'console.log(wrong);',
      '```',
      'Some prose.',
      '```ts',
      "import { size } from '@ent/cache';",
      "if (size() === 3) throw new Error('three');",
      '```',
      '```ts no-run',
      'while (true) {}',
      '```',
      '```ts',
      "import { size } from '@ent/cache';",
      'if ((await Promise.resolve(size())) !== 3) process.exit(1);',
      '```',
    ].join('\n');
    const found = await problems({ 'packages/cache/README.md': readme });
    expect(found).toHaveLength(2);
    expect(found[0]).toMatch(/^packages\/cache\/README\.md:4 the example does not compile: TS2322: Type 'number'/);
    expect(found[1]).toMatch(/^packages\/cache\/README\.md:9 the example failed \(exit 1\)[^]*README\.md:10[^]*three/);
  }, 600_000);

  it('looks at docs/ as well, and compiles against the public exports only', async () => {
    const page = "```ts\nimport { size } from '@ent/cache/internal';\nsize();\n```\n";
    const [found] = await problems({ 'docs/guide.md': page });
    expect(found).toMatch(/^docs\/guide\.md:2 the example does not compile: TS2307/);
  }, 600_000);

  it('looks at doc comments', async () => {
    const source = [
      '/** One line. */',
      'export const one = 1;',
      '/**',
      ' * Counts.',
      ' *',
      ' * ```ts',
      " * import { size } from '@ent/cache';",
      ' * const text: string = size();',
      ' * ```',
      ' */',
      'export const size = () => 3;',
    ].join('\n');
    const [found, ...more] = await problems({ 'packages/cache/src/index.ts': source });
    expect(found).toMatch(/^packages\/cache\/src\/index\.ts:8 the example does not compile: TS2322/);
    expect(more).toEqual([]);
  }, 600_000);

  it('says which block never ends', () => {
    expect(() => snippetsOf('README.md', 'a\n```ts\nlet x;\n')).toThrow('README.md:2 opens a block that never ends');
    expect(snippetsOf('README.md', '````md\n```ts\nlet x;\n```\n````\n')).toEqual([]);
  });
});

describe('check-changesets', () => {
  const repository = () =>
    makeTree({
      'package.json': { name: 'fixture', private: true },
      'packages/cache/package.json': manifestOf('cache'),
      'packages/cache/src/index.ts': 'export {};\n',
      '.changeset/config.json': {},
    });

  async function problems(root: string): Promise<string[]> {
    return (await checkChangesets(root)).map(({ file, problem }) => `${file}: ${problem}`);
  }

  it('wants a changeset for what changed since the last release', async () => {
    const root = repository();
    commitAll(root);
    const missing = ['packages/cache: @ent/cache changed since its last release, and no changeset names it'];
    expect(await problems(root)).toEqual(missing);
    addFiles(root, { '.changeset/a.md': "---\n'@ent/cache': minor\n---\n\nA cache.\n" });
    expect(await problems(root)).toEqual([]);

    // The release: the changeset becomes a line of CHANGELOG.md.
    rmSync(join(root, '.changeset/a.md'), { force: true });
    addFiles(root, { 'packages/cache/CHANGELOG.md': '# 1.0.0\n' });
    commitAll(root);
    expect(await problems(root)).toEqual([]);

    addFiles(root, { 'packages/cache/src/index.ts': 'export const x = 1;\n' });
    expect(await problems(root)).toEqual(missing);
    addFiles(root, { '.changeset/b.md': '---\n---\n\nNothing for users.\n' });
    expect(await problems(root)).toEqual([]);
  });

  it('refuses names that are not published, and changesets that say nothing', async () => {
    const root = repository();
    commitAll(root);
    addFiles(root, { '.changeset/a.md': "---\n'@ent/cache': minor\n'@ent/cash': minor\n---\n" });
    expect(await problems(root)).toEqual([
      '.changeset/a.md: names @ent/cash, which is not a published package',
      '.changeset/a.md: says nothing',
    ]);
  });
});

describe('check-links', () => {
  it('finds links to files and headings that do not exist, and leaves code and other hosts alone', () => {
    const root = makeTree({
      'README.md': [
        '# Title of `this` page',
        '[a](docs/a.md) [b](docs/b.md) [c](#title-of-this-page) [d](#other) [e](https://example.com/x.md)',
        'Code: `[f](docs/f.md)`.',
        '```md',
        '[g](docs/g.md)',
        '```',
        '[h](docs/a.md#more) [i](docs/a.md#less) [j](docs)',
      ].join('\n'),
      'docs/a.md': '## More\n',
    });
    expect(checkLinks(root).map(({ file, line, problem }) => `${file}:${line} ${problem}`)).toEqual([
      'README.md:2 the link to docs/b.md leads nowhere',
      'README.md:2 there is no heading for #other',
      'README.md:7 there is no heading for docs/a.md#less',
    ]);
  });
});

describe('check-style', () => {
  async function problems(files: Record<string, string>): Promise<string[]> {
    const root = makeTree(files);
    git(root, 'init', '-q');
    return (await checkStyle(root)).map(({ file, line, problem }) => `${file}:${line} ${problem}`);
  }

  it('writes cannot as one word, in programs and in pages', async () => {
    const twoWords = ['can', 'not'].join(' ');
    expect(
      await problems({
        'a.md': `It cannot.\n\nIt ${twoWords}.\n`,
        'b.ts': `// It ${twoWords.replace(' ', '\n// ')}.\n`,
      }),
    ).toEqual([`a.md:3 "${twoWords}"`]);
  });

  it('finds lines with a comment that are too long, and leaves code alone', async () => {
    const long = 'x'.repeat(120);
    const text = [`const a = '${long}';`, `// ${long}`, '/**', ` * ${long}`, ' */', `let b; // ${'y'.repeat(111)}`, ''];
    expect(await problems({ 'a.ts': text.join('\n'), 'b.md': `${long}${long}\n` })).toEqual([
      'a.ts:2 a comment of 123 columns',
      'a.ts:4 a comment of 123 columns',
      'a.ts:6 a comment of 121 columns',
    ]);
  });

  it('wants a full stop at the end of the messages of errors, as far as it can see', async () => {
    const source = `
      throw queueErrors.full('It is full');
      throw queueErrors.full(\`It is full: \${count} wait\`, { cause });
      throw queueErrors.full(late ? 'It is late' : 'It is full.');
      throw queueErrors.full(\`It holds \${count}\`);
      throw queueErrors.full(\`It holds \${few ? 'a few.' : 'many.'}\`);
      throw queueErrors.full('It is full; ' + \`there are \${count}.\`);
      throw queueErrors.full(\`It failed: \${cause.message}\`);
      throw queueErrors.full(message);
      throw new Error('of somebody else');
      `;
    expect(await problems({ 'packages/queue/src/a.ts': source, 'packages/queue/tests/a.ts': source })).toEqual([
      'packages/queue/src/a.ts:2 a message without a full stop at its end: "...It is full"',
      'packages/queue/src/a.ts:3 a message without a full stop at its end: "...${} wait"',
      'packages/queue/src/a.ts:4 a message without a full stop at its end: "...It is late"',
      'packages/queue/src/a.ts:5 a message without a full stop at its end: "...${}"',
    ]);
  });
});

describe('check-reference', () => {
  it('finds public names without a doc comment, wherever they are declared', () => {
    const root = makeTree({
      'packages/cache/package.json': manifestOf('cache', { '.': 'index', './more': 'more' }),
      'packages/cache/src/index.ts': `export { a, b as c, d } from './a.ts';\nexport type { E } from './a.ts';\n`,
      'packages/cache/src/more.ts': `import { f } from './a.ts';\nexport * from './b.ts';\nexport { f };\n`,
      'packages/cache/src/a.ts': [
        '/** Documented. */',
        '// With a remark on the line below.',
        'export const a = 1;',
        '/** Of the first overload. */',
        'export function b(): void;',
        'export function b(one?: number): void {}',
        '/** Of something else. */',
        'const other = 1;',
        'export class d {}',
        'export interface E {}',
        'export function f(): number { return other; }',
      ].join('\n'),
      'packages/cache/src/b.ts': `export type G = string;\nexport { H } from 'elsewhere';\n`,
    });
    expect(checkReference(root).map(({ file, line, problem }) => `${file}:${line} ${problem}`)).toEqual([
      'packages/cache/src/a.ts:9 "d", which @ent/cache exports, has no doc comment',
      'packages/cache/src/a.ts:10 "E", which @ent/cache exports, has no doc comment',
      'packages/cache/src/a.ts:11 "f", which @ent/cache/more exports, has no doc comment',
      'packages/cache/src/b.ts:1 "G", which @ent/cache/more exports, has no doc comment',
    ]);
  });
});

describe('the site', () => {
  it('maps links between files to links between pages, draws pictures, and leaves code alone', () => {
    const root = makeTree({
      'package.json': rootManifest,
      'README.md':
        'See [the quickstart](docs/QUICKSTART.md#run) and [the script](scripts/a.ts), [`a.ts`](scripts/a.ts).\n',
      'docs/QUICKSTART.md':
        '# Quickstart\n\n[home](../README.md), `[no](../README.md)`, [x](https://a.example), [here](#run)\n',
      'docs/guides/testing.md': '# Testing\n\n```mermaid\na --> b\n```\n',
    });
    const pages = join(root, 'pages');
    writePages(root, pages, (source) => `<svg>\n<style>\nsvg { x: y }\n</style>\n\n<g>${source.trim()}</g>\n</svg>`);
    const page = (path: string) => readFileSync(join(pages, path), 'utf8');
    expect(page('index.md')).toBe(
      'See [the quickstart](/quickstart#run) and the script (`scripts/a.ts`), `scripts/a.ts`.\n',
    );
    expect(page('quickstart.md')).toContain('[home](/), `[no](../README.md)`, [x](https://a.example), [here](#run)');
    expect(page('guides/testing.md')).toContain('.picture svg { x: y }');
    expect(page('guides/testing.md')).toContain('<div class="picture">\n<svg>\n<g>a --> b</g>\n</svg>\n</div>');
    expect(sidebarOf(root).find(({ text }) => text === 'Guides')?.items).toEqual([
      { text: 'Testing', link: '/guides/testing' },
    ]);
  });

  it('puts the pages of a package under it, in the order of its README, and hosts together', () => {
    const root = makeTree({
      'package.json': rootManifest,
      'packages/cache/package.json': manifestOf('cache', { '.': 'index' }),
      'packages/cache/README.md': '# @ent/cache\n\n[Redis](../../docs/cache/redis.md), [b](../../docs/cache/keys.md)\n',
      'docs/cache/keys.md': '# Keys\n',
      'docs/cache/redis.md': '# Redis\n',
      'docs/guides/with-koa.md': '# With Koa\n',
    });
    const itemsOf = (section: string) => sidebarOf(root).find(({ text }) => text === section)?.items;
    expect(itemsOf('Packages')).toEqual([
      {
        text: '@ent/cache',
        link: '/packages/cache',
        collapsed: true,
        items: [
          { text: 'Redis', link: '/cache/redis' },
          { text: 'Keys', link: '/cache/keys' },
        ],
      },
    ]);
    expect(itemsOf('Guides')).toEqual([
      { text: 'With', collapsed: true, items: [{ text: 'Koa', link: '/guides/with-koa' }] },
    ]);
  });

  it('finds links and anchors that lead nowhere, and what would be fetched from elsewhere', () => {
    const root = makeTree({
      'index.html': '<h2 id="a"></h2><a href="/docs/b.html#c"></a><a href="#z"></a><a href="https://x.example/">x</a>',
      'b.html':
        '<h2 id="c"></h2><a href="./d.html"></a><script src="https://x.example/y.js"></script><a href="/docs/"></a>',
      'a.css': '@import "https://x.example/f.css";',
    });
    expect(findDeadEnds(root, '/docs/').toSorted()).toEqual([
      '/a.css fetches @import "https://x.example/f.css',
      '/b.html fetches https://x.example/y.js',
      '/b.html links to ./d.html, which is not there',
      '/index.html links to #z: no such heading',
    ]);
  });
});

describe('check-strings', () => {
  it('finds folders of a machine, registries and credentials, with their lines', async () => {
    const root = makeTree({
      'a.md': 'See https://example.com/home/user/ and ~/.npmrc, or ./home/x/.\n',
      'b.md': '\nLook into /home/ada/project/x.\n',
      '.npmrc': 'registry=https://registry.example/\n//registry.example/:_authToken=abc\n',
      'pnpm-lock.yaml': 'resolution: {tarball: https://registry.example/a.tgz}\n',
    });
    addFiles(root, { 'c.ts': `const path = '${root}/x';\n` });
    commitAll(root);
    const found = (await checkStrings(root)).map(({ file, line, problem }) => `${file}:${line} ${problem}`);
    expect(found.sort()).toEqual(
      [
        '.npmrc:1 sets a registry: registry=https:',
        '.npmrc:2 has the credentials of a registry: //registry.example/:_authToken=',
        'b.md:2 names a folder of somebody’s machine: /home/ada/',
        `c.ts:1 names the folder of this copy: ${root}`,
        'pnpm-lock.yaml:1 has the address of one registry in a lockfile: tarball: https:',
      ].sort(),
    );
  });
});
