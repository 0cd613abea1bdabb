/**
 * The keys of the memory driver, by namespace: those of one are found without a look at all others, and a walk over
 * them may pause while keys come and go.
 *
 * The core writes a key of a namespace as `app/users:42`, see `KeySpace`. A key's group is what stands before its first
 * colon, if that has a slash; in a key without a colon, what stands before its last slash; and the root for the rest.
 * So any prefix is answered rightly, whoever made the keys.
 */
export class KeyIndex {
  readonly #groups = new Map<string, Group>();
  readonly #root: Group = groupOf('', undefined);

  add(key: string): void {
    const group = this.#groupAt(pathOf(key));
    group.keys ??= new Set();
    group.keys.add(key);
  }

  delete(key: string): void {
    let group = this.#find(pathOf(key));
    group?.keys?.delete(key);
    // An empty group goes, and those above it that held nothing else.
    while (group?.above !== undefined && !group.keys?.size && !group.below?.size) {
      this.#groups.delete(group.path);
      group.above.below?.delete(group);
      group = group.above;
    }
  }

  /** The keys that may start with a prefix, to be looked at one by one: those of its groups, and no others. */
  *candidates(prefix: string): Iterable<string> {
    const group = this.#find(pathOf(prefix));
    if (group === undefined) return;
    yield* some(group.keys);
    if (!prefix.includes(':')) yield* below(group, prefix);
  }

  #find(path: string): Group | undefined {
    return path === '' ? this.#root : this.#groups.get(path);
  }

  #groupAt(path: string): Group {
    const found = this.#find(path);
    if (found !== undefined) return found;
    const above = this.#groupAt(path.slice(0, Math.max(0, path.lastIndexOf('/'))));
    const group = groupOf(path, above);
    this.#groups.set(path, group);
    above.below ??= new Set();
    above.below.add(group);
    return group;
  }
}

/** The keys of one path. */
interface Group {
  readonly path: string;
  keys: Set<string> | undefined;
  /** The groups whose path goes one segment further. */
  below: Set<Group> | undefined;
  readonly above: Group | undefined;
}

// Many groups have either keys or groups below them: an empty set takes 200 bytes.
function groupOf(path: string, above: Group | undefined): Group {
  return { path, keys: undefined, below: undefined, above };
}

// A key of nothing but slashes must not make a group for each.
const MAX_DEPTH = 8;

/** The path of the group of a key, or of the lowest group that has all keys with a prefix in it or below it. */
function pathOf(key: string): string {
  const colon = key.indexOf(':');
  const end = colon === -1 ? key.lastIndexOf('/') : colon;
  let last = key.indexOf('/');
  if (last === -1 || last > end) return '';
  for (let depth = 1; depth < MAX_DEPTH; depth++) {
    const next = key.indexOf('/', last + 1);
    if (next === -1 || next >= end) return key.slice(0, end);
    last = next;
  }
  return key.slice(0, last);
}

function* below(group: Group, prefix: string): Iterable<string> {
  for (const one of some(group.below)) {
    if (!one.path.startsWith(prefix)) continue;
    yield* some(one.keys);
    yield* below(one, prefix);
  }
}

/** What is in a set now, but for what goes meanwhile. What comes meanwhile is not waited for: there may be no end. */
function* some<T>(all: ReadonlySet<T> | undefined): Iterable<T> {
  if (all === undefined) return;
  let left = all.size;
  for (const one of all) {
    if (left-- === 0) return;
    yield one;
  }
}
