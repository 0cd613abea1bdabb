import type { Method } from '../route.ts';
import { type Match, MAX_PARAM_LENGTH, type Table } from './route-table.ts';

/** What may come next, after the segments so far. */
class Node<Item> {
  readonly literals = new Map<string, Node<Item>>();
  parameter: Node<Item> | undefined;
  end: { readonly store: Item; readonly names: readonly string[] } | undefined;
}

interface Segment {
  /** What literal text is compared with: an encoded slash is none, and what is encoded twice stays so. */
  readonly literal: string;
  /** What a parameter stands for. */
  readonly value: string;
}

/**
 * A table of routes that makes no code, for where none must be made of text. It finds what find-my-way finds: literal
 * text before a parameter, and a parameter where the text led nowhere.
 */
export class SegmentTable<Item> implements Table<Item> {
  readonly #roots = new Map<string, Node<Item>>();

  on(method: Method, path: string, store: Item): void {
    let node = this.#roots.get(method) ?? new Node<Item>();
    this.#roots.set(method, node);
    const names: string[] = [];
    for (const segment of segmentsOf(path)) {
      if (segment.startsWith(':')) {
        names.push(segment.slice(1));
        node = node.parameter ??= new Node<Item>();
      } else {
        const next: Node<Item> = node.literals.get(segment) ?? new Node<Item>();
        node.literals.set(segment, next);
        node = next;
      }
    }
    node.end = { store, names };
  }

  find(method: string, path: string): Match<Item> | 'malformed' | undefined {
    const root = this.#roots.get(method);
    if (root === undefined) return undefined;
    const segments: Segment[] = [];
    try {
      for (const raw of segmentsOf(path)) segments.push(decoded(raw));
    } catch {
      return 'malformed';
    }
    return walk(root, segments, []);
  }
}

/** `values` are those of the parameters so far; each segment is passed at most once for each route. */
function walk<Item>(
  node: Node<Item>,
  path: readonly Segment[],
  values: readonly string[],
  at = 0,
): Match<Item> | undefined {
  const segment = path[at];
  if (segment === undefined) return node.end && { store: node.end.store, params: paramsOf(node.end.names, values) };
  const { literal, value } = segment;
  const next = node.literals.get(literal);
  const found = next && walk(next, path, values, at + 1);
  if (found !== undefined || node.parameter === undefined || value.length > MAX_PARAM_LENGTH) return found;
  return walk(node.parameter, path, [...values, value], at + 1);
}

/** Without the query, and without the last slash: `/a/` is `/a`. */
function segmentsOf(path: string): string[] {
  const [before = ''] = path.split(/[?#]/, 1);
  return before
    .replace(/(.)\/$/, '$1')
    .slice(1)
    .split('/');
}

function decoded(raw: string): Segment {
  if (!raw.includes('%')) return { literal: raw, value: raw };
  return { literal: decodeURI(raw.replaceAll('%25', '%2525')), value: decodeURIComponent(raw) };
}

function paramsOf(names: readonly string[], values: readonly string[]): Record<string, string> {
  const params = Object.create(null) as Record<string, string>;
  names.forEach((name, at) => (params[name] = values[at] as string));
  return params;
}
