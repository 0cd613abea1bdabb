// The checks that other people's tools do, with this repository's settings: they must see what they are there for.
import { execFile } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { checkPacked } from '../check-packed.ts';
import { linkTools, makeTree, manifestOf, pathWithPnpm, repository, rootManifest } from './support/tree.ts';

/** Runs a tool of this repository in a fixture. */
async function tool(root: string, bin: string, ...args: string[]): Promise<{ code: number; output: string }> {
  const script = join(repository, 'node_modules', bin);
  const env = { ...process.env, NO_COLOR: '1' };
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [script, ...args], { cwd: root, env });
    return { code: 0, output: stdout };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, output: stdout + stderr };
  }
}

describe('oxlint', () => {
  async function lint(files: Record<string, string>): Promise<string> {
    const root = makeTree({ 'package.json': rootManifest, ...files });
    linkTools(root);
    for (const file of ['.oxlintrc.json', 'tsconfig.json']) copyFileSync(join(repository, file), join(root, file));
    return (await tool(root, 'oxlint/bin/oxlint', '--type-aware', '--format=unix', 'packages')).output;
  }

  it('refuses a floating promise, in sources and in tests', async () => {
    const code = 'export async function save(): Promise<void> {}\nexport function stop(): void {\n  save();\n}\n';
    const output = await lint({ 'packages/cache/src/a.ts': code, 'packages/cache/tests/a.test.ts': code });
    expect(output).toMatch(/src\/a\.ts:3:3: .*no-floating-promises/);
    expect(output).toMatch(/tests\/a\.test\.ts:3:3: .*no-floating-promises/);
  });

  it('refuses any, prints, and a focused test', async () => {
    const output = await lint({
      'packages/cache/src/a.ts': 'export const a = (b: any): void => console.log(b);\n',
      'packages/cache/tests/a.test.ts':
        "import { expect, it } from 'vitest';\nit.only('is', () => expect(1).toBe(1));\n",
    });
    for (const rule of ['no-explicit-any', 'no-console', 'no-focused-tests']) expect(output).toContain(rule);
  });
});

describe('knip', () => {
  const files = {
    'package.json': { ...rootManifest, workspaces: ['packages/*'] },
    'packages/cache/package.json': manifestOf('cache', { '.': 'index' }, { dependencies: { zod: '*' } }),
    'packages/cache/src/index.ts': "export { used } from './a.ts';\n",
    'packages/cache/src/a.ts': 'export const used = 1;\n',
  };

  async function knip(more: Record<string, string>): Promise<string> {
    const root = makeTree({ ...files, ...more });
    copyFileSync(join(repository, 'knip.jsonc'), join(root, 'knip.jsonc'));
    return (await tool(root, 'knip/bin/knip.js', '--no-config-hints', '--no-progress')).output;
  }

  it('finds dead code: a file, an export; and a dependency that nothing uses', async () => {
    const output = await knip({
      'packages/cache/src/a.ts': 'export const used = 1;\nexport const forgotten = 2;\n',
      'packages/cache/src/dead.ts': 'export const dead = 1;\n',
    });
    expect(output).toMatch(/Unused files[^]*src\/dead\.ts/);
    expect(output).toMatch(/Unused exports[^]*forgotten/);
    expect(output).toMatch(/Unused dependencies[^]*zod/);
  });

  it('finds a dependency that is used and not declared', async () => {
    expect(await knip({ 'packages/cache/src/a.ts': "import 'redis';\nexport const used = 1;\n" })).toMatch(
      /Unlisted dependencies[^]*redis/,
    );
  });
});

describe('check-packed', () => {
  const built = {
    'package.json': rootManifest,
    'pnpm-workspace.yaml': 'packages: [packages/*]\n',
    'packages/cache/README.md': '# Cache\n',
    'packages/cache/LICENSE': 'MIT\n',
    'packages/cache/package.json': manifestOf(
      'cache',
      { '.': 'index', './redis': 'drivers/redis' },
      { peerDependencies: { redis: '*' }, peerDependenciesMeta: { redis: { optional: true } } },
    ),
    'packages/cache/src/index.ts': '',
    'packages/cache/src/drivers/redis.ts': '',
    'packages/cache/dist/index.js': 'export class Cache {}\n',
    'packages/cache/dist/index.d.ts': 'export declare class Cache {}\n',
    'packages/cache/dist/drivers/redis.js': "import { connect } from 'redis';\nexport const redis = connect;\n",
    'packages/cache/dist/drivers/redis.d.ts': 'export declare const redis: () => void;\n',
    'packages/cache/node_modules/redis/package.json': {
      name: 'redis',
      version: '1.0.0',
      type: 'module',
      exports: './index.js',
    },
    'packages/cache/node_modules/redis/index.js': 'export const connect = () => {};\n',
  };

  async function problems(files: Record<string, string>): Promise<string[]> {
    process.env['PATH'] = pathWithPnpm();
    const root = makeTree({ ...built, ...files });
    linkTools(root);
    return (await checkPacked(root)).map(({ file, problem }) => `${file}: ${problem}`);
  }

  it('accepts a package whose portable part works without the driver library', async () => {
    expect(await problems({})).toEqual([]);
  }, 600_000);

  it('sees a driver library in the portable part, types of a peer in its declarations, a package that is not declared', async () => {
    const found = await problems({
      'packages/cache/dist/index.js': "import 'left-pad';\nexport class Cache {}\n",
      'packages/cache/dist/index.d.ts':
        "import type { Client } from 'redis';\nexport declare class Cache { client: Client }\n",
    });
    expect(found).toContainEqual(
      expect.stringMatching(/@ent\/cache cannot be loaded without optional peers.*left-pad/),
    );
    expect(found).toContainEqual(expect.stringMatching(/types, without optional peers: .*Cannot find module 'redis'/));
  }, 600_000);
});
