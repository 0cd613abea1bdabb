import { join } from 'node:path';
import { run } from './run.ts';

/**
 * Installs programs of others that some checks run, by their lockfile, which takes a second when they are there.
 *
 * @param group - the folder in `scripts/` with their package.json
 * @returns gives the file of one: `tool('webpack/lib/index.js')`
 */
export async function installTools(group = 'tools'): Promise<(path: string) => string> {
  const folder = join(import.meta.dirname, '..', group);
  const flags = ['--frozen-lockfile', '--prefer-offline', '--reporter=append-only'];
  const { code, output } = await run('pnpm', ['install', ...flags], { cwd: folder });
  if (code !== 0) throw new Error(`the tools in scripts/${group} cannot be installed:\n${output}`);
  return (path) => join(folder, 'node_modules', path);
}
