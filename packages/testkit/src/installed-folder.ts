import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where `scripts/install-services.sh` puts what no package of the system has, for all clones of a user. */
export function installedFolder(...names: readonly string[]): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'ent', ...names);
}
