import createRouter, { type HTTPMethod } from 'find-my-way';
import { httpErrors } from '../errors.ts';
import type { Method, Route } from '../route.ts';
import { type Match, MAX_PARAM_LENGTH, type Table } from './route-table.ts';
import { SegmentTable } from './segment-table.ts';

/** The route table. */
export interface Router<Item> {
  /** `undefined` when nothing matches. @throws `http.malformed_path` when the path's percent-encoding is broken */
  find(method: string, path: string): Match<Item> | undefined;
  /** The methods that the path answers, for `Allow`; empty when it answers none. */
  allowed(path: string): string[];
}

const PARAM = /^:[A-Za-z_][A-Za-z0-9_]*$/;
const LITERAL = /^[A-Za-z0-9._~!$&'()+,;=@-]*$/;

/**
 * Puts routes into a table. Paths are matched after percent-decoding, so `/%61dmin` is `/admin` and meets its guards.
 *
 * @throws `http.invalid_route` for a pattern that could mean two things, `http.duplicate_route`
 */
export function buildRouter<Item extends { readonly route: Route }>(items: readonly Item[]): Router<Item> {
  const table = mayMakeCode() ? fastTable<Item>() : new SegmentTable<Item>();
  const methods = new Set<Method>();
  const taken = new Map<string, string>();
  for (const item of items) {
    const { method, path } = item.route;
    checkPath(method, path);
    const shape = `${method} ${path.replace(/:[^/]+/g, ':').replace(/(.)\/$/, '$1')}`;
    const other = taken.get(shape);
    if (other !== undefined) {
      throw httpErrors.duplicate_route(`${method} ${path} answers the same requests as ${other}.`);
    }
    taken.set(shape, `${method} ${path}`);
    methods.add(method);
    table.on(method, path, item);
  }
  const router: Router<Item> = {
    find(method, path) {
      // "OPTIONS *" is about no path.
      if (!path.startsWith('/')) return undefined;
      const found = table.find(method, path) ?? (method === 'HEAD' ? table.find('GET', path) : undefined);
      if (found === 'malformed') throw httpErrors.malformed_path('The percent-encoding of the path is broken.');
      return found;
    },
    allowed(path) {
      const answered: string[] = [...methods].filter((method) => router.find(method, path) !== undefined);
      if (answered.length === 0) return [];
      if (answered.includes('GET')) answered.push('HEAD');
      return [...answered, 'OPTIONS'];
    },
  };
  return router;
}

/** find-my-way, which makes code of the routes. */
export function fastTable<Item>(): Table<Item> {
  const bad = Symbol('bad url');
  const table = createRouter({
    ignoreTrailingSlash: true,
    caseSensitive: true,
    maxParamLength: MAX_PARAM_LENGTH,
    // What this gives reaches us as the handler of the match.
    onBadUrl: () => bad,
  });
  return {
    on: (method, path, item) => table.on(method, path, noop, item),
    find(method, path) {
      const found = table.find(method as HTTPMethod, path);
      if (found === null) return undefined;
      return found.handler === noop ? (found as Match<Item>) : 'malformed';
    },
  };
}

/** Not so with `--disallow-code-generation-from-strings`, and on hosts that allow it to nobody. */
function mayMakeCode(): boolean {
  try {
    // oxlint-disable-next-line typescript/no-implied-eval -- whether that may be is the question
    void new Function();
    return true;
  } catch {
    return false;
  }
}

function noop(): void {}

/** Names of a pattern's parameters. */
export function paramNames(path: string): string[] {
  return path.split('/').flatMap((segment) => (segment.startsWith(':') ? [segment.slice(1)] : []));
}

// find-my-way knows wildcards, regular expressions and optional parts. Here a pattern must mean
// exactly what the OpenAPI document says of it.
function checkPath(method: string, path: string): void {
  const segments = path.split('/').slice(1);
  const wrong = !path.startsWith('/') || segments.some((segment) => !PARAM.test(segment) && !LITERAL.test(segment));
  const empty = segments.slice(0, -1).includes('');
  if (wrong || empty) {
    throw httpErrors.invalid_route(
      `${method} ${path}: a path starts with "/" and its segments are plain text or a parameter such as ":id".`,
    );
  }
  const names = paramNames(path);
  if (new Set(names).size !== names.length) {
    throw httpErrors.invalid_route(`${method} ${path}: a parameter is named twice.`);
  }
}
