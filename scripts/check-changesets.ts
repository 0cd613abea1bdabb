// What changed in a published package since its last release is told to its users: by a changeset.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readChangesets } from '@changesets/read';
import { type Finding, main } from './lib/findings.ts';
import { run } from './lib/run.ts';
import { publicPackages } from './lib/workspace.ts';

export async function checkChangesets(root: string): Promise<Finding[]> {
  const packages = publicPackages(root);
  const changesets = await readChangesets(root);
  const findings: Finding[] = [];
  for (const { id, releases, summary } of changesets) {
    const file = `.changeset/${id}.md`;
    for (const { name } of releases.filter(
      (release) => !packages.some(({ manifest }) => manifest.name === release.name),
    )) {
      findings.push({ file, problem: `names ${name}, which is not a published package`, fix: 'mend the name' });
    }
    if (releases.length > 0 && summary.trim() === '') {
      findings.push({ file, problem: 'says nothing', fix: 'write for the user what changes for them' });
    }
  }
  // An empty changeset says that the changes concern no user.
  if (changesets.some(({ releases }) => releases.length === 0)) return findings;
  const named = new Set(changesets.flatMap(({ releases }) => releases.map(({ name }) => name)));
  for (const { name, manifest } of packages.filter((pkg) => !named.has(pkg.manifest.name))) {
    if (!(await changedSinceRelease(root, `packages/${name}`))) continue;
    findings.push({
      file: `packages/${name}`,
      problem: `${manifest.name} changed since its last release, and no changeset names it`,
      fix: 'npm run changeset; or, where no user notices the change, npm run changeset -- --empty',
    });
  }
  return findings;
}

/** A release is the commit that wrote CHANGELOG.md: `changeset version` does. Before the first one, all is change. */
async function changedSinceRelease(root: string, folder: string): Promise<boolean> {
  if (!existsSync(join(root, folder, 'CHANGELOG.md'))) return true;
  const release = await git(root, ['log', '-1', '--format=%H', '--', `${folder}/CHANGELOG.md`]);
  // Not committed yet: this is the release.
  if (release === '') return false;
  return (await git(root, ['diff', '--name-only', release, '--', `${folder}/src`])) !== '';
}

async function git(root: string, args: readonly string[]): Promise<string> {
  const { code, output } = await run('git', args, { cwd: root });
  if (code !== 0) throw new Error(`git ${args.join(' ')} failed:\n${output}`);
  return output.trim();
}

if (import.meta.main) await main(checkChangesets);
