import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { Origin, SetValue } from './collected.ts';
import type { Faults } from './faults.ts';
import type { Leaf, Plan } from './schema.ts';
import { NotUtf8, utf8Of } from './utf8.ts';

const MAX_FILE = 1024 * 1024;

/** Reads a folder with a file for each variable. */
export function readSecrets(folder: string, plan: Plan, faults: Faults, set: SetValue): void {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') {
      faults.add({ variable: folder, source: 'secrets folder', expected: `cannot be read (${codeOf(error)})` });
    }
    return;
  }
  for (const name of names) {
    // Docker's habit is lower case. Other files are somebody else's.
    const known = plan.names.get(name) ?? plan.names.get(name.toUpperCase());
    if (known === undefined || known.isFile) continue;
    const { leaf } = known;
    const path = join(folder, name);
    try {
      const value = readValue(path);
      if (value !== '') set(leaf, value, () => `secrets folder, ${path}`);
    } catch (error) {
      faults.add({
        variable: leaf.name,
        source: `secrets folder, ${path}`,
        expected: reasonOf(error),
        path: leaf.path,
      });
    }
  }
}

/** Reads the file that `<VARIABLE>_FILE` names. */
export function readNamedFile(leaf: Leaf, path: string, origin: Origin, faults: Faults, set: SetValue): void {
  const variable = leaf.fileName as string;
  try {
    const value = readValue(path);
    if (value !== '') set(leaf, value, () => `the file that ${variable} names, ${origin(variable)}`);
  } catch (error) {
    // Not the path: people put the secret itself into this variable.
    const expected = `names a file that ${reasonOf(error)}`;
    faults.add({ variable, source: origin(variable), expected, path: leaf.path });
  }
}

/**
 * The text of a file, without the line end that editors add. Reads at most 1
 * MiB, whatever the file is: a device has no end.
 */
function readValue(path: string): string {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(MAX_FILE + 1);
    let length = 0;
    for (;;) {
      const count = readSync(file, buffer, length, buffer.length - length, null);
      length += count;
      if (count === 0) break;
      if (length > MAX_FILE) throw new RangeError('too large');
    }
    return utf8Of(buffer.subarray(0, length)).replace(/\r?\n$/, '');
  } finally {
    closeSync(file);
  }
}

/** Why the file system refused. */
export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}

function reasonOf(error: unknown): string {
  if (error instanceof NotUtf8) return error.message;
  return error instanceof RangeError ? 'is larger than 1 MiB' : `cannot be read (${codeOf(error)})`;
}
