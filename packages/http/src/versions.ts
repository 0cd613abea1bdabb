import { demandOptions, refuseUnknown } from '@ent/internal';
import { isRouteAnswer, kindOfAnswer } from './answer.ts';
import { httpErrors } from './errors.ts';
import { demandList } from './internal/demand.ts';
import { TOKEN } from './internal/token.ts';
import type { RouteVersion, Versioning } from './internal/version.ts';
import { type Mounted, mount } from './mount.ts';
import type { Route } from './route.ts';

/** How {@link versions} tells which version a client wants. */
export interface VersionsOptions {
  /**
   * Name of the request header that says the version, such as `api-version`. Default: the first segment of the path.
   */
  readonly header?: string | undefined;
  /**
   * Media type that names the versions in `Accept`, without one of them, such as `application/vnd.shop`: clients ask
   * for `application/vnd.shop.v2+json`, `application/vnd.shop+json; version=v2`, or `application/json; version=v2`.
   */
  readonly mediaType?: string | undefined;
  /**
   * The version of who does not say. Default: by a header none, they get a 400; by a media type the last that has the
   * path.
   */
  readonly default?: string | undefined;
}

type Tables = Readonly<Record<string, readonly Route[]>>;

/** The routes of all versions, each under a prefix of its name. */
export type VersionsByPath<Given extends Readonly<Record<string, readonly Route[]>>> = readonly {
  [Name in keyof Given & string]: Mounted<`/${Name}`, Given[Name]>[number];
}[keyof Given & string][];

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
// In lower case, as types are compared; the tree of vendors (RFC 6838, section 3.2).
const MEDIA_TYPE = /^application\/(?:vnd|prs)\.[a-z0-9!#$&^_-]+(?:\.[a-z0-9!#$&^_-]+)*$/;

/**
 * Several versions of an API beside each other, by the path (`/v1/users`), by a request header, or by a media type in
 * `Accept`. A version that there is not is refused by a problem that names those that there are.
 *
 * By the path, each is a table of its own. By a header or a media type, routes of the same method and path answer in
 * turn for their versions, and the document shows those of the default version, or else of the last. A media type is
 * negotiated (RFC 9110, section 12.5.1): JSON goes out as the type that was chosen, and nothing that suits is 406.
 * Bodies of requests are `application/json` all the same.
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
 * createListener(versions({ v1, v2 }, { mediaType: 'application/vnd.shop' })); // Accept: application/vnd.shop.v1+json
 * ```
 */
export function versions<const Given extends Tables>(tables: Given): VersionsByPath<Given>;
export function versions(tables: Tables, options: VersionsOptions): readonly Route[];
export function versions(tables: Tables, options: VersionsOptions = {}): readonly Route[] {
  const fail = httpErrors.invalid_options;
  demandOptions(tables, 'versions', fail);
  refuseUnknown(options, { header: true, mediaType: true, default: true }, 'versions', fail);
  const { mediaType, default: standard } = options;
  const header = mediaType === undefined ? options.header : 'accept';
  const supported = Object.keys(tables);
  if (supported.length === 0) throw fail('versions: name at least one version.');
  for (const [name, routes] of Object.entries(tables)) {
    if (!NAME.test(name))
      throw fail(`versions: ${JSON.stringify(name)} is no name: use letters, digits, ".", "_", "-".`);
    demandList(routes, `versions: ${name}`);
  }
  if (header !== undefined && (typeof header !== 'string' || !TOKEN.test(header))) {
    throw fail('versions: header must be the name of one.');
  }
  if (mediaType !== undefined && (typeof mediaType !== 'string' || !MEDIA_TYPE.test(mediaType))) {
    throw fail('versions: mediaType must be one of a vendor, without a version, such as "application/vnd.shop".');
  }
  if (mediaType !== undefined && options.header !== undefined) throw fail('versions: say header or mediaType.');
  // Types are compared in lower case.
  if (mediaType !== undefined && supported.some((name) => name !== name.toLowerCase())) {
    throw fail('versions: names of versions are in lower case where a media type has them.');
  }
  if (standard !== undefined && (header === undefined || !supported.includes(standard))) {
    throw fail(`versions: default must be one of ${supported.join(', ')}, and goes with a header or a mediaType.`);
  }
  const versioning: Versioning = { header: header?.toLowerCase(), mediaType, supported, standard };
  return Object.entries(tables).flatMap(([name, routes]) => {
    const versioned = routes.map((route): Route => {
      if (mediaType !== undefined) refuseNegotiated(route);
      const version: RouteVersion = { name, path: route.path, of: versioning };
      return { ...route, version };
    });
    return header === undefined ? mount(`/${name}`, versioned) : versioned;
  });
}

/** Whatever such an answer chooses, it would not know the types of versions. */
function refuseNegotiated({ method, path, responses }: Route): void {
  const chooses = Object.values(responses).some(
    (answer) => isRouteAnswer(answer) && kindOfAnswer(answer).document.problems?.includes(406) === true,
  );
  if (!chooses) return;
  throw httpErrors.invalid_options(
    `versions: ${method} ${path} has a negotiated() answer, which goes by Accept as the mediaType does: use a header.`,
  );
}
