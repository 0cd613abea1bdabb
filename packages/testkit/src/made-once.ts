// What a program makes that is the same each time, as the data of a new database: made once for all clones of a user,
// and copied from then on, which takes a fifth of the processor.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { installedFolder } from './installed-folder.ts';
import type { Command } from './recipe.ts';
import { uniqueName } from './unique-name.ts';

/**
 * Fills a folder by a program, or by a copy of what that made before. The folder must not be there.
 *
 * @param make runs the program
 */
export async function madeOnce(folder: string, command: Command, make: () => Promise<void>): Promise<void> {
  const kept = installedFolder('made', keyOf(folder, command));
  if (isReadable(kept)) return copy(kept, folder);
  await make();
  try {
    mkdirSync(dirname(kept), { recursive: true });
  } catch {
    return; // There is no place to keep it.
  }
  // Whole or not there, also when several make it at once.
  const copying = `${kept}-${uniqueName('new')}`;
  try {
    await copy(folder, copying);
    renameSync(copying, kept);
  } catch {
    // Another was first, or there is no room: the next one makes it again.
    rmSync(copying, { recursive: true, force: true });
  }
}

/** Of another version, or with other arguments, it makes something else. */
function keyOf(folder: string, { file, args, env }: Command): string {
  const { size, mtimeMs } = statSync(file);
  const made = JSON.stringify([file, size, mtimeMs, args, env]).replaceAll(JSON.stringify(folder).slice(1, -1), '');
  return createHash('sha256').update(made).digest('hex').slice(0, 16);
}

/** What root has kept is of a server's user: another one makes it again. */
function isReadable(folder: string): boolean {
  try {
    accessSync(folder, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** With its owners, whom root alone can give away: the servers of root run as users of their own. */
async function copy(from: string, to: string): Promise<void> {
  await promisify(execFile)('cp', ['-Rp', from, to]);
}
