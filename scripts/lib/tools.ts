import { join } from 'node:path';
import { run } from './run.ts';

/** Programs of others that some checks run; see `scripts/tools/package.json`. */
const folder = join(import.meta.dirname, '..', 'tools');

/**
 * Installs them by their lockfile, which takes a second when they are there.
 *
 * @returns gives the file of one: `tool('webpack/lib/index.js')`
 */
export async function installTools(): Promise<(path: string) => string> {
  const flags = ['--frozen-lockfile', '--prefer-offline', '--reporter=append-only'];
  const { code, output } = await run('pnpm', ['install', ...flags], { cwd: folder });
  if (code !== 0) throw new Error(`the tools in scripts/tools cannot be installed:\n${output}`);
  return (path) => join(folder, 'node_modules', path);
}
