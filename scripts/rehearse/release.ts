import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../lib/run.ts';
import { prepareManifests } from '../lib/release-manifests.ts';
import { type Package, publicPackages } from '../lib/workspace.ts';
import type { Registry } from './registry.ts';

/**
 * Releases what is committed, in a clone of its own, by the steps of .github/workflows/release.yml: versions and
 * changelogs, build, pack, publish.
 *
 * @returns the packages as they were published
 */
export async function release(
  root: string,
  clone: string,
  { registry, repository }: { registry: Registry; repository: string },
  say: (text: string) => void,
): Promise<Package[]> {
  const step = async (what: string, program: string, ...args: string[]): Promise<void> => {
    say(what);
    const cwd = what === 'clone' ? root : clone;
    const env = { ...process.env, CI: 'true', NO_COLOR: '1', npm_config_provenance: 'false' };
    const { code, output } = await run(program, args, { cwd, env, timeoutMs: 15 * 60_000 });
    if (code !== 0) throw new Error(`the release fails at "${what}":\n${output.trim().slice(-4000)}`);
  };
  const changeset = join('node_modules', '@changesets', 'cli', 'bin.js');
  await step('clone', 'git', 'clone', '--quiet', root, clone);
  await step('install', 'pnpm', 'install', '--frozen-lockfile', '--prefer-offline', '--reporter=append-only');
  await step('version', process.execPath, changeset, 'version');
  // The merged pull request; after it there is nothing to version, and what is there is released.
  await step('stage', 'git', 'add', '--all');
  await step('commit', 'git', ...AUTHOR, 'commit', '--quiet', '--allow-empty', '--message', 'Release');
  await step(
    'install what was versioned',
    'pnpm',
    'install',
    '--frozen-lockfile',
    '--prefer-offline',
    '--reporter=append-only',
  );
  await step('build', 'pnpm', '-r', '--workspace-concurrency=2', '--reporter=append-only', 'run', 'build');
  prepareManifests(clone, repository);
  writeFileSync(join(clone, '.npmrc'), registry.npmrc);
  await step('plan', process.execPath, changeset, 'publish-plan', '--output', 'plan.json');
  await step('pack', process.execPath, changeset, 'pack', '--from-publish-plan', 'plan.json', '--out-dir', 'packed');
  await step('publish', process.execPath, changeset, 'publish', '--from-pack-dir', 'packed');
  return publicPackages(clone);
}

const AUTHOR = ['-c', 'user.name=rehearsal', '-c', 'user.email=rehearsal@localhost'];
