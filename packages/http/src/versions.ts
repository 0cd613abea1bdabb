import { demandOptions, refuseUnknown } from '@ent/internal';
import { httpErrors } from './errors.ts';
import { demandList } from './internal/demand.ts';
import type { RouteVersion, Versioning } from './internal/version.ts';
import { type Mounted, mount } from './mount.ts';
import type { Route } from './route.ts';

/** How {@link versions} tells which version a client wants. */
export interface VersionsOptions {
  /**
   * Name of the request header that says the version, such as `api-version`. Default: the first segment of the path.
   */
  readonly header?: string | undefined;
  /** The version of who sends no such header. Default: none, they get a 400. */
  readonly default?: string | undefined;
}

type Tables = Readonly<Record<string, readonly Route[]>>;

/** The routes of all versions, each under a prefix of its name. */
export type VersionsByPath<Given extends Readonly<Record<string, readonly Route[]>>> = readonly {
  [Name in keyof Given & string]: Mounted<`/${Name}`, Given[Name]>[number];
}[keyof Given & string][];

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const HEADER = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * Several versions of an API beside each other, by the path (`/v1/users`) or by a request header. A version that there
 * is not is refused by a problem that names those that there are.
 *
 * By the path, each is a table of its own. By a header, routes of the same method and path answer in turn for their
 * versions, and the document shows those of the default version, or else of the last.
 *
 * @param tables the routes of each version, by its name, the oldest first
 * @throws `http.invalid_options` for names or options that are wrong, `http.invalid_route`
 * @example
 * ```ts
 * import { createListener, route, versions } from '@ent/http';
 * import { z } from 'zod';
 *
 * const Old = z.object({ name: z.string() });
 * const New = z.object({ given: z.string(), family: z.string() });
 * const v1 = [
 *   route({ method: 'GET', path: '/me', responses: { 200: Old }, handler: () => ({ name: 'Ada Lovelace' }) }),
 * ];
 * const v2 = [
 *   route({ method: 'GET', path: '/me', responses: { 200: New }, handler: () => ({ given: 'Ada', family: 'King' }) }),
 * ];
 * createListener(versions({ v1, v2 })); // GET /v1/me, GET /v2/me
 * createListener(versions({ 1: v1, 2: v2 }, { header: 'api-version', default: '1' })); // GET /me
 * ```
 */
export function versions<const Given extends Tables>(tables: Given): VersionsByPath<Given>;
export function versions(tables: Tables, options: VersionsOptions): readonly Route[];
export function versions(tables: Tables, options: VersionsOptions = {}): readonly Route[] {
  const fail = httpErrors.invalid_options;
  demandOptions(tables, 'versions', fail);
  refuseUnknown(options, { header: true, default: true }, 'versions', fail);
  const { header, default: standard } = options;
  const supported = Object.keys(tables);
  if (supported.length === 0) throw fail('versions: name at least one version.');
  for (const [name, routes] of Object.entries(tables)) {
    if (!NAME.test(name))
      throw fail(`versions: ${JSON.stringify(name)} is no name: use letters, digits, ".", "_", "-".`);
    demandList(routes, `versions: ${name}`);
  }
  if (header !== undefined && (typeof header !== 'string' || !HEADER.test(header))) {
    throw fail('versions: header must be the name of one.');
  }
  if (standard !== undefined && (header === undefined || !supported.includes(standard))) {
    throw fail(`versions: default must be one of ${supported.join(', ')}, and goes with a header.`);
  }
  const versioning: Versioning = { header: header?.toLowerCase(), supported, standard };
  return Object.entries(tables).flatMap(([name, routes]) => {
    const versioned = routes.map((route): Route => {
      const version: RouteVersion = { name, path: route.path, of: versioning };
      return { ...route, version };
    });
    return header === undefined ? mount(`/${name}`, versioned) : versioned;
  });
}
