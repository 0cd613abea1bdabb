import type { Exchange, Reply } from '@ent/middleware';
import { httpErrors } from '../errors.ts';
import type { Route } from '../route.ts';
import type { Endpoint } from './endpoint.ts';
import { isOfVersions, negotiate, vendorType } from './version-types.ts';
import type { Versioning } from './version.ts';

/**
 * Makes one endpoint of those that have the same method and path and differ by the version that a header says. All
 * others are as they were.
 */
export function joinVersions(endpoints: readonly Endpoint[]): Endpoint[] {
  const joined = new Map<string, Map<Versioning, Map<string, Endpoint>>>();
  return endpoints.flatMap((endpoint) => {
    const { route } = endpoint;
    const { version } = route;
    if (version?.of.header === undefined) return [endpoint];
    const key = `${route.method} ${route.path}`;
    const places = joined.get(key) ?? new Map<Versioning, Map<string, Endpoint>>();
    joined.set(key, places);
    const others = places.get(version.of);
    // Two of one version are a mistake that the router tells.
    if (others?.has(version.name)) return [endpoint];
    const byName = others ?? new Map<string, Endpoint>();
    byName.set(version.name, endpoint);
    places.set(version.of, byName);
    return others === undefined ? [oneOf(route, version.of, byName)] : [];
  });
}

function oneOf(route: Route, versioning: Versioning, byName: ReadonlyMap<string, Endpoint>): Endpoint {
  if (versioning.mediaType !== undefined) return oneByType(route, versioning, versioning.mediaType, byName);
  const header = versioning.header as string;
  return {
    route,
    answer(exchange, params) {
      const wanted = exchange.header(header) ?? versioning.standard;
      const endpoint = wanted === undefined ? undefined : byName.get(wanted);
      if (endpoint === undefined) throw refusal(versioning, byName, wanted);
      const reply = endpoint.answer(exchange, params);
      return reply instanceof Promise ? reply.then((late) => varying(late, header)) : varying(reply, header);
    },
  };
}

function oneByType(
  route: Route,
  versioning: Versioning,
  vendor: string,
  byName: ReadonlyMap<string, Endpoint>,
): Endpoint {
  // Of who does not say, the newest that has this path, unless a default is said.
  const standard = (): string => versioning.standard ?? ([...byName.keys()].at(-1) as string);
  return {
    route,
    answer(exchange, params) {
      const accept = exchange.header('accept');
      const chosen = negotiate(accept, vendor, byName, standard());
      const endpoint = byName.get(chosen?.version ?? standard());
      if (endpoint === undefined || (chosen === undefined && isOfVersions(accept, vendor))) {
        throw refusedType(versioning, vendor, byName);
      }
      const typed = (reply: Reply): Reply =>
        varying(chosen === undefined ? reply : ofType(reply, chosen.type), 'Accept');
      const reply = endpoint.answer(exchange, params);
      return reply instanceof Promise ? reply.then(typed) : typed(reply);
    },
  };
}

/** Only JSON has versions: what else a route answers with goes out as it is. */
function ofType(reply: Reply, type: string): Reply {
  if (reply.headers?.['content-type'] !== 'application/json') return reply;
  return { ...reply, headers: { ...reply.headers, 'content-type': type } };
}

function refusedType({ supported }: Versioning, vendor: string, byName: ReadonlyMap<string, Endpoint>): Error {
  const types = [...byName.keys()].map((name) => vendorType(vendor, name)).join(', ');
  return httpErrors.unsupported_version(`This is there as ${types}.`, {
    status: 406,
    details: { supported },
    headers: { vary: 'Accept' },
  });
}

function refusal(versioning: Versioning, byName: ReadonlyMap<string, Endpoint>, wanted: string | undefined): Error {
  const { header, supported } = versioning;
  const headers = { vary: header as string };
  if (wanted === undefined) {
    return httpErrors.unsupported_version(`Say which version by the header "${header}": ${supported.join(', ')}.`, {
      headers,
      details: { supported },
    });
  }
  if (supported.includes(wanted)) {
    const has = [...byName.keys()].join(', ');
    return httpErrors.route_not_found(`There is nothing at this path in version ${wanted}; there is in ${has}.`, {
      headers,
    });
  }
  return unsupported(supported, 400, headers);
}

function unsupported(supported: readonly string[], status: number, headers?: Record<string, string>): Error {
  return httpErrors.unsupported_version(`There is no such version; there are ${supported.join(', ')}.`, {
    status,
    details: { supported },
    ...(headers && { headers }),
  });
}

/** Caches keep one answer for each version. */
function varying(reply: Reply, header: string): Reply {
  const name = Object.keys(reply.headers ?? {}).find((each) => each.toLowerCase() === 'vary') ?? 'vary';
  const before = reply.headers?.[name];
  const vary = before === undefined ? header : [before, header].flat().join(', ');
  return { ...reply, headers: { ...reply.headers, [name]: vary } };
}

/**
 * Looks why nothing is at a path: where it begins with the name of a version that there is not, and goes on with what
 * one of the others has, that is said.
 *
 * @param answers whether there is something at a path
 */
export function versionsByPath(
  routes: readonly Route[],
  answers: (path: string) => boolean,
): (exchange: Exchange) => void {
  const places = new Map<string, Place>();
  for (const { path, version } of routes) {
    if (version === undefined || version.of.header !== undefined) continue;
    const before = path.slice(0, -`/${version.name}${version.path === '/' ? '' : version.path}`.length);
    places.set(before, { before, versioning: version.of });
  }
  return ({ path }) => {
    for (const { before, versioning } of places.values()) {
      if (!path.startsWith(`${before}/`)) continue;
      const [name = '', ...rest] = path.slice(before.length + 1).split('/');
      const { supported } = versioning;
      if (supported.includes(name) || !supported.some((each) => formOf(each) === formOf(name))) continue;
      const elsewhere = supported.some((each) => answers([`${before}/${each}`, ...rest].join('/')));
      if (elsewhere) throw unsupported(supported, 404);
    }
  };
}

interface Place {
  /** The path in front of the version. */
  readonly before: string;
  readonly versioning: Versioning;
}

/** `v1` and `v12` have the same one, `users` has another. */
function formOf(name: string): string {
  return name.replace(/\d+/g, '0');
}
