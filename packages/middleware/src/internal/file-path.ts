import { realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';

/**
 * The names of a path, decoded one by one; `undefined` for a path that leads, or could lead, anywhere but down, or to
 * what begins with a dot.
 *
 * @param path without a slash at its beginning, encoded as in a URL
 */
export function decodedSegments(path: string): string[] | undefined {
  const segments: string[] = [];
  for (const encoded of path.split('/')) {
    let segment: string;
    try {
      segment = decodeURIComponent(encoded);
    } catch {
      return undefined;
    }
    // An encoded slash is none for a proxy, and one for the file system. A backslash is one for browsers and Windows.
    if (segment === '' || segment.startsWith('.') || /[/\\\0]/.test(segment)) return undefined;
    segments.push(segment);
  }
  return segments;
}

/** How the file system says that there is nothing of this name. */
const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'EINVAL']);

/** Whether an error of the file system says so. */
export function isAbsent(error: unknown): boolean {
  return ABSENT.has(String((error as { code?: unknown } | null)?.code));
}

/** Where a file really is; `undefined` where there is none, or it is outside of `root`, which is a real path. */
export async function locate(root: string, segments: readonly string[]): Promise<string | undefined> {
  try {
    const path = await realpath(join(root, ...segments));
    return path.startsWith(root.endsWith(sep) ? root : root + sep) ? path : undefined;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
