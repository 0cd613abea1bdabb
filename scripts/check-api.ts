// What users could write with the last release compiles with the next: api.snapshot.txt has the public declarations of
// a package as they were released, and a line of them that is gone or another one needs a changeset that says so:
// `major`, or `minor` before 1.0. A release writes the snapshots, with `--update`; between releases nobody has to.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { readChangesets } from '@changesets/read';
import { publicDeclarations } from './lib/declarations.ts';
import { type Finding, main } from './lib/findings.ts';
import { type Package, publicPackages } from './lib/workspace.ts';

export async function checkApi(root: string, { update }: { update: boolean }): Promise<Finding[]> {
  const packages = publicPackages(root);
  if (update) {
    for (const pkg of packages) writeFileSync(snapshotOf(pkg), write(publicDeclarations(pkg)));
    return [];
  }
  const allowed = await breaking(root, packages);
  return packages
    .filter((pkg) => existsSync(snapshotOf(pkg)) && !allowed.has(pkg.manifest.name))
    .flatMap((pkg) => {
      const now = publicDeclarations(pkg);
      const released = read(readFileSync(snapshotOf(pkg), 'utf8'));
      return [...released].flatMap(([name, lines]) => {
        const lost = lostOf(lines, now.get(name) ?? []);
        const file = relative(root, snapshotOf(pkg));
        const fix = 'keep it, perhaps as deprecated; or say in a changeset what breaks, as major (before 1.0: minor)';
        if (!now.has(name)) return [{ file, problem: `${pkg.manifest.name} lost ${name}`, fix }];
        return lost.map((line) => ({ file, problem: `${pkg.manifest.name}: ${name} lost "${line}"`, fix }));
      });
    });
}

function snapshotOf(pkg: Package): string {
  return join(pkg.dir, 'api.snapshot.txt');
}

/** The packages of which a changeset says that their next version may break. */
async function breaking(root: string, packages: readonly Package[]): Promise<Set<string>> {
  const early = new Set(packages.flatMap(({ manifest }) => (manifest.version.startsWith('0.') ? manifest.name : [])));
  const releases = (await readChangesets(root)).flatMap((changeset) => changeset.releases);
  return new Set(
    releases.flatMap(({ name, type }) => (type === 'major' || (type === 'minor' && early.has(name)) ? name : [])),
  );
}

/** A block for each name: `# Name`, and its lines. */
function write(declarations: ReadonlyMap<string, readonly string[]>): string {
  return [...declarations].map(([name, texts]) => `# ${name}\n${texts.join('\n')}\n`).join('\n');
}

function read(snapshot: string): Map<string, string[]> {
  const blocks = snapshot.split(/^# /m).slice(1);
  return new Map(
    blocks.map((block) => {
      const [name = '', ...lines] = block.split('\n');
      return [name, lines.filter((line) => line !== '')];
    }),
  );
}

/** The lines that are not there any more, counted: two overloads may have the same. */
function lostOf(lines: readonly string[], texts: readonly string[]): string[] {
  const left = texts.flatMap((text) => text.split('\n'));
  return lines.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

if (import.meta.main) await main(checkApi);
