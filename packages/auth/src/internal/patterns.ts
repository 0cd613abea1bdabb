/**
 * Permission patterns: segments joined by `:`. `*` stands for exactly one segment; `**`, as the last segment only, for
 * one or more. No regular expressions: a pattern means what it looks like, and costs one step a segment.
 */

/** Characters of a permission or a pattern. */
export const MAX_LENGTH = 256;
const SEGMENT = /^[\w.-]+$/;

/** The segments of a permission without wildcards, or undefined when it is not one. */
export function parsePermission(text: string): string[] | undefined {
  const segments = typeof text === 'string' && text.length <= MAX_LENGTH ? text.split(':') : [''];
  return segments.every((segment) => SEGMENT.test(segment)) ? segments : undefined;
}

/** The segments of a pattern, or undefined when it is not one. */
export function parsePattern(text: string): string[] | undefined {
  const segments = typeof text === 'string' && text.length <= MAX_LENGTH ? text.split(':') : [''];
  const last = segments.length - 1;
  const good = segments.every(
    (segment, at) => segment === '*' || (segment === '**' && at === last) || SEGMENT.test(segment),
  );
  return good ? segments : undefined;
}

/** A trie of patterns, each with what it stands for. */
export interface Trie<T> {
  /** What is found for a permission, in the order of specificity: exact segments before wildcards. */
  find(permission: readonly string[]): T[];
  add(pattern: readonly string[], value: T): void;
}

interface Node<T> {
  children: Map<string, Node<T>>;
  /** The patterns that end here. */
  here: T[];
  /** The patterns that go on with `**`. */
  rest: T[];
}

export function createTrie<T>(): Trie<T> {
  const root = newNode<T>();
  return {
    add(pattern, value) {
      let node = root;
      for (const segment of pattern) {
        if (segment === '**') {
          node.rest.push(value);
          return;
        }
        const next = node.children.get(segment) ?? newNode<T>();
        node.children.set(segment, next);
        node = next;
      }
      node.here.push(value);
    },
    find(permission) {
      const found: T[] = [];
      const walk = (node: Node<T>, at: number): void => {
        if (at === permission.length) {
          found.push(...node.here);
          return;
        }
        const exact = node.children.get(permission[at] as string);
        const any = node.children.get('*');
        if (exact) walk(exact, at + 1);
        if (any) walk(any, at + 1);
        found.push(...node.rest);
      };
      walk(root, 0);
      return found;
    },
  };
}

function newNode<T>(): Node<T> {
  return { children: new Map(), here: [], rest: [] };
}
