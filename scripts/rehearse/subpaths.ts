import { join } from 'node:path';
import { compile, type Entry, entriesOf, load } from '../lib/entries.ts';
import { mapLimited } from '../lib/run.ts';
import type { Package } from '../lib/workspace.ts';
import { type Installer, installPublished } from './install.ts';
import type { Registry } from './registry.ts';
import type { Report } from './report.ts';
import type { Runtime } from './runtimes.ts';

/** Subpaths of one package that need the same optional peers. */
interface Group {
  readonly pkg: Package;
  readonly peers: readonly string[];
  readonly entries: readonly Entry[];
}

export interface Means {
  /** Where the projects are made. */
  readonly dir: string;
  readonly registry: Registry;
  readonly report: Report;
  readonly runtimes: readonly Runtime[];
  /** The folders of TypeScript, by what they are called. */
  readonly compilers: Readonly<Record<string, { folder: string; settings: object }>>;
  readonly installers: Readonly<Record<Installer, string>>;
  /** Beside the packages: the declarations of Node. */
  readonly more: Readonly<Record<string, string>>;
}

/**
 * Installs every subpath with only its own peers into an empty project, by each installer; loads it by `import` and
 * `require()` in each runtime, and compiles a program of it with each TypeScript.
 */
export async function rehearseSubpaths(packages: readonly Package[], means: Means): Promise<void> {
  const groups = packages.flatMap(groupsOf);
  const work = (Object.keys(means.installers) as Installer[]).flatMap((by) => groups.map((group) => ({ by, group })));
  let done = 0;
  await mapLimited(work, 2, async ({ by, group }) => {
    await rehearse(group, by, means);
    if (++done % 10 === 0) means.report.say(`${done} of ${work.length} projects`);
  });
}

async function rehearse({ pkg, peers, entries }: Group, by: Installer, means: Means): Promise<void> {
  const { report, registry, more } = means;
  const what = `${entries.map(({ specifier }) => specifier).join(', ')} with ${peers.join(', ') || 'no optional peer'}`;
  const project = {
    dir: join(means.dir, by, pkg.name, peers.join('+').replaceAll('/', '-') || 'none'),
    withPeers: true,
  };
  const installed = await report.attempt(`${by} install`, what, async () => {
    await installPublished(project.dir, [pkg], { peers, more }, { registry, program: means.installers[by], by });
    return [];
  });
  if (!installed) return;
  const [own] = means.runtimes;
  for (const { name, command, lacks } of by === 'npm' ? means.runtimes : [own!]) {
    const there = entries.filter(({ specifier }) => lacks[specifier] === undefined);
    const row = by === 'npm' ? `${name}: import and require` : `installed by ${by}: import and require`;
    if (there.length > 0) await report.attempt(row, what, () => load(project, there, command));
  }
  if (by !== 'npm') return;
  for (const [name, { folder, settings }] of Object.entries(means.compilers)) {
    await report.attempt(name, what, () => compile(project, entries, folder, settings));
  }
}

function groupsOf(pkg: Package): Group[] {
  const groups = new Map<string, Group>();
  for (const entry of entriesOf(pkg)) {
    const peers = [...new Set([...entry.peers, ...entry.typePeers])].sort();
    const key = peers.join(' ');
    groups.set(key, { pkg, peers, entries: [...(groups.get(key)?.entries ?? []), entry] });
  }
  return [...groups.values()];
}
