import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../lib/run.ts';

/** Something that runs programs. */
export interface Runtime {
  readonly name: string;
  /** The program, and what stands before the file that it runs. */
  readonly command: readonly [program: string, ...flags: string[]];
  /** What it cannot load, with the reason. */
  readonly lacks: Readonly<Record<string, string>>;
}

/** The oldest Node that `engines` allows, and the newest there is; the one in between runs this. */
const NODES = ['22.18.0', '26'];

/** Fetches the other versions of Node as npm's packages, and names Bun and Deno of scripts/tools. */
export async function runtimesOf(dir: string, tool: (path: string) => string): Promise<Runtime[]> {
  const own = { name: `Node ${process.versions.node}`, command: [process.execPath] as const, lacks: {} };
  const nodes: Runtime[] = [];
  for (const version of NODES) {
    const program = await fetchNode(join(dir, `node-${version}`), version);
    const { output } = await run(program, ['--version'], { cwd: dir });
    nodes.push({ name: `Node ${output.trim().slice(1)}`, command: [program], lacks: {} });
  }
  const versionOf = (name: string): string =>
    (JSON.parse(readFileSync(tool(`${name}/package.json`), 'utf8')) as { version: string }).version;
  return [
    own,
    ...nodes,
    { name: `Bun ${versionOf('bun')}`, command: [tool('.bin/bun')], lacks: {} },
    {
      name: `Deno ${versionOf('deno')}`,
      command: [tool('.bin/deno'), 'run', '-A', '--no-lock', '--node-modules-dir=manual'],
      lacks: {},
    },
  ];
}

/** As scripts/bootstrap.mjs fetches the one of the toolchain. */
async function fetchNode(dir: string, version: string): Promise<string> {
  const { platform, arch } = process;
  const name = `node-${platform === 'darwin' && arch === 'arm64' ? 'bin-' : ''}${platform}-${arch}`;
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ private: true }));
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const { code, output } = await run('npm', ['install', ...flags, `${name}@${version}`], { cwd: dir });
  if (code !== 0) throw new Error(`Node ${version} cannot be fetched:\n${output}`);
  return join(dir, 'node_modules', name, 'bin', 'node');
}
