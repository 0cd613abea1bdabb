import { randomBytes } from 'node:crypto';

/**
 * A name that no other test, process or run has: `uniqueName('users')` gives something like `users_mifq2k1v_3f9c2a7d`.
 *
 * It keeps to lower-case letters, digits and `_` after the prefix, so it can
 * name a key, queue, table or database everywhere.
 */
export function uniqueName(prefix: string): string {
  return `${prefix}_${Date.now().toString(36)}_${randomBytes(4).toString('hex')}`;
}
