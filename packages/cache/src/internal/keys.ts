import { cacheErrors } from '../errors.ts';

/** A key as the backend has it. The caller's is a plain string, so the compiler tells the two apart. */
export type BackendKey = string & { readonly [BACKEND]: true };

declare const BACKEND: unique symbol;

/**
 * How keys become the backend's keys. Injective: two different (namespace path,
 * key) pairs never meet, whatever they contain.
 *
 * - With a prefix or namespace: `app/users:42`, that is the escaped path, a colon, and the key as it is.
 * - Without: the key as it is, unless it starts with `/`; then it is marked by `/:`. No path starts so.
 * - What the cache keeps for itself (tag versions): `app//tag:news`. An empty segment never occurs in a path.
 */
export class KeySpace {
  /** What all keys of this namespace, and only they, start with; `undefined` at a root without prefix. */
  readonly head: string | undefined;
  /** The namespaces from the root to this one. */
  readonly levels: readonly KeySpace[];
  readonly #path: string;

  private constructor(path: string, above: readonly KeySpace[]) {
    this.#path = path;
    this.head = path === '' ? undefined : `${path}:`;
    this.levels = [...above, this];
  }

  static root(prefix: string | undefined): KeySpace {
    return new KeySpace(prefix === undefined ? '' : escape(prefix, 'prefix'), []);
  }

  child(name: string): KeySpace {
    return new KeySpace(`${this.#path}/${escape(name, 'namespace')}`, this.levels);
  }

  /** The backend's key. */
  encode(key: string): BackendKey {
    if (typeof key !== 'string' || key === '' || !key.isWellFormed()) throw invalidKey(key);
    return this.lookup(key);
  }

  /** {@link encode} for a first look at what is stored. Under a key that is not allowed, nothing is. */
  lookup(key: string): BackendKey {
    if (typeof key !== 'string') throw invalidKey(key);
    if (this.head !== undefined) return (this.head + key) as BackendKey;
    return (key.charCodeAt(0) === SLASH ? `/:${key}` : key) as BackendKey;
  }

  /** The key as the application wrote it, or undefined for a key of somewhere else. */
  decode(physical: string): string | undefined {
    if (this.head !== undefined) return physical.startsWith(this.head) ? physical.slice(this.head.length) : undefined;
    if (physical.charCodeAt(0) !== SLASH) return physical;
    return physical.startsWith('/:/') ? physical.slice(2) : undefined;
  }

  /** Whether the key belongs to this namespace or one below it, what the cache keeps for itself left out. */
  holds(physical: string): boolean {
    if (this.head === undefined) return !physical.startsWith('//');
    return (
      physical.startsWith(this.head) || (physical.startsWith(this.below) && !physical.startsWith(`${this.below}/`))
    );
  }

  /** What the keys of the namespaces below this one start with. */
  get below(): string {
    return `${this.#path}/`;
  }

  /** A key that the cache keeps for itself. */
  reserved(kind: string, name: string): BackendKey {
    return `${this.#path}//${kind}:${name}` as BackendKey;
  }
}

/**
 * Several keys. A string is one too, by its characters, but never meant.
 *
 * @throws `cache.invalid_argument`
 */
export function several(keys: Iterable<string>): string[] {
  if (typeof keys !== 'string' && typeof keys?.[Symbol.iterator] === 'function') return [...keys];
  throw cacheErrors.invalid_argument(`keys must be an array or another iterable; got ${typeof keys}.`);
}

const SLASH = 47;

// Only what would end a segment, and the escape sign.
function escape(segment: string, what: string): string {
  if (typeof segment !== 'string' || segment === '' || !segment.isWellFormed()) {
    throw cacheErrors.invalid_options(`${what} must be a non-empty well-formed string.`);
  }
  return segment.replace(/[%/:]/g, (char) => `%${char.charCodeAt(0).toString(16)}`);
}

function invalidKey(key: unknown): Error {
  const problem =
    typeof key !== 'string'
      ? `got ${key === null ? 'null' : typeof key}`
      : key === ''
        ? 'got an empty string'
        : 'it has a lone surrogate';
  return cacheErrors.invalid_key(`A cache key must be a non-empty well-formed string; ${problem}.`);
}
