import { createTrie, MAX_LENGTH, parsePattern, parsePermission } from './patterns.ts';
import { remembering } from './remembering.ts';

const lookups = new WeakMap<readonly string[], (permission: string) => boolean>();

/**
 * Whether scopes cover a permission. They are patterns too. One of another kind (`openid`, a URL) is passed over: it
 * grants nothing here.
 */
export function inScope(scopes: readonly string[], permission: string): boolean {
  let lookup = lookups.get(scopes);
  if (lookup === undefined) {
    lookup = lookupIn(scopes);
    if (Object.isFrozen(scopes)) lookups.set(scopes, lookup);
  }
  return lookup(permission);
}

function lookupIn(scopes: readonly string[]): (permission: string) => boolean {
  const trie = createTrie<true>();
  for (const scope of scopes) {
    const pattern = parsePattern(scope);
    if (pattern) trie.add(pattern, true);
  }
  const covered = remembering((permission) => {
    const segments = parsePermission(permission);
    return segments !== undefined && trie.find(segments).length > 0;
  });
  // What is no permission is not kept, however long it is.
  return (permission) => typeof permission === 'string' && permission.length <= MAX_LENGTH && covered(permission);
}
