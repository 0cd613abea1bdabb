import { kindOf } from '@ent/internal';
import { httpErrors } from './errors.ts';
import { checkRoute } from './internal/check-route.ts';
import { demandList } from './internal/demand.ts';
import type { Route, TypedRoute } from './route.ts';

type MountedRoute<Prefix extends string, One> =
  One extends TypedRoute<
    infer Verb,
    infer Path,
    infer Params,
    infer Query,
    infer Headers,
    infer Body,
    infer Answers,
    infer Cookies
  >
    ? TypedRoute<Verb, Path extends '/' ? Prefix : `${Prefix}${Path}`, Params, Query, Headers, Body, Answers, Cookies>
    : Route;

/** A table of routes under a prefix. Made by {@link mount}. */
export type Mounted<Prefix extends string, Routes extends readonly Route[]> = {
  [Index in keyof Routes]: MountedRoute<Prefix, Routes[Index]>;
};

// As segments of a path are, without parameters: the routes would not know them.
const PREFIX = /^(?:\/[A-Za-z0-9._~!$&'()+,;=@-]+)+$/;

/**
 * Puts a table of routes under a prefix: a part of a service, written without knowing where it will be. Its document
 * and a client that is typed by it have the whole paths.
 *
 * @param prefix such as `/api/v1`: it begins with a slash, does not end with one, and has no parameters
 * @throws `http.invalid_options` for a prefix that is none, or what is no list; `http.invalid_route` for what is no
 *   route
 * @example
 * ```ts
 * import { mount, route } from '@ent/http';
 *
 * const ping = route({ method: 'GET', path: '/ping', responses: { 204: {} }, handler() {} });
 * const routes = mount('/api', [ping]);
 * console.log(routes[0].path); // /api/ping
 * ```
 */
export function mount<const Prefix extends string, const Routes extends readonly Route[]>(
  prefix: Prefix,
  routes: Routes,
): Mounted<Prefix, Routes> {
  demandPrefix(prefix, 'mount: the prefix');
  demandList(routes, 'mount: the routes');
  const mounted = routes.map((route): Route => {
    checkRoute(route);
    return { ...route, path: route.path === '/' ? prefix : prefix + route.path };
  });
  return mounted as unknown as Mounted<Prefix, Routes>;
}

/** @internal */
export function demandPrefix(value: unknown, what: string): void {
  if (typeof value === 'string' && PREFIX.test(value)) return;
  const got = typeof value === 'string' ? JSON.stringify(value) : kindOf(value);
  throw httpErrors.invalid_options(
    `${what} must begin with "/", not end with it, and have no parameters, such as "/api"; got ${got}.`,
  );
}
